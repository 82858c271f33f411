/**
 * What the page knows: the rows that are there now, and what was there in the last minutes. All of it is bounded, in time and in
 * number.
 */
import type { AllMessage, ChangesMessage, Message, PageLoop, PageRow, PageThread } from "../ui/messages.js"

/** For how long what was is kept, in milliseconds, and how many of it. */
export const KEPT = 5 * 60_000
export const MOST_BARS = 20_000
const MOST_POINTS = 2_000

/** A state of a row, from when on. */
export interface Part {
  readonly from: number
  readonly state: string
  readonly waitingOn: string
}

/** The life of one row: what the timeline draws. */
export interface Bar {
  readonly id: string
  /** As it was seen last. */
  row: PageRow
  readonly start: number
  end: number | undefined
  readonly parts: Array<Part>
  /** What waits for it, or has forked it: it is drawn below that. */
  under: Bar | undefined
}

/** The numbers of a loop at one moment. */
export interface Point {
  readonly at: number
  readonly late: number | undefined
  readonly lateMean: number | undefined
  readonly ready: number
  readonly timers: number
  readonly tasks: number
  /** Callbacks and task steps in a second. */
  readonly callbacks: number | undefined
}

/** live: news come. lost: they did, and may come again. ended: they do not. */
export type Status = "waiting" | "live" | "lost" | "ended"

/** How many steps up it is to what has a bar: a Future has none. */
const STEPS = 8

export class Model {
  status: Status = "waiting"
  pid: number | undefined
  by = ""
  /** Of what was told last. */
  at = 0
  next = 0
  trouble: string | undefined
  threads: ReadonlyArray<PageThread> = []
  loops: ReadonlyArray<PageLoop> = []
  /** Closed loops are told of no more: what was seen of each last. */
  readonly rows = new Map<string, PageRow>()
  readonly points = new Map<string, Array<Point>>()
  /** In the order in which they were seen first. */
  bars: ReadonlyArray<Bar> = []
  /** Counts what changes of the bars' places. */
  shape = 0
  readonly #alive = new Map<string, Bar>()
  #counted = new Map<string, { readonly at: number; readonly callbacks: number }>()

  take(message: Message): void {
    this.at = message.at
    if (message.kind === "trouble") {
      this.trouble = message.text
      return
    }
    if (message.kind === "ended") {
      this.trouble = message.text
      this.status = "ended"
      // The last state stays: nobody has seen how it ended.
      return
    }
    this.trouble = undefined
    this.status = "live"
    this.next = message.next
    this.threads = message.threads
    this.loops = message.loops
    const gone = message.kind === "all" ? this.#all(message) : message.gone
    this.#rows(message, gone)
    this.#place(message.rows)
    this.#forget(message.at)
    for (const loop of message.loops) this.#point(message.at, loop)
  }

  /** All of them, and those that are not among them have gone. */
  #all({ by, pid, rows }: AllMessage): ReadonlyArray<string> {
    this.pid = pid
    this.by = by
    const there = new Set(rows.map(({ id }) => id))
    return [...this.rows.keys()].filter((id) => !there.has(id))
  }

  #rows({ at, rows }: AllMessage | ChangesMessage, gone: ReadonlyArray<string>): void {
    for (const id of gone) {
      this.rows.delete(id)
      const bar = this.#alive.get(id)
      if (bar === undefined) continue
      bar.end = at
      this.#alive.delete(id)
      this.shape++
    }
    const born: Array<Bar> = []
    for (const row of rows) {
      this.rows.set(row.id, row)
      if (row.born === undefined) continue
      const bar = this.#alive.get(row.id)
      if (bar === undefined) born.push(this.#begin(row, row.born))
      else this.#change(bar, row, at)
    }
    if (born.length > 0) this.bars = [...this.bars, ...born]
  }

  #begin(row: PageRow, start: number): Bar {
    const { id, state, waitingOn } = row
    const bar: Bar = {
      id,
      row,
      start,
      end: undefined,
      parts: [{ from: start, state, waitingOn }],
      under: undefined
    }
    this.#alive.set(id, bar)
    this.shape++
    return bar
  }

  #change(bar: Bar, row: PageRow, at: number): void {
    const { state, waitingOn } = row
    if (bar.row.state !== state || bar.row.waitingOn !== waitingOn) {
      // How often it changed is not bounded by its life.
      if (bar.parts.length >= 100) bar.parts.splice(1, 1)
      bar.parts.push({ from: at, state, waitingOn })
    }
    bar.row = row
  }

  /** Whom they are drawn below: what has forked them, or what waits for them first. */
  #place(news: ReadonlyArray<PageRow>): void {
    const waits = news.some(({ waitsFor }) => waitsFor.length > 0)
    if (!waits && !news.some(({ parent }) => parent !== undefined)) return
    const waiters = new Map<string, string>()
    for (const { id, waitsFor } of this.rows.values())
      for (const target of waitsFor) if (!waiters.has(target)) waiters.set(target, id)
    const above = (id: string): string | undefined => this.rows.get(id)?.parent ?? waiters.get(id)
    for (const bar of this.#alive.values()) {
      if (bar.under !== undefined) continue
      let id = above(bar.id)
      for (let step = 0; step < STEPS && id !== undefined && !this.#alive.has(id); step++) id = above(id)
      const under = id === undefined ? undefined : this.#alive.get(id)
      if (under === undefined || isAbove(bar, under)) continue
      bar.under = under
      this.shape++
    }
  }

  #forget(at: number): void {
    const oldest = at - KEPT
    let ended = this.bars.length - this.#alive.size
    let dropped = false
    const kept = this.bars.filter(({ end }) => {
      if (end === undefined) return true
      const keep = end >= oldest && ended <= MOST_BARS
      if (!keep) {
        ended--
        dropped = true
      }
      return keep
    })
    if (!dropped) return
    this.bars = kept
    const there = new Set(kept)
    for (const bar of kept) if (bar.under !== undefined && !there.has(bar.under)) bar.under = undefined
    this.shape++
  }

  #point(at: number, { delay, id, numbers }: PageLoop): void {
    const before = this.#counted.get(id)
    const { callbacks, ready, tasks, timers } = numbers
    this.#counted.set(id, { at, callbacks })
    const points = this.points.get(id) ?? []
    points.push({
      at,
      late: delay?.max,
      lateMean: delay?.mean,
      ready,
      timers,
      tasks,
      callbacks:
        before === undefined || at <= before.at
          ? undefined
          : ((callbacks - before.callbacks) * 1_000) / (at - before.at)
    })
    while (points.length > MOST_POINTS || (points[0] as Point).at < at - KEPT) points.shift()
    this.points.set(id, points)
    // Loops that come and go: those of which nothing was told for as long are forgotten.
    for (const [other, its] of this.points) {
      if ((its.at(-1) as Point).at >= at - KEPT) continue
      this.points.delete(other)
      this.#counted.delete(other)
    }
  }
}

/** Whether it is above the other one already: those that wait for each other in a circle would hang below themselves. */
const isAbove = (bar: Bar, other: Bar): boolean => {
  for (let at: Bar | undefined = other; at !== undefined; at = at.under) if (at === bar) return true
  return false
}
