/**
 * What a process tells of its loops to whoever may run code in it, an inspector, or is let in (`door.ts`). Each copy of the
 * library in a thread puts its offer in a list that all of them know by name; nothing listens, and nothing is done before
 * somebody asks.
 */
import { cancelRow } from "./cancelRow.js"
import { type Delay, delayNow } from "./delay.js"
import { LoopDump } from "./LoopDump.js"
import { openLoops } from "./openLoops.js"
import { rowsOf } from "./rows.js"
import { type SeenDump, shortened } from "./SeenDump.js"
import { type Offer, WIRE } from "./wireName.js"

/** So many keys each copy has for itself. */
const KEYS = 2 ** 40

const keys = new WeakMap<object, number>()
let next = 1

const keyOf = (thing: object): number => {
  const known = keys.get(thing)
  if (known !== undefined) return known
  keys.set(thing, next)
  return next++
}

/** The first of the objects by which a row is known has its key. */
const seen = (
  loop: ReturnType<typeof openLoops>[number],
  most: number,
  delay: Delay | undefined
): SeenDump => {
  const from = performance.now()
  const made = rowsOf(loop, most)
  const dump = shortened({ ...new LoopDump(loop, made).toJSON(), more: made.more }, most)
  const keyed = new Map<number, number>()
  for (const [thing, { id }] of made.of) if (id <= most && !keyed.has(id)) keyed.set(id, keyOf(thing))
  const rows = dump.rows.map((row) => {
    const key = keyed.get(row.id)
    return key === undefined ? row : { ...row, key }
  })
  return { ...dump, rows, delay, took: performance.now() - from }
}

const offer: Offer = {
  dumps: (most) => {
    const delay = delayNow()
    return openLoops().map((loop) => seen(loop, most, delay))
  },
  cancel: (key) => {
    for (const loop of openLoops()) {
      const things = [...rowsOf(loop).of]
      const row = things.find(([thing]) => keys.get(thing) === key)?.[1]
      if (row === undefined) continue
      return cancelRow(
        row,
        things.filter(([, other]) => other === row).map(([thing]) => thing)
      )
    }
    return undefined
  }
}

/** All offers of this thread. */
export const offers = (): ReadonlyArray<Offer> => {
  const place = globalThis as { [key: symbol]: ReadonlyArray<Offer> | undefined }
  return place[Symbol.for(WIRE)] ?? []
}

/** The first loop of this copy and thread is opened. */
export const offerDumps = (): void => {
  const before = offers()
  if (before.includes(offer)) return
  next = 1 + before.length * KEYS
  Object.defineProperty(globalThis, Symbol.for(WIRE), {
    value: [...before, offer],
    configurable: true,
    writable: true
  })
}
