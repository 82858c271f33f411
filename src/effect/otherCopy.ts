/** What is said of an Effect that another copy of the package `effect` has made: it is no Effect to this one. */
import * as Effect from "effect/Effect"

/** By what either line knows its Effects. */
const marks = ["~effect/Effect", Symbol.for("effect/Effect")]

const isMarked = (u: unknown): boolean => {
  try {
    return (
      ((typeof u === "object" && u !== null) || typeof u === "function") && marks.some((mark) => mark in u)
    )
  } catch {
    // Whatever refuses to be looked at.
    return false
  }
}

/** The end of an error message for a value that was expected to be an Effect: nothing, unless it is one of another copy. */
export const otherCopy = (u: unknown): string =>
  isMarked(u) && !Effect.isEffect(u)
    ? ": an Effect that another copy of effect has made than the one which effect-aio has found. npm ls effect shows both; " +
      "install one of them for all"
    : ""
