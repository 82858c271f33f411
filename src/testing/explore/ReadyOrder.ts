/**
 * The ready queue of an explored loop: which of what is ready runs next is chosen.
 *
 * What one source has queued stays in its order, as L1 says; so do callbacks of one Future. A source is a task, a fiber, the
 * timers of the loop (among which L2 has an order), or the callback that has queued another one. What the library itself queues
 * keeps its place among all others: `Loop.synchronize`, `stop` and the closing rely on that.
 */
import { EffectFuture } from "../../Loop/fiber/Fibers.js"
import { Waiting } from "../../Loop/fiber/Wait.js"
import { currentFiber } from "../../effect.js"
import { local } from "../../Loop/kernel/current.js"
import { isFuture } from "../../Loop/kernel/Future.js"
import { Handle } from "../../Loop/kernel/Handle.js"
import { Task } from "../../Loop/kernel/Task.js"
import { TimerHandle } from "../../Loop/kernel/Timers.js"
import type { ReadyQueue, Runnable } from "../../Loop/kernel/ports.js"
import type { Choices } from "./Choices.js"
import type { Order } from "./options.js"

/** What is queued, and by whom. */
interface Entry {
  readonly runnable: Runnable
  /** `undefined`: nothing of before it comes after it, and nothing of after it before it. */
  readonly source: object | undefined
}

/** The timers of a loop. */
const timers = {}
/** Code outside of every loop and fiber. */
const outside = {}

/** The task that an `await` resumes. */
const waiterOf = (runnable: Runnable): object | undefined =>
  "_waiter" in runnable && typeof runnable._waiter === "object" && runnable._waiter !== null
    ? runnable._waiter
    : undefined

export class ReadyOrder implements ReadyQueue {
  readonly #entries: Array<Entry> = []
  #next: number | undefined
  /** Whoever runs, unless it is a task or a fiber. */
  #running: object = outside

  constructor(
    private readonly choices: Choices,
    private readonly order: Order,
    /** Called with what runs now, and with what is overtaken by it. */
    private readonly runs: (runnable: Runnable, before: ReadonlyArray<Runnable>) => void
  ) {}

  get size(): number {
    return this.#entries.length
  }

  push(runnable: Runnable): void {
    this.#entries.push({ runnable, source: this.#sourceOf(runnable) })
  }

  shift(): Runnable | undefined {
    const index = this.#choose()
    const [entry] = this.#entries.splice(index, 1)
    this.#next = undefined
    if (entry === undefined) return undefined
    this.#running = entry.source === timers ? entry.runnable : (entry.source ?? outside)
    this.runs(
      entry.runnable,
      index === 0 ? [] : this.#entries.slice(0, index).map(({ runnable }) => runnable)
    )
    return entry.runnable
  }

  peek(): Runnable | undefined {
    return this.#entries[this.#choose()]?.runnable
  }

  count(is: (runnable: Runnable) => boolean): number {
    return this.#entries.filter(({ runnable }) => is(runnable)).length
  }

  clear(): Array<Runnable> {
    this.#next = undefined
    return this.#entries.splice(0).map(({ runnable }) => runnable)
  }

  #sourceOf(runnable: Runnable): object | undefined {
    if (runnable instanceof TimerHandle) return timers
    if (runnable instanceof Task || runnable instanceof EffectFuture) return runnable
    if (runnable instanceof Waiting) return runnable._fiber ?? runnable
    const waiter = waiterOf(runnable)
    if (waiter !== undefined) return waiter
    if (runnable instanceof Handle || isFuture(runnable))
      return currentFiber() ?? local()?.task ?? this.#running
    return undefined
  }

  /** The place in the queue of what runs next. */
  #choose(): number {
    if (this.#next !== undefined) return this.#next
    const can = this.#canRun()
    return (this.#next = can[this.choices.choose("ready", can.length)] ?? 0)
  }

  #canRun(): ReadonlyArray<number> {
    const entries = this.#entries
    if (entries.length < 2 || this.order === "fifo") return [0]
    const seen = new Set<object>()
    const can: Array<number> = []
    for (const [index, { runnable, source }] of entries.entries()) {
      if (source === undefined) return index === 0 ? [0] : can
      if (this.order === "any" && !(runnable instanceof TimerHandle)) can.push(index)
      else if (!seen.has(source)) {
        seen.add(source)
        can.push(index)
      }
    }
    return can
  }
}
