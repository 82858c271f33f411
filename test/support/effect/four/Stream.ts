import * as Cause from "effect4/Cause"
import * as Chunk from "effect4/Chunk"
import * as Effect from "effect4/Effect"
import { dual } from "effect4/Function"
import * as Option from "effect4/Option"
import type * as Scope from "effect4/Scope"
import * as S from "effect4/Stream"
export * from "effect4/Stream"

export type Stream<A, X = never, R = never> = S.Stream<A, X, R>

export const catchAll = S.catch

export const fromChunk = <A>(chunk: Chunk.Chunk<A>): Stream<A> => S.fromIterable(chunk)

export const acquireRelease = <A, X, R, R2>(
  acquire: Effect.Effect<A, X, R>,
  release: (resource: A) => Effect.Effect<unknown, never, R2>
) => S.scoped(S.fromEffect(Effect.acquireRelease(acquire, release)))

export const repeatValue = <A>(value: A): Stream<A> => S.rechunk(S.forever(S.succeed(value)), 1)

/** Items one after the other, from Effects that give several. */
export const mapConcatEffect: {
  <A, B, X2, R2>(
    f: (item: A) => Effect.Effect<Iterable<B>, X2, R2>
  ): <X, R>(self: Stream<A, X, R>) => Stream<B, X | X2, R | R2>
  <A, X, R, B, X2, R2>(
    self: Stream<A, X, R>,
    f: (item: A) => Effect.Effect<Iterable<B>, X2, R2>
  ): Stream<B, X | X2, R | R2>
} = dual(2, (self: Stream<any>, f: (item: unknown) => Effect.Effect<Iterable<unknown>>) =>
  S.flattenIterable(S.mapEffect(self, f))
)

/** Chunks are arrays here. */
export const chunks = <A, X, R>(self: Stream<A, X, R>): Stream<Chunk.Chunk<A>, X, R> =>
  S.map(S.chunks(self), (items) => Chunk.fromIterable(items))

export const runCollect = <A, X, R>(self: Stream<A, X, R>): Effect.Effect<Chunk.Chunk<A>, X, R> =>
  Effect.map(S.runCollect(self), (items) => Chunk.fromIterable(items))

export const runForEachChunk: {
  <A, X2, R2>(
    f: (chunk: Chunk.Chunk<A>) => Effect.Effect<unknown, X2, R2>
  ): <X, R>(self: Stream<A, X, R>) => Effect.Effect<void, X | X2, R | R2>
  <A, X, R, X2, R2>(
    self: Stream<A, X, R>,
    f: (chunk: Chunk.Chunk<A>) => Effect.Effect<unknown, X2, R2>
  ): Effect.Effect<void, X | X2, R | R2>
} = dual(2, (self: Stream<any>, f: (chunk: Chunk.Chunk<any>) => Effect.Effect<unknown>) =>
  S.runForEachArray(self, (items) => f(Chunk.fromIterable(items)))
)

export const runFold: {
  <S, A>(zero: S, f: (state: S, item: A) => S): <X, R>(self: Stream<A, X, R>) => Effect.Effect<S, X, R>
  <A, X, R, S>(self: Stream<A, X, R>, zero: S, f: (state: S, item: A) => S): Effect.Effect<S, X, R>
} = dual(3, (self: Stream<any>, zero: unknown, f: (state: unknown, item: unknown) => unknown) =>
  S.runFold(self, () => zero, f)
)

/** The end is `Option.none()`, a failure is in `Option.some`. */
export const toPull = <A, X, R>(
  self: Stream<A, X, R>
): Effect.Effect<Effect.Effect<Chunk.Chunk<A>, Option.Option<X>, R>, never, R | Scope.Scope> =>
  Effect.map(S.toPull(self), (pull) =>
    Effect.mapError(
      Effect.map(pull, (items) => Chunk.fromIterable(items)),
      (end): Option.Option<X> => (Cause.isDone(end) ? Option.none() : Option.some(end as X))
    )
  )
