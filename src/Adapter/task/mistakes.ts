/**
 * Mistakes of the program: errors that say that the border was used wrongly, and not how the work ended. They are thrown
 * inside the task, as outcomes are, so they carry a mark; by that the Effect that waits dies of them, past every `catch`.
 */
const mistakes = new WeakSet<object>()

/** Marks an error as a mistake of the program. */
export const mistake = <E extends Error>(error: E): E => {
  mistakes.add(error)
  return error
}

/** The same mapping of what aio code threw, which rethrows a mistake: `fromFuture` makes a defect of what it throws. */
export const mapping =
  <E>(mapError: (error: unknown) => E) =>
  (error: unknown): E => {
    if (mistakes.has(error as object)) throw error
    return mapError(error)
  }
