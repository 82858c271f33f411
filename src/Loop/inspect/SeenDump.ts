/** A dump as whoever looks from outside gets it: cut to a size, and with keys that hold from one dump to the next. */
import type { Delay } from "./delay.js"
import type { DumpJson } from "./DumpJson.js"
import type { DumpRow } from "./DumpRow.js"

/** A row and its thing's number, the same in each dump of a thread, and no other's. A timer and a resource have none. */
export interface SeenRow extends DumpRow {
  readonly key?: number
}

export interface SeenDump extends DumpJson {
  readonly rows: ReadonlyArray<SeenRow>
  /** How late callbacks of its thread were since the look before, where that was not long ago. */
  readonly delay?: Delay | undefined
  /** How long it took to make it, in milliseconds, where it is told of to who looks on. */
  readonly took?: number
}

/** The same dump with so many rows at most: what refers to others refers to none. */
export const shortened = (dump: DumpJson, most: number): DumpJson => {
  const more = dump.rows.length - most
  if (more <= 0) return dump
  const there = (id: number): boolean => id <= most
  const rows = dump.rows.slice(0, most).map((row) => ({
    ...row,
    waitsFor: row.waitsFor.filter(there),
    parent: row.parent !== undefined && there(row.parent) ? row.parent : undefined
  }))
  return {
    ...dump,
    rows,
    more: dump.more + more,
    circles: dump.circles.filter((circle) => circle.every(there))
  }
}
