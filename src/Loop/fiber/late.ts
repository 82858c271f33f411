/** The errors that were reported as late, by any loop: with such an error a fiber that was interrupted ends as well. */
const told = new WeakSet<object>()

/** It is being reported. */
export const addLate = (error: unknown): void => {
  if (typeof error === "object" && error !== null) told.add(error)
}

/** Whether it was reported as late. */
export const isLate = (error: unknown): boolean =>
  typeof error === "object" && error !== null && told.has(error)
