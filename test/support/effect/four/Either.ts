/** What an Either is to the tests. */
export type Either<A, X> =
  { readonly _tag: "Right"; readonly right: A } | { readonly _tag: "Left"; readonly left: X }

export const left = <X>(left: X): Either<never, X> => ({ _tag: "Left", left })

export const right = <A>(right: A): Either<A, never> => ({ _tag: "Right", right })

export const isLeft = <A, X>(either: Either<A, X>): either is { readonly _tag: "Left"; readonly left: X } =>
  either._tag === "Left"

export const match = <A, X, B, B2>(
  either: Either<A, X>,
  { onLeft, onRight }: { readonly onLeft: (left: X) => B; readonly onRight: (right: A) => B2 }
): B | B2 => (isLeft(either) ? onLeft(either.left) : onRight(either.right))
