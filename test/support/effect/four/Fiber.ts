import * as Effect from "effect4/Effect"
import type * as Exit from "effect4/Exit"
import * as F from "effect4/Fiber"
import * as Option from "effect4/Option"
export * from "effect4/Fiber"

export type Fiber<A, X = never> = F.Fiber<A, X>
export type RuntimeFiber<A, X = never> = F.Fiber<A, X>

/** Several fibers count as one. */
export const all = <A, X>(fibers: Iterable<Fiber<A, X>>): ReadonlyArray<Fiber<A, X>> => [...fibers]

const isOne = <A, X>(fiber: Fiber<A, X> | ReadonlyArray<Fiber<A, X>>): fiber is Fiber<A, X> =>
  F.isFiber(fiber)

export const join = <A, X>(
  fiber: Fiber<A, X> | ReadonlyArray<Fiber<A, X>>
): Effect.Effect<A | ReadonlyArray<A>, X> => (isOne(fiber) ? F.join(fiber) : F.joinAll(fiber))

/** Gives the Exit. */
export const interrupt = <A, X>(
  fiber: Fiber<A, X> | ReadonlyArray<Fiber<A, X>>
): Effect.Effect<Exit.Exit<A, X> | void> =>
  isOne(fiber) ? Effect.flatMap(F.interrupt(fiber), () => F.await(fiber)) : F.interruptAll(fiber)

export const interruptFork = (fiber: Fiber<unknown, unknown>): Effect.Effect<void> =>
  Effect.sync(() => fiber.interruptUnsafe())

export const poll = <A, X>(fiber: Fiber<A, X>): Effect.Effect<Option.Option<Exit.Exit<A, X>>> =>
  Effect.sync(() => Option.fromUndefinedOr(fiber.pollUnsafe()))

export const getCurrentFiber = (): Option.Option<Fiber<any, any>> => Option.fromUndefinedOr(F.getCurrent())
