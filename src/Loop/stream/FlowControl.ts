/** The waits to write, and for the end of a connection or pipe, of a `StreamWriter`. asyncio: `FlowControlMixin`. */
import type { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import { InvalidStateError } from "../kernel/errors.js"
import { Future } from "../kernel/Future.js"
import type { StartTlsOptions } from "./StartTlsOptions.js"
import type { WriteTransport } from "./Transport.js"

/** Takes over what writes from now on. */
type Replace = (transport: WriteTransport) => void

/**
 * After so many drains that were done at once, one takes a trip round the loop: nothing but microtasks runs between a
 * write and its drain, and who does nothing else must not keep timers, signals and the news of a lost pipe from everybody.
 */
const ROUNDS = 256

/** Legal states: open, paused (drains wait), lost. A lost connection stays lost. */
export class FlowControl {
  #paused = false
  #lost: { readonly error: Error | null } | undefined
  #rounds = 0
  #drained: Future<void> | undefined
  readonly #drains = new Set<Future<void>>()
  readonly #ends = new Set<Future<void>>()

  /**
   * `broken` says whether the other end has gone: `connectionLost` is then on its way. `gone` makes the error of a write
   * after that.
   */
  constructor(
    private readonly loop: BaseEventLoop,
    private readonly broken: () => boolean,
    private readonly gone: () => Error
  ) {}

  pauseWriting(): void {
    this.#paused = true
  }

  resumeWriting(): void {
    this.#paused = false
    settle(this.#drains, null)
  }

  /** Ends all waits. A drain that still waits fails, with or without an error: something was not written. */
  connectionLost(error: Error | null): void {
    if (this.#lost !== undefined) return
    this.#lost = { error }
    settle(this.#drains, error ?? this.gone())
    settle(this.#ends, error)
  }

  /**
   * Done when more may be written. `closing`: it was told to close, and the end may still be on its way: one trip round
   * the loop, so that who writes in a loop of its own hears of it, as `drain` of CPython 3.11 does
   * (`Lib/asyncio/streams.py`).
   */
  drain(closing: boolean): Future<void> {
    this.#rounds = (this.#rounds + 1) % ROUNDS
    const atOnce = !closing && this.#rounds !== 0 && !this.#paused
    if (atOnce && this.#lost === undefined && !this.broken()) return this.#nothingToWaitFor()
    const drain = this.#waiter(this.#drains)
    if ((closing || this.#rounds === 0) && this.#lost === undefined && !this.broken()) {
      this.loop._afterQueued(() => {
        if (!drain.done()) this.#answer(drain)
      })
    } else this.#answer(drain)
    return drain
  }

  /** Done when the connection is lost; fails with what it was lost for. */
  waitClosed(): Future<void> {
    const end = this.#waiter(this.#ends)
    if (this.#lost === undefined) this.#ends.add(end)
    else finish(end, this.#lost.error)
    return end
  }

  /** The drain of a connection that has failed on the reading side. */
  failed(error: unknown): Future<void> {
    const drain = this.#waiter(this.#drains)
    drain._settleError(error)
    return drain
  }

  /**
   * @internal Gives the connection TLS, where it is one: done when `replace` was given the transport that has it.
   */
  _startTls(transport: WriteTransport, _options: StartTlsOptions, _replace: Replace): Future<void> {
    throw new InvalidStateError(`startTls() of ${String(transport)}, which is no connection`)
  }

  /** One for all drains that need not wait: it is done, and nothing can happen to it any more. */
  #nothingToWaitFor(): Future<void> {
    if (this.#drained === undefined) {
      this.#drained = new Future<void>(this.loop)
      this.#drained._settleValue(undefined)
    }
    return this.#drained
  }

  #answer(drain: Future<void>): void {
    if (this.#lost !== undefined) drain._settleError(this.#lost.error ?? this.gone())
    else if (this.broken()) drain._settleError(this.gone())
    else if (this.#paused) this.#drains.add(drain)
    else drain._settleValue(undefined)
  }

  #waiter(waiters: Set<Future<void>>): Future<void> {
    const waiter: Future<void> = new Future<void>(this.loop, () => {
      waiters.delete(waiter)
      return false
    })
    return waiter
  }
}

const finish = (waiter: Future<void>, error: Error | null): void => {
  if (error === null) waiter._settleValue(undefined)
  else waiter._settleError(error)
}

const settle = (waiters: Set<Future<void>>, error: Error | null): void => {
  const all = [...waiters]
  waiters.clear()
  for (const waiter of all) finish(waiter, error)
}
