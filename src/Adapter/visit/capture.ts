/** What a wrapped Effect takes along from where it was wrapped: its Context, FiberRefs and loop, captured once. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { contextOf, type FiberState, fiberState, mergeContext } from "../../effect.js"
import { originOf } from "../../Loop/fiber/Fibers.js"
import { Loop } from "../../Loop/Loop.js"
import type { Future } from "../../Loop/kernel/Future.js"
import type { EffectOptions, Home } from "../../Loop/ports.js"

/** Starts Effects in a fiber of their own, with what was captured. */
export interface Starter<R> {
  readonly loop: Home
  /** Throws what a scheduling call throws. The span and fiber-local state are those of a fiber that calls, if one does. */
  readonly start: <A, E>(effect: Effect.Effect<A, E, R>, options: EffectOptions) => Future<A>
  /** Interrupts a fiber, whose Future is given, for a reason. Of those that belong to a Scope. */
  readonly interrupt?: (future: Future<unknown>, reason: unknown) => void
}

/** Captures the caller's Context, FiberRefs and loop, for the fibers that aio code will start. */
export const capture = <R>(): Effect.Effect<Starter<R>, never, R | Loop> =>
  Effect.gen(function* () {
    const loop = yield* Loop
    const captured = yield* Effect.context<R | Loop>()
    const state = yield* fiberState
    // Most calls come from where the last one came from.
    let last:
      { readonly callers: Context.Context<never>; readonly merged: Context.Context<never> } | undefined
    const contextFor = (caller: FiberState | undefined): Context.Context<never> => {
      if (caller === undefined) return captured
      const callers = contextOf(caller)
      if (last?.callers !== callers) last = { callers, merged: mergeContext(callers, captured) }
      return last.merged
    }
    const origin = originOf(loop, contextFor, state)
    return {
      loop,
      start: <A, E>(effect: Effect.Effect<A, E, R>, options: EffectOptions): Future<A> =>
        // What R asks for is in `captured`, which every one of these fibers starts with.
        loop._effectAsFuture("toAio", effect as Effect.Effect<A, E>, options, origin)
    }
  })
