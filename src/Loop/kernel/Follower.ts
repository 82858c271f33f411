/**
 * A Future that ends as another one does. What its own cancel means is said by shields and deadlines; for all of them a
 * cancel comes too late, and is refused, once the other has ended: its outcome is on the way, and a task that awaits it
 * keeps the cancel for itself. asyncio has that rule for `gather` (3.13, `_GatheringFuture`).
 */
import { asOwn } from "./current.js"
import { textOf } from "./describe.js"
import { Future, type OnCancel } from "./Future.js"
import type { Runnable } from "./ports.js"

/**
 * Cancels on somebody's behalf, from the loop. Foreign code that fails while it is told to stop has been told: that is
 * reported, and does not keep the others from being told.
 */
export const tellToStop = (future: Future<unknown>, message: unknown): boolean => {
  try {
    return asOwn(() => future.cancel(message))
  } catch (exception) {
    future._scheduler.callExceptionHandler({
      kind: "late",
      message: `cancelling ${textOf(future)} failed`,
      exception,
      future
    })
    return true
  }
}

/**
 * Legal states: pending while `_inner` is, and until its callback has come round the loop; then as `_inner` ended,
 * unless the subclass says otherwise.
 */
export abstract class Follower<A> extends Future<A> implements Runnable {
  /** What waits for this Future is queued in turn, when it settles. */
  readonly resumes = false
  protected readonly _inner: Future<unknown>

  constructor(inner: Future<unknown>, onCancel?: OnCancel) {
    super(inner._scheduler, onCancel)
    this._inner = inner
    // Closing the loop settles what it follows, also where that is a Future of nobody's.
    inner._await(this)
  }

  /** The inner Future is done. */
  run(): void {
    if (!this.done()) this._follow()
    else if (this._closedUnder) this._inner._unheard()
  }

  protected _follow(): void {
    this._settleAs(this._inner)
  }

  /** @internal */
  protected override _describe(): string {
    return this.done() ? super._describe() : `${super._describe()} of=${this._inner._name}`
  }
}
