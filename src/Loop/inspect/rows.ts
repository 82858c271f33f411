/**
 * The rows of a dump: those of the table of leftovers, whatever the loop is doing, with what that has no rows for, the fibers,
 * the Futures that somebody waits for and the timers; and who waits for whom.
 *
 * Rows find each other by the objects that they tell of. A fiber that waits for a Future is registered with that; a task knows
 * what it awaits; the rest is said by whoever made the row (`fiber/links.ts`). Nothing is asked of the program, and nothing is
 * changed: a dump may be made inside any callback.
 */
import { type FiberView, lookAt, rootFibers } from "../../effect.js"
import { leftoversOf } from "../closing/Leftovers.js"
import { guardedRow } from "../closing/row.js"
import { linksOf } from "../fiber/links.js"
import { describeValue, functionName, oneLine, textOf } from "../kernel/describe.js"
import { Future } from "../kernel/Future.js"
import { createdAt } from "../kernel/sites.js"
import type { TimerHandle } from "../kernel/Timers.js"
import type { Home } from "../ports.js"
import type { DumpRow } from "./DumpRow.js"

/** What a row says in words. */
type Words = Pick<DumpRow, "what" | "name" | "age" | "state" | "waitingOn" | "createdAt">

/** Rows, and by which objects they were found. */
export interface Rows {
  readonly rows: ReadonlyArray<DumpRow>
  readonly of: ReadonlyMap<object, DumpRow>
  /** How many tasks and timers have none. */
  readonly more: number
}

/** A row that is being made: what it refers to is put into it when all are there. */
type Draft = { -readonly [K in keyof DumpRow]: K extends "waitsFor" ? Array<number> : DumpRow[K] }

const nothing: ReadonlyArray<object> = []
const noAnnotations = {}

const siteOf = (thing: object): string => createdAt(thing).replace(/^ created at /, "")

/** Steps of time: timers that are due at about the same one are one row of a table. */
const steps = [
  [1_000, "1s"],
  [10_000, "10s"],
  [60_000, "1min"],
  [600_000, "10min"],
  [3_600_000, "1h"]
] as const

const due = (ms: number): string => {
  const step = steps.find(([most]) => ms <= most)
  return step === undefined ? "due in more than 1h" : `due within ${step[1]}`
}

const wordsOfFuture = (future: Future<unknown>): Words => ({
  what: "future",
  name: oneLine(textOf(future)),
  age: undefined,
  state: "pending",
  waitingOn: "whoever settles it",
  createdAt: siteOf(future)
})

const wordsOfTimer = (timer: TimerHandle, left: number, name: string): Words => ({
  what: "timer",
  name,
  age: undefined,
  state: "scheduled",
  waitingOn: due(left),
  createdAt: siteOf(timer)
})

const wordsOfFiber = (fiber: FiberView): Words => ({
  what: "fiber",
  name: nameOfFiber(fiber),
  age: fiber.startedAt === undefined ? undefined : Math.max(0, Date.now() - fiber.startedAt),
  state: fiber.told ? "interrupting" : "running",
  waitingOn: "something of Effect's own",
  createdAt: ""
})

const nameOfFiber = ({ id, span }: FiberView): string =>
  span === undefined ? id : `${id}, in span ${oneLine(span)}`

/** The rows while they are made, and the objects by which they find each other. */
class Drafts {
  readonly #all: Array<Draft> = []
  readonly #of = new Map<object, Draft>()
  /** What a row waits for, some of which may have no row, by the row's place. */
  readonly #awaits: Array<ReadonlyArray<object>> = []
  /** The Futures for which nobody has been looked for yet. */
  readonly #awaited: Array<readonly [future: Future<unknown>, draft: Draft]> = []
  readonly #fibers = new Map<Draft, FiberView>()
  readonly #views = new Map<object, FiberView>()
  readonly #settled: Array<readonly [by: Draft, future: Future<unknown>]> = []

  /** What can be seen of a fiber, which is looked at once. */
  view(object: object): FiberView | undefined {
    const known = this.#views.get(object)
    if (known !== undefined) return known
    const view = lookAt(object)
    if (view !== undefined) this.#views.set(object, view)
    return view
  }

  /** A row for `of`: whoever awaits one of these waits for it. */
  add(words: Words, of: ReadonlyArray<object>, awaits: ReadonlyArray<object> = nothing): Draft {
    const { age, createdAt, name, state, waitingOn, what } = words
    const draft: Draft = {
      id: this.#all.length + 1,
      what,
      name,
      age,
      state,
      waitingOn,
      waitsFor: [],
      parent: undefined,
      createdAt,
      annotations: noAnnotations
    }
    this.#all.push(draft)
    this.#awaits.push(awaits)
    for (const object of of) {
      this.#of.set(object, draft)
      this.#look(object, draft)
    }
    return draft
  }

  /** What a row settles waits for it, where somebody waits for that. */
  settles(draft: Draft, thing: unknown): void {
    if (thing instanceof Future) this.#settled.push([draft, thing])
  }

