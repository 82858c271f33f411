/** What was seen of a process at one moment, as the page gets it: bounded in all of its parts, and comparable with the one before. */
import { oneLine } from "../../Loop/kernel/describe.js"
import type { SeenDump, SeenRow } from "../../Loop/inspect/SeenDump.js"
import type { ThreadDumps } from "../Viewed.js"
import type { AllMessage, ChangesMessage, PageLoop, PageRow, PageThread } from "./messages.js"

/** How long a text of the program may be, and of how many parts. */
const NAME = 200
const PLACE = 300
const NOTES = 400
const REFERENCES = 100
const RESOURCES = 50
const FRAMES = 20

const notesOf = ({ annotations }: SeenRow): string =>
  oneLine(
    Object.entries(annotations)
      .slice(0, 20)
      .map(([key, value]) => `${oneLine(key, NAME)}=${oneLine(value, NAME)}`)
      .join(" "),
    NOTES
  )

/** What is the same of rows that have no key, and nothing but that: timers are due within steps of time. */
const likeness = ({ createdAt, name, state, waitingOn, what }: SeenRow): string =>
  JSON.stringify([what, oneLine(name, NAME), state, oneLine(waitingOn, NAME), oneLine(createdAt, PLACE)])

/** Ids of loops: a name may be given twice. */
const idOf = (thread: number, name: string, taken: ReadonlySet<string>): string => {
  const plain = `${thread}/${oneLine(name, NAME)}`
  let id = plain
  for (let n = 2; taken.has(id); n++) id = `${plain}#${n}`
  return id
}

/** What is told of one row, as text: equal where nothing is new. */
interface Told {
  readonly row: PageRow
  readonly text: string
}

export class Picture {
  readonly loops: ReadonlyArray<PageLoop>
  readonly threads: ReadonlyArray<PageThread>
  readonly #told = new Map<string, Told>()
  #before: Picture | undefined

  /** Of `most` rows at most, at `at` in milliseconds since 1970. What a row was born at is kept from the picture before. */
  constructor(
    readonly at: number,
    threads: ReadonlyArray<ThreadDumps>,
    most: number,
    before: Picture | undefined
  ) {
    this.#before = before
    this.threads = threads.map(({ busy, library, thread }) => ({
      thread,
      library,
      busy: busy?.slice(0, FRAMES).map((frame) => oneLine(frame, PLACE))
    }))
    const loops: Array<PageLoop> = []
    const ids = new Set<string>()
    for (const { dumps, thread } of threads) {
      for (const dump of dumps) {
        const id = idOf(thread, dump.loop.name, ids)
        ids.add(id)
        loops.push(this.#take(id, thread, dump, most - this.#told.size))
      }
    }
    this.loops = loops
    // Or all pictures would be kept.
    this.#before = undefined
  }

  get size(): number {
    return this.#told.size
  }

  bornAt(id: string): number | undefined {
    return this.#told.get(id)?.row.born
  }

  all(pid: number, by: string, next: number): AllMessage {
    const rows = [...this.#told.values()].map(({ row }) => row)
    return { kind: "all", at: this.at, next, pid, by, threads: this.threads, loops: this.loops, rows }
  }

  /** What is new since `before`. */
  since(before: Picture, next: number): ChangesMessage {
    const rows: Array<PageRow> = []
    for (const [id, { row, text }] of this.#told) if (before.#told.get(id)?.text !== text) rows.push(row)
    const gone = [...before.#told.keys()].filter((id) => !this.#told.has(id))
    return { kind: "changes", at: this.at, next, threads: this.threads, loops: this.loops, rows, gone }
  }

  #take(loop: string, thread: number, dump: SeenDump, most: number): PageLoop {
    const taken = dump.rows.slice(0, Math.max(0, most))
    const ids = taken.map((row) => `${loop}/${row.key ?? likeness(row)}`)
    // Whom a row refers to by a number that was cut off is not there.
    const known = (numbers: ReadonlyArray<number>): ReadonlyArray<string> => {
      const found = new Set<string>()
      for (const number of numbers) {
        const id = ids[number - 1]
        if (id !== undefined) found.add(id)
        if (found.size === REFERENCES) break
      }
      return [...found]
    }
    taken.forEach((row, i) => this.#add(ids[i] as string, loop, dump.time, row, known))
    return {
      id: loop,
      thread,
      numbers: { ...dump.loop, name: oneLine(dump.loop.name, NAME) },
      more: dump.more + dump.rows.length - taken.length,
      circles: dump.circles
        .slice(0, REFERENCES)
        .filter((circle) => circle.every((number) => number <= taken.length))
        .map(known),
      resources: Object.fromEntries(
        Object.entries(dump.resources)
          .slice(0, RESOURCES)
          .map(([kind, count]) => [oneLine(kind, NAME), count])
      ),
      delay: dump.delay
    }
  }

  #add(
    id: string,
    loop: string,
    time: number,
    row: SeenRow,
    known: (numbers: ReadonlyArray<number>) => ReadonlyArray<string>
  ): void {
    const same = this.#told.get(id)
    const told: PageRow =
      same === undefined
        ? {
            id,
            loop,
            what: oneLine(row.what, NAME),
            name: oneLine(row.name, NAME),
            state: oneLine(row.state, NAME),
            waitingOn: oneLine(row.waitingOn, NAME),
            createdAt: oneLine(row.createdAt, PLACE),
            notes: notesOf(row),
            // Two clocks are read for it, and not at once: what was told first stays.
            born:
              this.#before?.bornAt(id) ??
              (row.age === undefined || row.key === undefined ? undefined : Math.round(this.at - row.age)),
            count: 1,
            waitsFor: known(row.waitsFor),
            parent: row.parent === undefined ? undefined : known([row.parent])[0]
          }
        : { ...same.row, count: same.row.count + 1 }
    this.#told.set(id, { row: told, text: JSON.stringify(told) })
  }
}
