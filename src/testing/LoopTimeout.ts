/**
 * A timer of code of a loop, on the loop's clock. It has the methods of Node's `Timeout`, and does in each state what that does:
 * waiting (`refresh` begins it anew), has run (`refresh` arms it again), cleared (for good).
 */
import { copyContext } from "../Loop/host/AsyncContext.js"
import type { EventLoop } from "../Loop/EventLoop.js"
import type { Context } from "../Loop/kernel/Context.js"
import { functionName } from "../Loop/kernel/describe.js"
import { placeOf, rememberSite, shareSite } from "../Loop/kernel/sites.js"
import type { TimerHandle } from "../Loop/kernel/Timers.js"

/** Who keeps the timers of a loop. */
export interface TimerOwner {
  readonly loop: EventLoop
  /** It waits. */
  waits(timer: LoopTimeout): void
  /** It waits no more. */
  rests(timer: LoopTimeout): void
}

/** Node's symbol is a polyfill on Node 20, and the language's own later. */
const dispose: typeof Symbol.dispose = Symbol.dispose

/** Far from Node's own numbers, which count what was made: `clearTimeout` takes either. */
let lastNumber = 2 ** 50

/** What was asked for its number, which alone can be cleared by it. */
const byNumber = new Map<string, LoopTimeout>()

export class LoopTimeout {
  readonly #owner: TimerOwner
  readonly #callback: (...args: ReadonlyArray<unknown>) => unknown
  readonly #args: ReadonlyArray<unknown>
  readonly #delay: number
  readonly #repeats: boolean
  /** The async-local state in which it was made, and runs, also where somebody else begins it anew. */
  readonly #context: Context = copyContext()
  readonly createdAt: number
  #handle: TimerHandle | undefined
  #cleared = false
  #ref = true
  #number: number | undefined

  constructor(
    owner: TimerOwner,
    callback: (...args: ReadonlyArray<unknown>) => unknown,
    delay: number,
    args: ReadonlyArray<unknown>,
    repeats: boolean,
    /** The function whose caller has made it. */
    above: object
  ) {
    rememberSite(this, above)
    this.#owner = owner
    this.#callback = callback
    this.#delay = delay
    this.#args = args
    this.#repeats = repeats
    this.createdAt = owner.loop.time()
    this.#arm()
  }

  /** What reports call it: `setTimeout(retry, 500)`. */
  get name(): string {
    const text = functionName(this.#callback)
    return `${this.#repeats ? "setInterval" : "setTimeout"}(${text}, ${this.#delay})`
  }

  /** Where in the program it was made. */
  get place(): string {
    return placeOf(this)
  }

  ref(): this {
    this.#ref = true
    return this
  }

  unref(): this {
    this.#ref = false
    return this
  }

  hasRef(): boolean {
    return this.#ref
  }

  refresh(): this {
    if (!this.#cleared) this.#arm()
    return this
  }

  close(): this {
    this.#cleared = true
    this.#disarm()
    if (this.#number !== undefined) byNumber.delete(String(this.#number))
    return this
  }

  [Symbol.toPrimitive](): number {
    if (this.#number === undefined) {
      this.#number = lastNumber++
      // One that has run and is not to run again cannot be cleared any more.
      if (this.#handle !== undefined) byNumber.set(String(this.#number), this)
    }
    return this.#number
  }

  [dispose](): void {
    this.close()
  }

  /** Its loop has closed: nothing of it is kept. */
  drop(): void {
    this.close()
  }

  #arm(): void {
    this.#disarm()
    const { loop } = this.#owner
    // What code that has outlived its loop times never comes.
    if (loop.isClosed()) return
    const fire = (): void => this.#fire()
    // What reports of the loop call it.
    Object.defineProperty(fire, "name", { value: this.name })
    this.#handle = this.#context.run(() => loop.callLater(this.#delay, fire))
    shareSite(this.#handle, this)
    this.#owner.waits(this)
  }

  #disarm(): void {
    this.#handle?.cancel()
    this.#handle = undefined
    this.#owner.rests(this)
  }

  /** What the callback throws is the loop's to report; what it returns is nobody's, as with Node's timers. */
  #fire(): void {
    this.#handle = undefined
    if (!this.#repeats) this.#owner.rests(this)
    try {
      void Reflect.apply(this.#callback, this, this.#args)
    } finally {
      if (this.#repeats && !this.#cleared) this.#arm()
      else if (this.#handle === undefined && this.#number !== undefined) byNumber.delete(String(this.#number))
    }
  }
}

/** The timer that is meant: by itself, its number, or that as text. */
export const timeoutOf = (timer: unknown): LoopTimeout | undefined =>
  timer instanceof LoopTimeout
    ? timer
    : typeof timer === "number" || typeof timer === "string"
      ? byNumber.get(String(timer))
      : undefined