  /** The row of an object to which somebody refers, which is made where it is a fiber, or a Future that is pending. */
  find(object: object): Draft | undefined {
    const known = this.#of.get(object)
    if (known !== undefined) return known
    if (object instanceof Future) return object.done() ? undefined : this.add(wordsOfFuture(object), [object])
    const fiber = this.view(object)
    return fiber === undefined || fiber.ended ? undefined : this.add(wordsOfFiber(fiber), [object])
  }

  /** All of them, with what they refer to, and the objects that they tell of. */
  made(): Omit<Rows, "more"> {
    // They grow while they are walked: what somebody refers to may refer to more.
    for (let i = 0; this.#lookAtWaiting() && i < this.#all.length; i++) {
      const draft = this.#all[i] as Draft
      for (const object of this.#awaits[i] as ReadonlyArray<object>) waitFor(draft, this.find(object))
      for (const child of this.#fibers.get(draft)?.children ?? nothing) {
        const found = this.find(child)
        if (found !== undefined && found !== draft) found.parent ??= draft.id
      }
    }
    for (const [draft, future] of this.#settled) {
      const waiting = this.#of.get(future)
      if (waiting === undefined) continue
      waitFor(waiting, draft)
      waiting.waitingOn = `${draft.what} ${draft.name}`
    }
    this.#join()
    for (const [draft, fiber] of this.#fibers) this.#describe(draft, fiber)
    return { rows: this.#all, of: this.#of }
  }

  /**
   * Who waits for a Future is registered with it. Of a fiber it is told what its row has no words for. The row of one that waits may
   * be that of an Effect, which comes later: so those are looked for when all that have rows of their own are there.
   */
  #look(object: object, draft: Draft): void {
    if (object instanceof Future) this.#awaited.push([object, draft])
    else if (!this.#fibers.has(draft)) {
      const fiber = this.view(object)
      if (fiber !== undefined) this.#fibers.set(draft, fiber)
    }
  }

  #lookAtWaiting(): true {
    for (let next = this.#awaited.pop(); next !== undefined; next = this.#awaited.pop()) {
      const [future, draft] = next
      for (const fiber of future._waitingFibers()) {
        const waiting = this.find(fiber)
        if (waiting !== undefined) waitFor(waiting, draft)
      }
    }
    return true
  }

  /** The fibers that join each other, by the numbers that they have. */
  #join(): void {
    const byId = new Map([...this.#fibers].map(([draft, { id }]) => [id, draft]))
    for (const [draft, { joins }] of this.#fibers) for (const id of joins) waitFor(draft, byId.get(id))
  }

  #describe(draft: Draft, fiber: FiberView): void {
    if (draft.what !== "fiber") draft.name = `${draft.name} ${nameOfFiber(fiber)}`
    if (fiber.annotations.length > 0) {
      draft.annotations = Object.fromEntries(
        fiber.annotations.map(([key, value]) => [
          oneLine(key),
          typeof value === "string" ? oneLine(value) : describeValue(value)
        ])
      )
    }
    if (draft.waitsFor.length === 0) return
    const targets = draft.waitsFor.map((id) => this.#all[id - 1] as Draft)
    draft.waitingOn = oneLine(targets.map(({ name, what }) => `${what} ${name}`).join(", "))
  }
}

const waitFor = (draft: Draft, target: Draft | undefined): void => {
  if (target !== undefined && !draft.waitsFor.includes(target.id)) draft.waitsFor.push(target.id)
}

/** Whether a fiber was given the loop: it is of the program around it. */
const isOf = (loop: Home, fiber: FiberView | undefined): boolean => {
  for (const service of fiber?.services.values() ?? []) if (service === loop) return true
  return false
}

/**
 * Everything that is on the loop now. Of its tasks, its timers and what is waited for, so many at most: to whom a million tell less than
 * they take, in time of the program.
 */
export const rowsOf = (loop: Home, most = Infinity): Rows => {
  const drafts = new Drafts()
  for (const leftover of leftoversOf(loop, most)) {
    const { awaits, of } = linksOf(leftover)
    drafts.add(leftover, of, awaits)
  }
  for (const resource of loop._resources) {
    drafts.add(
      guardedRow("resource", () => resource.describe()),
      nothing
    )
  }
  const { program } = loop._closing
  if (program !== undefined) drafts.find(program)
  for (const fiber of rootFibers()) {
    if (isOf(loop, drafts.view(fiber))) drafts.find(fiber)
  }
  for (const waited of loop._watchedNow().slice(0, most)) drafts.find(waited)
  const now = loop.time()
  const timers = loop._timersNow()
  // Most of them do the same.
  let callback: unknown
  let name = ""
  for (const [timer, when] of timers.slice(0, most)) {
    if (timer._callback !== callback) {
      callback = timer._callback
      name = functionName(callback)
    }
    drafts.settles(drafts.add(wordsOfTimer(timer, when - now, name), nothing), timer._settles)
  }
  const { tasks } = loop.statistics()
  const more = Math.max(0, tasks - most) + Math.max(0, timers.length - most)
  return { ...drafts.made(), more }
}
