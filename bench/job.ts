/** The job of the executor cases: what is measured is the way to another thread and back. */
export const add = (a: number, b: number): number => a + b

/** `add` as piscina's workers call it. */
export default ([a, b]: readonly [number, number]): number => add(a, b)
