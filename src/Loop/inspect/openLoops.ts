/** The loops of this thread that were opened and not closed. One that is forgotten without a close is not kept by its being listed. */
import type { Home } from "../ports.js"

const refs = new Map<number, WeakRef<Home>>()
let count = 0
/** At so many it is time to look for those that were collected. */
let lookAt = 64

/** Lists a loop until what it returns is called. */
export const listLoop = (loop: Home): (() => void) => {
  const number = count++
  refs.set(number, new WeakRef(loop))
  if (refs.size >= lookAt) lookAt = 2 * Math.max(32, openLoops().length)
  return () => void refs.delete(number)
}

/** Those that are open now, in the order in which they were opened. */
export const openLoops = (): ReadonlyArray<Home> => {
  const open: Array<Home> = []
  for (const [number, ref] of refs) {
    const loop = ref.deref()
    if (loop === undefined) refs.delete(number)
    else open.push(loop)
  }
  return open
}
