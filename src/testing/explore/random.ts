/** Numbers that only look like chance: the same on every machine, and on every version of Node. */

/** From 0 up to 1, in an order that the seed decides (mulberry32, which needs 32-bit operations alone). */
export const randomOf = (seed: number): (() => number) => {
  // Seeds are mostly 0, 1, 2: the numbers of neighbours have nothing in common after this.
  let state = Math.imul(seed ^ Math.floor(seed / 2 ** 32) ^ 0x9e3779b9, 0x85ebca6b) | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
