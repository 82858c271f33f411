/** A callback that runs for every event of something that is watched: a file descriptor, a signal. */
import { Handle } from "./Handle.js"
import type { Context } from "./Context.js"
import type { Scheduler } from "./ports.js"

/**
 * What `addReader`, `addWriter` and `addSignalHandler` return: the callback runs each time, until it is cancelled.
 *
 * Legal states: watching (idle or queued), then cancelled. Cancelling it drops what is queued, and its registration.
 *
 * @example
 * const loop = SyncLoop.make()
 * const watch = loop.addSignalHandler("SIGHUP", () => console.log("never"))
 * watch.unref() // It does not keep the process.
 * console.log(watch.hasRef()) // => false
 * watch.cancel()
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class WatchHandle extends Handle {
  readonly #context: Context | undefined
  readonly #what: string
  /** The listener of the cancel: a field, where other handles have a table, because every WatchHandle has one. */
  readonly #onCancel: () => void
  readonly #onRef: (() => void) | undefined
  #queued = 0
  #ref = true

  /**
   * @internal `what` is watched, in words, for reports. `onCancel` takes the registration back, `onRef` is called when
   * `hasRef()` has changed.
   */
  constructor(
    scheduler: Scheduler,
    what: string,
    callback: (...args: Array<never>) => unknown,
    args: ReadonlyArray<unknown>,
    context: Context | undefined,
    onCancel: () => void,
    onRef?: () => void
  ) {
    super(scheduler, callback, args.length === 0 ? undefined : args, undefined)
    this.#context = context
    this.#what = what
    this.#onCancel = onCancel
    this.#onRef = onRef
  }

  /** Keeps the callback from running, also what is queued of it, and takes the registration back. */
  override cancel(): void {
    if (this.cancelled()) return
    super.cancel()
    this.#onCancel()
  }

  /** @internal Whether it is in the ready queue and has not run yet. */
  get _queued(): boolean {
    return this.#queued > 0
  }

  /** @internal There was an event: queues the callback, once more if it is queued already. */
  _fire(): void {
    if (this.cancelled()) return
    this.#queued++
    this._scheduler._push(this)
  }

  /** @internal The loop's pass is the only caller. */
  override run(): void {
    this.#queued--
    if (!this.cancelled()) this._scheduler.host.contexts.callHandle(this.#context, this)
  }

  /** Whether this registration alone keeps the process alive. */
  hasRef(): boolean {
    return this.#ref && !this.cancelled()
  }

  /** Lets it keep the process alive again. As a timer of Node does, it begins so. */
  ref(): this {
    return this.#setRef(true)
  }

  /** Lets the process end although it is registered. */
  unref(): this {
    return this.#setRef(false)
  }

  #setRef(ref: boolean): this {
    if (this.#ref !== ref) {
      this.#ref = ref
      this.#onRef?.()
    }
    return this
  }

  protected override _details(): string {
    return ` ${this.#what}`
  }
}
