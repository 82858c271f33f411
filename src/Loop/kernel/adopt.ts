/** The Promise Resolution Procedure (Promises/A+ 1.1, clause 2.3), for the Futures that `then` returns. */

/** What is settled by the procedure: one of the two is called, once. */
export interface Receiver {
  _fulfil(value: unknown): void
  _reject(reason: unknown): void
}

/**
 * Settles `receiver` with `value`: a thenable is followed to its end, anything else is the value itself. A thenable
 * that calls back twice, or throws after it called back, is heard once. Thenables that answer at once with another are
 * followed in a loop, so that their number does not matter; a circle of them is an error. Returns the thenable it waits
 * for, if any.
 */
export const adopt = (receiver: Receiver, value: unknown): PromiseLike<unknown> | undefined => {
  let seen: Set<unknown> | undefined
  for (;;) {
    if (value === receiver || seen?.has(value) === true) {
      receiver._reject(new TypeError("a Future cannot settle with itself"))
      return undefined
    }
    if ((typeof value !== "object" || value === null) && typeof value !== "function") {
      receiver._fulfil(value)
      return undefined
    }
    let heard = false
    let inside = true
    let answer: { readonly value: unknown } | undefined
    try {
      const then: unknown = (value as { then?: unknown }).then
      if (typeof then !== "function") {
        heard = true
        receiver._fulfil(value)
        return undefined
      }
      then.call(
        value,
        (next: unknown) => {
          if (heard) return
          heard = true
          if (inside) answer = { value: next }
          else adopt(receiver, next)
        },
        (reason: unknown) => {
          if (heard) return
          heard = true
          receiver._reject(reason)
        }
      )
    } catch (error) {
      if (!heard) {
        heard = true
        receiver._reject(error)
      }
    }
    inside = false
    if (answer === undefined) return heard ? undefined : (value as PromiseLike<unknown>)
    seen ??= new Set()
    seen.add(value)
    value = answer.value
  }
}

/** Whether a value has a `then` method. A getter that throws is a thenable too: following it gives the error. */
export const isThenable = (u: unknown): u is PromiseLike<unknown> => {
  if ((typeof u !== "object" || u === null) && typeof u !== "function") return false
  try {
    return typeof (u as { then?: unknown }).then === "function"
  } catch {
    return true
  }
}
