/**
 * One object of each class that the border makes in numbers, kept for ever, as `kernel/shapes.ts` keeps those of the kernel and
 * says why: a call of `fromAio` took twice as long without them in a process that is idle now and then. They are of a loop
 * that is never run.
 */
import type { Home } from "../ports.js"

const makers: Array<(loop: Home) => object> = []
const kept: Array<object> = []
let spare: Home | undefined

/** For a class of this room or above: how one of its objects is made. Called when its file is loaded. */
export const keepsShape = (make: (loop: Home) => object): void => {
  if (spare === undefined) makers.push(make)
  else kept.push(make(spare))
}

/** Makes them, once; `idle` gives a loop that does nothing. Gives them back for the tests. */
export const keepFiberShapes = (idle: () => Home): ReadonlyArray<object> => {
  if (spare === undefined) {
    spare = idle()
    for (const make of makers.splice(0)) kept.push(make(spare))
  }
  return kept
}
