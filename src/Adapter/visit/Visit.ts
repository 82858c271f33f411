/**
 * One fiber that aio code uses for longer than one call: an iterator's, or a resource's. All of it happens in that one
 * fiber, so that finalizers run in the fiber that opened what they close.
 *
 * Legal states: open (the fiber runs, or is parked until aio code wakes it), left (its user has told it to end), taken
 * (the loop has), ended (finalizers included). A user may still leave what the loop has taken, and be told of its end.
 */
import * as Effect from "effect/Effect"
import { callback } from "../../effect.js"
import { Crossing } from "../../Loop/closing/Crossing.js"
import { Future } from "../../Loop/kernel/Future.js"
import { isOurs } from "../../Loop/fiber/Outcome.js"
import { tellIfSlow } from "../../Loop/fiber/SlowJoin.js"
import { Waiting } from "../../Loop/fiber/Wait.js"
import type { Starter } from "./capture.js"
import type { EffectOptions, Home } from "../../Loop/ports.js"

/**
 * How the fiber behind an iterator or a resource is named and interrupted.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToAioVisitOptions {
  /** For reports. */
  readonly name?: string | undefined
  /** Interrupts the fiber when it aborts. */
  readonly signal?: AbortSignal | undefined
  /** Whether the fiber belongs to the Scope in which `toAio` was run, and not to the loop: see `toAio`. Default false. */
  readonly scoped?: boolean | undefined
}

/** What the adapter says of a Visit that it begins. */
export interface VisitOptions extends EffectOptions {
  readonly what: "iterator" | "resource"
  readonly name: string
  /**
   * Called in a pass of the loop when the fiber has ended: tells those who wait. Whether one of them hears how it failed,
   * as far as somebody still waits where the loop was closed.
   */
  readonly onEnd: (visit: Visit) => boolean
}

/** The fiber, as the adapter that began it sees it. */
export class Visit {
  /** From the start of the fiber until it has ended. */
  readonly life: Future<void>
  readonly #loop: Home
  readonly #options: VisitOptions
  readonly #crossing: Crossing
  #parked: Waiting | undefined
  #left = false
  #taken = false
  #notSlow: (() => void) | undefined

  /** Starts `body` in a fiber. Throws what a scheduling call throws; then nothing has begun. */
  static begin<R>(
    { loop, start }: Starter<R>,
    body: (visit: Visit) => Effect.Effect<void, unknown, R>,
    options: VisitOptions
  ): Visit {
    // It starts in a later pass, when the visit is there.
    const life = start(
      Effect.suspend(() => body(visit)),
      options
    )
    const visit: Visit = new Visit(loop, life, options)
    return visit
  }

  private constructor(loop: Home, life: Future<void>, options: VisitOptions) {
    this.#loop = loop
    this.#options = options
    this.life = life
    const { name, onEnd, what } = options
    const end = (): void => {
      this.#taken = true
      this.life.cancel()
    }
    this.#crossing = new Crossing(loop, { what, name, life: this.life, end })
    // A coroutine that closing has given up asks: it is never answered, and nothing has begun.
    if (loop.isClosed()) this.#crossing.givenUp()
    this.life._add({
      resumes: false,
      run: () => {
        this.#notSlow?.()
        if (!onEnd(this)) this.#tellLate()
      }
    })
  }

  /** Whether its user has told the fiber to end. */
  get left(): boolean {
    return this.#left
  }

  /** Whether the loop has told the fiber to end; then the loop also reports how that failed. */
  get taken(): boolean {
    return this.#taken
  }

  /** Whether the fiber ended with its loop, and not because it was left. */
  get lost(): boolean {
    return (
      (this.#taken && this.#loop._closing.begun) || (!this.#taken && !this.#left && this.#loop.isClosed())
    )
  }

  /**
   * In the fiber: waits until `wake`, unless `wanted` says that it has work, and goes on with `then`. A fiber may yield at any
   * point before it is parked, and a `wake` that comes then finds nobody: hence the look at the last moment.
   */
  park<A, E, R>(wanted: () => boolean, then: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return callback<A, E, R>((resume) => {
      if (wanted()) resume(then)
      else this.#parked = new Waiting(this.#loop, () => resume(then))
    })
  }

  /** Lets a parked fiber go on: in the loop's next pass, not inside the caller. */
  wake(): void {
    if (this.#parked === undefined) return
    this.#loop._push(this.#parked)
    this.#parked = undefined
  }

  /** Its user ends the fiber, by `wake` or by cancelling its life, and waits. A wait that takes long is reported once. */
  leave(): void {
    if (this.#left || this.life.done()) return
    this.#left = true
    this.#crossing.left()
    const { name, what } = this.#options
    this.#notSlow = tellIfSlow(this.#loop, () => ({
      message:
        `the ${what} ${name} was told to end ${this.#loop._slowJoin}ms ago, and its fiber has not: ` +
        `it is uninterruptible, or in a finalizer`,
      future: this.life
    }))
  }

  /** The loop was closed while the fiber did not end, and now it has: nobody else is told how. */
  #tellLate(): void {
    if (!this.#loop.isClosed() || this.life._peek() !== "error" || this.life._passedOn) return
    const exception = this.life._error()
    if (isOurs(exception)) return
    const { name, what } = this.#options
    this.#loop.callExceptionHandler({
      kind: "late",
      message: `the ${what} ${name} failed after its loop was closed`,
      exception,
      future: this.life
    })
  }
}

/** What a call of aio code returns that is answered when a Visit says so; until then a cancel is only noted, and passed on. */
export class VisitCall<A> extends Future<A> {
  #asked: { readonly message: unknown } | undefined

  constructor(loop: object, onCancel?: (call: VisitCall<A>, message: unknown) => void) {
    super(loop, (message) => {
      this.#asked ??= { message }
      onCancel?.(this, message)
      return true
    })
  }

  /** Whether somebody waits for it, and is told. Of a loop that was closed no others do than coroutines that were given up. */
  get heard(): boolean {
    return !this.done() && this._wasRetrieved
  }

  /** At the end: `value`, unless it was cancelled meanwhile. */
  answer(value: A): void {
    if (this.#asked === undefined) this._settleValue(value)
    else this._settleCancelled(this.#asked.message)
  }

  /** At the end: `error`, unless it was cancelled meanwhile. */
  refuse(error: unknown): void {
    if (this.#asked === undefined) this._settleError(error)
    else this._settleCancelled(this.#asked.message)
  }

  /** At the end: cancelled, as it was asked for, or for `reason`. */
  stop(reason: unknown): void {
    this._settleCancelled(this.#asked === undefined ? reason : this.#asked.message)
  }

  /** At the end, where the loop has brought that about: `error`, which nobody has to look at. */
  lose(error: Error): void {
    if (this.#asked === undefined) this._closed(error)
    else this._settleCancelled(this.#asked.message)
  }
}

/** A Future that has failed already: for foreign code, which is told of a refusal as of any other failure. */
export const failed = <A>(loop: Home, error: unknown): Future<A> => {
  const future = new Future<A>(loop)
  future._settleError(error)
  return future
}

/** A Future that has its value already. */
export const finished = <A>(loop: Home, value: A): Future<A> => {
  const future = new Future<A>(loop)
  future._settleValue(value)
  return future
}
