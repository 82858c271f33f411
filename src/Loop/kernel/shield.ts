/** Protects work from the cancellation of whoever waits for it. */
import { runningLoop } from "./BaseEventLoop.js"
import { textOf } from "./describe.js"
import { rememberSite } from "./sites.js"
import { Follower } from "./Follower.js"
import { type Future, readAsFuture } from "./Future.js"
import type { Runnable } from "./ports.js"
import type { Coroutine, CoroutineValue, TaskOptions } from "./Task.js"
import { Wrapper } from "./wrapFuture.js"

/** The Futures that have lost a shield to a cancel, and are watched: once, however many shields there were. */
const watched = new WeakSet<Future<unknown>>()

/**
 * Nobody waits for the outcome through the shield any more. A failure must not be lost in silence. A value is in the Future
 * that the program has given; of what the shield itself has started or wrapped nobody has it, and it is counted.
 */
class Watch implements Runnable {
  readonly resumes = false
  constructor(
    private readonly inner: Future<unknown>,
    private readonly own: boolean
  ) {}

  run(): void {
    const { inner } = this
    if (this.own && inner._peek() === "value") return inner._scheduler._countLate()
    if (inner._peek() !== "error" || inner._closedUnder || inner._passedOn) return
    inner._scheduler.callExceptionHandler({
      kind: "late",
      message: `${textOf(inner)} failed after the shield around it was cancelled`,
      exception: inner._error(),
      future: inner
    })
  }
}

class Shield<A> extends Follower<A> {
  static {
    readAsFuture(this)
  }

  constructor(
    inner: Future<unknown>,
    /** Whether the shield has made `inner`: then nobody else has it. */
    private readonly own: boolean
  ) {
    super(inner, () => {
      this.#leave()
      return false
    })
  }

  override cancel(message?: unknown): boolean {
    if (!this.done() && this._inner.done()) return false
    return super.cancel(message)
  }

  #leave(): void {
    const inner = this._inner
    inner._remove(this)
    if (watched.has(inner)) return
    watched.add(inner)
    inner._add(new Watch(inner, this.own))
    // The promise may live for ever, and have many shields.
    if (this.own && inner instanceof Wrapper) inner._stepBack()
  }
}

/**
 * A Future that ends as `awaitable` does, and whose cancellation, or that of the task awaiting it, leaves the work
 * running. A coroutine is started as a task. What is done already comes back as it is.
 *
 * **Cancel** The shield is cancelled at once; the work goes on, belongs to the loop, and is joined when that closes. If
 * it fails later, the exception handler is told (kind `late`), because the one who waited has gone. Work that is itself
 * cancelled cancels the shield.
 *
 * @example
 * const saved: Array<string> = []
 * const save = async (order: string) => {
 *   await sleep(10)
 *   saved.push(order)
 * }
 * // However often the request is cancelled, the write goes on: until it ends, or the loop does.
 * const request = fromAio(() => shield(() => save("an order")))
 * const program = request().pipe(Effect.timeoutOption("1 millis"), Effect.andThen(Effect.sleep("50 millis")))
 * await Effect.runPromise(Loop.scoped(program))
 * console.log(saved.length) // => 1
 *
 * @category combinators
 * @since 0.1.0
 */
export function shield<A>(awaitable: PromiseLike<A>): Future<A>
export function shield<R>(coroutine: Coroutine<R>, options?: TaskOptions): Future<CoroutineValue<R>>
export function shield(awaitable: unknown, options?: TaskOptions): Future<unknown> {
  const loop = runningLoop("shield()")
  const inner = loop._futureOf("shield", awaitable, options)
  if (inner.done()) return inner
  const outer = new Shield<unknown>(inner, inner !== awaitable)
  if (loop.getDebug()) rememberSite(outer, shield)
  return outer
}
