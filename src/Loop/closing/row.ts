/** One row of the table of leftovers, built so that no value of the program can keep the table from being built. */
import type { Leftover } from "../ports.js"

/** A row, or one that says no more than its kind where asking for more throws. */
export const guardedRow = (what: string, build: () => Leftover): Leftover => {
  try {
    return build()
  } catch {
    return {
      what,
      name: "<unprintable>",
      age: 0,
      state: "",
      waitingOn: "",
      createdAt: "",
      blamed: true
    }
  }
}
