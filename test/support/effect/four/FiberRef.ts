/** A FiberRef is a Reference here, which lives in the Context: what a child sets stays with the child. */
import * as Context from "effect4/Context"
import * as Effect from "effect4/Effect"

export type FiberRef<A> = Context.Reference<A>

let made = 0

export const unsafeMake = <A>(initial: A): FiberRef<A> =>
  Context.Reference<A>(`test/FiberRef/${made++}`, { defaultValue: () => initial })

export const make = <A>(initial: A): Effect.Effect<FiberRef<A>> => Effect.sync(() => unsafeMake(initial))

export const get = <A>(ref: FiberRef<A>): Effect.Effect<A> => Effect.flatMap(Effect.void, () => ref)

/** `context` with another value for `ref`. */
export const setIn = <R, A>(context: Context.Context<R>, ref: FiberRef<A>, value: A): Context.Context<R> =>
  Context.add(context, ref, value)

export const set = <A>(ref: FiberRef<A>, value: A): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    fiber.setContext(setIn(fiber.context, ref, value))
    return Effect.void
  })
