/** A dump as other processes read it: what `JSON.stringify` makes of one. */
import type { LoopStatistics } from "../kernel/BaseEventLoop.js"
import type { DumpRow } from "./DumpRow.js"

/**
 * What `JSON.stringify` makes of a `LoopDump`.
 *
 * @category models
 * @since 0.2.0
 */
export interface DumpJson {
  readonly _id: "LoopDump"
  /** The loop's numbers. */
  readonly loop: LoopStatistics
  /** When it was made, in milliseconds of the loop's clock. */
  readonly time: number
  /** In the order of their numbers, which begin with 1. */
  readonly rows: ReadonlyArray<DumpRow>
  /** How many there are that were left out. */
  readonly more: number
  /** Rows that wait for each other in a circle, as their numbers: none of them can go on. */
  readonly circles: ReadonlyArray<ReadonlyArray<number>>
  /** How many of each kind keep Node from ending, as `process.getActiveResourcesInfo()` has them: the loop's own among them. */
  readonly resources: Readonly<Record<string, number>>
}
