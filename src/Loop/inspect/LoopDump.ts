/** What is on a loop at one moment, and who waits for whom: for people, for graphs, and for other programs. */
import type { LoopStatistics } from "../kernel/BaseEventLoop.js"
import type { Home } from "../ports.js"
import { circlesOf } from "./circles.js"
import type { DumpJson } from "./DumpJson.js"
import type { DumpRow } from "./DumpRow.js"
import { mermaidOf } from "./mermaid.js"
import { rowsOf } from "./rows.js"
import { tableText, treeText } from "./text.js"

const resourcesNow = (): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/**
 * What is on a loop at one moment: the rows of the table that closing prints, at any time, with the fibers, the Futures that are
 * waited for and the timers; and who waits for whom. Made by `Loop.dump` and `loop.dump()`; it changes nothing, keeps nothing of
 * the program, and may be made inside any callback.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const loop = yield* Loop
 *   loop.createTask(() => sleep(60_000), { name: "nap" })
 *   yield* Loop.synchronize
 *   const dump = yield* Loop.dump
 *   return dump.rows.filter(({ what }) => what === "task").map(({ name, state }) => `${name} ${state}`)
 * })
 * console.log(await Effect.runPromise(Loop.scoped(program))) // => [ 'nap pending' ]
 *
 * @category models
 * @since 0.2.0
 */
export class LoopDump {
  /** The loop's numbers. */
  readonly statistics: LoopStatistics
  /** When it was made, in milliseconds of the loop's clock. */
  readonly time: number
  readonly rows: ReadonlyArray<DumpRow>
  /** Rows that wait for each other in a circle, as their numbers: none of them can go on. */
  readonly circles: ReadonlyArray<ReadonlyArray<number>>
  /** How many of each kind keep Node from ending, as `process.getActiveResourcesInfo()` has them: the loop's own among them. */
  readonly resources: Readonly<Record<string, number>>

  /** @internal Use `loop.dump()`. */
  constructor(loop: Home, { rows } = rowsOf(loop)) {
    this.statistics = loop.statistics()
    this.time = loop.time()
    this.rows = rows
    this.circles = circlesOf(this.rows)
    this.resources = resourcesNow()
  }

  /** A table: a line a row, equal rows in one, circles and what keeps Node below it. */
  toString(): string {
    return tableText(this.toJSON())
  }

  /** A tree: at the top is whom nobody waits for, below each what it waits for and what it has forked. */
  tree(): string {
    return treeText(this.toJSON())
  }

  /** A graph, for a block of mermaid: arrows lead to what is waited for. At most 200 rows are drawn. */
  mermaid(): string {
    return mermaidOf(this.rows, this.circles)
  }

  toJSON(): DumpJson {
    const { circles, resources, rows, statistics, time } = this
    return { _id: "LoopDump", loop: statistics, time, rows, more: 0, circles, resources }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }
}
