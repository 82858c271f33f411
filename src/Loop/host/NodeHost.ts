/** The kernel's Host on Node: turns, one wake-up timer, AbortControllers. Its clock is an Effect Clock. */
import { AsyncResource } from "node:async_hooks"
// The global of the same name is a getter, which costs as much as the clock.
import { performance } from "node:perf_hooks"
import { contextOf, currentFiberState, type LoopClock, outsideFibers } from "../../effect.js"
import { local } from "../kernel/current.js"
import { AsyncContexts, PlainContexts } from "./AsyncContext.js"
import { isInside } from "./Inside.js"
import { TaskAbort } from "./TaskAbort.js"
import type { Abort, Host } from "../kernel/ports.js"
import type { Report } from "../kernel/Report.js"

declare module "../kernel/ports.js" {
  interface HostTypes {
    readonly signal: AbortSignal
  }
}

/** The longest delay that Node's timers take, in milliseconds; longer ones are armed again on the way, or never come. */
export const LONGEST = 2 ** 31 - 1

/** Milliseconds. */
const NANOSECOND = 1e-6

const resolved = Promise.resolve()

/**
 * Node and an Effect Clock as a kernel Host.
 *
 * A turn is a promise reaction, from idle as between passes: it comes before I/O, and after the continuations that are
 * queued already. (`process.nextTick` would wait for all of them, and costs ten times as much.)
 *
 * Under the live clock, time is `performance.now()` and one Node timer is armed for the earliest deadline; under any
 * other clock (TestClock), that clock's `sleep` wakes the loop, and moves it.
 */
export class NodeHost implements Host {
  readonly contexts: AsyncContexts | PlainContexts
  /**
   * The async-local state that the loop was opened in. What waits in Node for long belongs to it: else the loop would
   * keep the state of whoever woke it last, for as long as a timer waits.
   */
  readonly #home = new AsyncResource("effect-aio", { requireManualDestroy: true })
  /** Node's, which may be armed for less than what is asked, or for nothing any more. */
  #timer: NodeJS.Timeout | undefined
  /** When that fires. */
  #due = 0
  /** What is asked. */
  #when = 0
  #fire: (() => void) | undefined
  #cancelSleep: (() => void) | undefined
  /** What such a clock has reached, which it may tell as a little less: see `#again`. */
  #reached = -Infinity

  constructor(
    private readonly clock: LoopClock,
    asyncContext: boolean,
    readonly report: (report: Report) => void
  ) {
    this.contexts = asyncContext ? new AsyncContexts(currentFiberState) : new PlainContexts(currentFiberState)
  }

  now(): number {
    return this.clock.live ? performance.now() : Math.max(this.clock.now(), this.#reached)
  }

  wake(turn: () => void): void {
    void resolved.then(turn)
  }

  hop(turn: () => void): void {
    void resolved.then(turn)
  }

  drain(turn: () => void): void {
    void resolved.then(() => process.nextTick(turn))
  }

  yield(turn: () => void): void {
    setImmediate(turn)
  }

  /**
   * Node's timers may fire up to a millisecond early and take whole ones, hence the second look. One that fires before `when`
   * is left as it is: a deadline that is set and taken back around each call would cost a timer of Node's each.
   */
  arm(when: number, fire: () => void): void {
    this.#when = when
    this.#fire = fire
    if (this.#timer !== undefined && this.#due <= when) this.#timer.ref()
    else {
      this.#clear()
      this.#home.runInAsyncScope(this.#wait, this)
    }
  }

  #wait(): void {
    const now = this.now()
    const delay = Math.min(Math.max(0, this.#when - now), LONGEST)
    if (this.clock.live) {
      this.#due = now + Math.ceil(delay)
      this.#timer = setTimeout(this.#again, Math.ceil(delay))
    } else this.#cancelSleep = this.clock.after(delay, this.#again)
  }

  readonly #again = (): void => {
    this.#timer = undefined
    const fire = this.#fire
    if (fire === undefined) return
    // Clocks count in whole nanoseconds, and a due time need not be some: who was woken at it would wait for the rest for ever.
    if (!this.clock.live && this.#when - this.now() < NANOSECOND) this.#reached = this.#when
    if (this.now() < this.#when) return this.arm(this.#when, fire)
    this.#fire = undefined
    fire()
  }

  /** Node's timer stays for who arms it again, and holds nobody until then. */
  disarm(): void {
    this.#fire = undefined
    if (this.#timer === undefined) this.#clear()
    else this.#timer.unref()
  }

  #clear(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
    const cancelSleep = this.#cancelSleep
    this.#cancelSleep = undefined
    cancelSleep?.()
  }

  abort(spins: () => void): Abort {
    return new TaskAbort(spins)
  }

  inFiber(): boolean {
    return currentFiberState() !== undefined
  }

  outsideFibers<X>(f: (x: X) => void, x: X): void {
    outsideFibers(f, x)
  }

  /** Without async-local state an insider cannot be told from an outsider. */
  isInside(loop: object): boolean {
    if (!this.contexts.tracks) return true
    const fiber = currentFiberState()
    return fiber === undefined ? local()?.loop === loop : isInside(contextOf(fiber), loop)
  }

  close(): void {
    this.#fire = undefined
    this.#clear()
    this.contexts.release()
  }
}

/** `EFFECT_AIO_DEBUG`, read when a loop is made: any value but the empty one and `0` turns debug mode on. */
export const debugFromEnvironment = (): boolean => {
  const value = process.env["EFFECT_AIO_DEBUG"]
  return value !== undefined && value !== "" && value !== "0"
}
