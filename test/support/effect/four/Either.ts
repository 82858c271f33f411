/** What an Either is to the tests. */
export type Either<A, X> =
  { readonly _tag: "Right"; readonly right: A } | { readonly _tag: "Left"; readonly left: X }

export const left = <X>(left: X): Either<never, X> => ({ _tag: "Left", left })

export const isLeft = <A, X>(either: Either<A, X>): either is { readonly _tag: "Left"; readonly left: X } =>
  either._tag === "Left"
