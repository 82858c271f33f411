/**
 * Programs of a loop, for services that live no longer than it: without the loop in `R`, and without the three ways in `E`
 * in which every wait on a loop can be broken off. A service that was made with its loop has no use for either: its users
 * can neither give it another loop nor do anything about the end of this one.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Cause from "effect/Cause"
import {
  callableEffect,
  EffectAndStream,
  failures,
  handleCause,
  handleStreamCause,
  isStream,
  prefersStream
} from "../../effect.js"
import { describeValue } from "../kernel/describe.js"
import {
  type CancelledError,
  isCancelledError,
  type LoopClosedError,
  QueueFullError,
  isLoopClosedError
} from "../kernel/errors.js"
import type { Home } from "../ports.js"

/** How every wait on a loop can be broken off. */
type BrokenOff = CancelledError | LoopClosedError | QueueFullError

/**
 * Takes `Loop` out of what an Effect, a Stream or a function that gives one needs, and `CancelledError`, `LoopClosedError`
 * and `QueueFullError` out of how it fails. `Self` is the service tag of the loop.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bind<Self> {
  <This, Args extends Array<unknown>, A, E, R>(
    fn: (this: This, ...args: Args) => Effect.Effect<A, E, R>
  ): (this: This, ...args: Args) => Effect.Effect<A, Exclude<E, BrokenOff>, Exclude<R, Self>>
  <This, Args extends Array<unknown>, A, E, R>(
    fn: (this: This, ...args: Args) => Stream.Stream<A, E, R>
  ): (this: This, ...args: Args) => Stream.Stream<A, Exclude<E, BrokenOff>, Exclude<R, Self>>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Exclude<E, BrokenOff>, Exclude<R, Self>>
  <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, Exclude<E, BrokenOff>, Exclude<R, Self>>
}

type AnyEffect = Effect.Effect<unknown, unknown, never>
type AnyStream = Stream.Stream<unknown, unknown, never>

/** How the loop is given to an Effect and to a Stream. */
export interface Provide {
  readonly effect: (effect: AnyEffect) => AnyEffect
  readonly stream: (stream: AnyStream) => AnyStream
}

/**
 * What a Cause means to who knows no loop. Interrupted: somebody has cancelled the work, or its loop is closing. A defect:
 * the loop crashed or was closed before, so the service has outlived it, or it was opened with a `queueLength` that its
 * program does not keep. `undefined`: nothing of this, the Cause as it is.
 */
const meaningOf = (loop: Home, cause: Cause.Cause<unknown>): Effect.Effect<never> | undefined => {
  for (const error of failures(cause)) {
    if (isCancelledError(error)) return Effect.interrupt
    if (error instanceof QueueFullError) return Effect.die(error)
    if (isLoopClosedError(error)) {
      return loop.isClosed() || error.cause !== undefined ? Effect.die(error) : Effect.interrupt
    }
  }
  return undefined
}

/** A call of a wrapped function is an Effect and a Stream until it runs; so is what it is bound to. */
class BoundCall extends EffectAndStream<unknown, unknown, never> {
  constructor(
    readonly streams: boolean,
    private readonly bound: { readonly effect: AnyEffect; readonly stream: AnyStream }
  ) {
    super()
  }

  override commit(): AnyEffect {
    return this.bound.effect
  }

  override stream(): AnyStream {
    return this.bound.stream
  }
}

export const bindTo = <Self>(loop: Home, provide: Provide): Bind<Self> => {
  const effectOf = (effect: AnyEffect): AnyEffect =>
    handleCause(provide.effect(effect), (cause) => meaningOf(loop, cause) ?? Effect.failCause(cause))
  const streamOf = (stream: AnyStream): AnyStream =>
    handleStreamCause(provide.stream(stream), (cause) =>
      Stream.fromEffect(meaningOf(loop, cause) ?? Effect.failCause(cause))
    )
  const bound = (program: unknown, what: string): unknown => {
    if (program instanceof EffectAndStream) {
      const both = program as EffectAndStream<unknown, unknown, never>
      return new BoundCall(both.streams, { effect: effectOf(both), stream: streamOf(both.stream()) })
    }
    if (Effect.isEffect(program)) return effectOf(program as AnyEffect)
    if (isStream(program)) return streamOf(program as AnyStream)
    throw new TypeError(
      `${what} an Effect, a Stream, or a function that gives one, not ${describeValue(program)}`
    )
  }
  const bind = (program: unknown): unknown => {
    if (typeof program !== "function") return bound(program, "the bind of Loop.binder takes")
    return callableEffect(function (this: unknown, ...args: Array<unknown>): unknown {
      return bound(
        (program as (...args: Array<unknown>) => unknown).apply(this, args),
        "a bound function gives"
      )
    }, prefersStream(program))
  }
  return bind as Bind<Self>
}
