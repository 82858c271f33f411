/** What was seen of a process at one time, and for how long it has been so. */
import type { SeenRow } from "../../Loop/inspect/SeenDump.js"
import { circleLines } from "../../Loop/inspect/text.js"
import { headOf, shown } from "../print.js"
import type { ThreadDumps } from "../Viewed.js"

export interface TopRow extends SeenRow {
  /** The same from one look to the next. */
  readonly identity: string
  readonly thread: number
  /** For how many milliseconds it has been seen in this state, waiting for the same. */
  readonly still: number
  /** Whether it waits in a circle: it can never go on. */
  readonly stuck: boolean
}

export interface Snapshot {
  readonly heads: ReadonlyArray<string>
  /** Each loop's rows by themselves: their numbers are its own. */
  readonly loops: ReadonlyArray<ReadonlyArray<TopRow>>
  /** How many rows were not taken. */
  readonly more: number
  /** How many have come, gone and gone on since the last look. */
  readonly come: number
  readonly gone: number
  readonly moved: number
}

interface Known {
  readonly state: string
  readonly since: number
}

/** Knows what was seen before. */
export class History {
  #known = new Map<string, Known>()

  /** `now` in milliseconds. Throws CliError where nothing of the library is there. */
  take(pid: number, threads: ReadonlyArray<ThreadDumps>, now: number): Snapshot {
    const known = new Map<string, Known>()
    let come = 0
    let moved = 0
    const heads: Array<string> = []
    let more = 0
    const loops = shown(pid, threads).flatMap((thread) => {
      heads.push(...headOf(pid, thread).flatMap((head) => head.split("\n")))
      return thread.dumps.map((dump) => {
        const { loop, rows } = dump
        heads.push(`  ${loop.name}: ${loop.state}, ${loop.ready} ready, ${rows.length + dump.more} there`)
        heads.push(...circleLines(dump).map((line) => `  ${line}`))
        more += dump.more
        const stuck = new Set(dump.circles.flat())
        return rows.map((row): TopRow => {
          const { createdAt, key, name, state, waitingOn, what } = row
          const identity = [thread.thread, key ?? `${loop.name} ${what} ${name} ${createdAt}`].join(" ")
          const words = `${state} ${waitingOn}`
          const before = this.#known.get(identity)
          if (before === undefined) come++
          else if (before.state !== words) moved++
          const since = before?.state === words ? before.since : now
          known.set(identity, { state: words, since })
          return { ...row, identity, thread: thread.thread, still: now - since, stuck: stuck.has(row.id) }
        })
      })
    })
    let gone = 0
    for (const identity of this.#known.keys()) if (!known.has(identity)) gone++
    this.#known = known
    return { heads, loops, more, come, gone, moved }
  }
}
