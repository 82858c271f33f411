/** The kernel's loop with what an Effect program adds to it: fibers started from aio code, and the crash. */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { contextOf, type FiberState, type LoopClock } from "../effect.js"
import { checkEffect, checkSignal, startBackground, EffectFuture, originOf } from "./fiber/Fibers.js"
import { spanOfEffect } from "./fiber/spans.js"
import { addLate } from "./fiber/late.js"
import { inside, isInside } from "./host/Inside.js"
import { rememberSite } from "./kernel/sites.js"
import { InvalidStateError } from "./kernel/errors.js"
import { LoopCrash } from "./errors.js"
import {
  BaseEventLoop,
  type EventLoopOptions,
  type LoopStatistics as KernelStatistics
} from "./kernel/BaseEventLoop.js"
import type { Event } from "./kernel/Event.js"
import { Future } from "./kernel/Future.js"
import { Handle } from "./kernel/Handle.js"
import type { Host } from "./kernel/ports.js"
import type { Report } from "./kernel/Report.js"
import type { Loop } from "./Loop.js"
import { Closing } from "./closing/Closing.js"
import { closeIterators } from "./closing/Crossing.js"
import { leftoversOf } from "./closing/Leftovers.js"
import { tableOf } from "./closing/table.js"
import { releaseCapabilities } from "./closing/phases.js"
import { remember } from "./closing/told.js"
import type {
  Described,
  EffectOptions,
  Home,
  LoopFiber,
  OpenCrossing,
  Origin,
  Registered,
  Tally
} from "./ports.js"

/** What a loop holds of the Effect side, and what the kernel counts. */
export interface EffectLoopStatistics extends KernelStatistics {
  /** Effects started from aio code whose fibers have not ended. */
  readonly effects: number
  /** Iterators and resources of one side that the other side has open. */
  readonly crossings: number
}

/** The loop is in the Context that every one of these fibers starts with: see `_provide`. */
const provided = <A, E>(effect: Effect.Effect<A, E, Loop>): Effect.Effect<A, E> =>
  effect as Effect.Effect<A, E>

/** So many milliseconds are left for everything else where the default deadline grows with what a part needs. */
const REST = 4_000

/** The handle of what never runs. */
const cancelledHandle = (loop: BaseEventLoop): Handle => {
  const handle = new Handle(loop, () => {}, undefined, undefined)
  handle.cancel()
  return handle
}

/**
 * The kernel's loop in an Effect program. `EventLoop.ts` makes it the one that programs see.
 *
 * @category models
 * @since 0.1.0
 */
export class EffectLoop extends BaseEventLoop implements Home {
  /** @internal */ readonly _effects = new Set<LoopFiber>()
  /** @internal Iterators and resources of one world that the other uses, in registration order. */
  readonly _crossings = new Set<OpenCrossing>()
  /** @internal Resources that a Scope is to close, while they are open. */
  readonly _resources = new Set<Described>()
  /** @internal What it holds of the system, one for each kind that was used. */
  readonly _capabilities = new Set<Registered>()
  /** @internal Descriptors that belong to transports of this loop, which nobody else may watch. */
  readonly _transportFds = new Map<number, object>()
  /** @internal How far its closing is. */ readonly _closing: Closing = new Closing(this)
  /** @internal */ _tracing = false
  /** @internal */ _tally: Tally | undefined = undefined
  readonly #crashListeners = new Set<() => void>()
  #closeDeadline: number
  #crash: LoopCrash | undefined
  readonly #stopListeners = new Set<() => void>()
  #stopAsked = false
  #origin: Origin | undefined
  #provided: { readonly from: Context.Context<never>; readonly to: Context.Context<never> } | undefined

  /** @internal */
  constructor(
    host: Host,
    options: EventLoopOptions,
    /** @internal */ readonly _base: FiberState,
    private readonly provideSelf: (context: Context.Context<never>) => Context.Context<never>,
    /** @internal For what must be timed even when the loop is stopped or closed. */ readonly _clock: LoopClock,
    /** @internal */ override readonly _slowJoin: number,
    closeDeadline: number,
    /** @internal How long an interrupted fiber joins what it cancelled, in milliseconds. */
    override readonly _grace: number = Infinity,
    private readonly deadlineIsGiven: boolean = true,
    /** @internal Whether a helper process starts its children. */
    readonly _spawnHelper: boolean = false,
    /** @internal Whether it can be seen through a socket. */
    readonly _inspect: boolean = false
  ) {
    super(host, options)
    this.#closeDeadline = closeDeadline
  }

  /** @internal How long closing may take, in milliseconds. */
  get _closeDeadline(): number {
    return this.#closeDeadline
  }

  /** @internal */
  _allowToClose(ms: number): boolean {
    if (this.deadlineIsGiven) return ms <= this.#closeDeadline
    if (ms !== Infinity) this.#closeDeadline = Math.max(this.#closeDeadline, ms + REST)
    return true
  }

  /**
   * Starts an Effect from aio code, as a Future: pending until the fiber has ended, finalizers included. Cancelling the
   * Future interrupts the fiber; it becomes cancelled only if the fiber ended by interruption. The Effect sees the
   * Context, FiberRefs and span of the fiber that called this code, if one did.
   *
   * @example
   * const loop = SyncLoop.make()
   * const rows = await loop.runUntilComplete(() => loop.effectAsFuture(Effect.succeed([1, 2])))
   * console.log(rows.length) // => 2
   * await loop.close()
   */
  effectAsFuture<A, E>(effect: Effect.Effect<A, E, Loop>, options: EffectOptions = {}): Future<A> {
    const future = this._effectAsFuture(
      "effectAsFuture",
      provided(effect),
      options,
      (this.#origin ??= originOf(this))
    )
    if (this.getDebug()) rememberSite(future, this.effectAsFuture)
    return future
  }

  /** @internal */
  _effectAsFuture<A, E>(
    what: string,
    effect: Effect.Effect<A, E>,
    { name = "effect", signal }: EffectOptions,
    origin: Origin
  ): Future<A> {
    checkEffect(what, effect)
    checkSignal(what, signal)
    if (this._parks(what)) return new Future<A>(this)
    this._refuse(what)
    const traced = this._tracing ? spanOfEffect(this, name, effect) : effect
    return new EffectFuture<A>(origin, { name }, traced, signal)
  }

  /**
   * Starts an Effect in the background, supervised by the loop: a failure or defect crashes the loop, interruption
   * alone does not. Cancelling the Handle interrupts it.
   */
  runEffectTask<A, E>(effect: Effect.Effect<A, E, Loop>, options: { readonly name?: string } = {}): Handle {
    checkEffect("runEffectTask", effect)
    if (this._parks("runEffectTask")) return cancelledHandle(this)
    this._refuse("runEffectTask")
    const name = options.name ?? "effect"
    const given = provided(effect)
    return startBackground(this, name, this._tracing ? spanOfEffect(this, name, given) : given)
  }

  /**
   * Closes every iterator that is open across the border, each in its own world, in the order in which they were
   * registered: an async iterable that a Stream reads gets `return()`, a Stream that aio code iterates is interrupted.
   * The Future is done when all have ended; what fails while it ends goes to the exception handler. Closing the loop
   * does this by itself, once its tasks and fibers have ended. asyncio: `shutdown_asyncgens`.
   */
  shutdownAsyncIterators(): Future<void> {
    const done = this.createFuture<void>()
    closeIterators(this, () => {
      if (!done.done()) done._settleValue(undefined)
    })
    return done
  }

  /**
   * @internal The Context of a fiber of this loop: it has the loop in it, and a mark that says so, which what the fiber
   * forks inherits. The only place that makes one; most calls come from where the last one came from.
   */
  _provide(context: Context.Context<never>): Context.Context<never> {
    if (this.#provided?.from !== context) {
      this.#provided = { from: context, to: inside(this.provideSelf(context), this) }
    }
    return this.#provided.to
  }

  /** @internal Whether a fiber in this state was started on this loop, or by one that was. */
  _owns(fiber: FiberState): boolean {
    return isInside(contextOf(fiber), this)
  }

  override callExceptionHandler(report: Report): void {
    if (report.kind === "late") addLate(report.exception)
    remember(report)
    this._tally?.reported(report)
    super.callExceptionHandler(report)
  }

  override statistics(): EffectLoopStatistics {
    const kernel = super.statistics()
    return {
      ...kernel,
      effects: this._effects.size,
      crossings: this._crossings.size
    }
  }

  /** @internal */
  get _crash(): LoopCrash | undefined {
    return this.#crash
  }

  /** @internal The first error that nobody owns; later ones are logged only. True for the first. */
  _crashWith(cause: unknown, source: string): boolean {
    if (this.#crash !== undefined) return false
    const crash = new LoopCrash({ cause, loop: this.name, source })
    this.#crash = crash
    const listeners = [...this.#crashListeners]
    this.#crashListeners.clear()
    for (const listener of listeners) listener()
    return true
  }

  /** @internal Calls `f` at the crash, at once if it has happened; the result takes it back. */
  _onCrash(f: () => void): () => void {
    if (this.#crash !== undefined) f()
    else this.#crashListeners.add(f)
    return () => void this.#crashListeners.delete(f)
  }

  override stop(event?: Event): Event {
    const stopped = super.stop(event)
    if (!this.#stopAsked && this.isRunning()) {
      this.#stopAsked = true
      // The loop's own event: the caller's may be set by anyone.
      super.stop()._onSet(() => this.#hasStopped())
    }
    return stopped
  }

  /** Throws {@link InvalidStateError}: this loop runs as long as its Scope. It is there for `SyncLoop`. */
  runUntilComplete(..._: ReadonlyArray<unknown>): unknown {
    throw this.#runsAlready("runUntilComplete", "await the future")
  }

  /** Throws {@link InvalidStateError}: this loop runs as long as its Scope. It is there for `SyncLoop`. */
  runForever(..._: ReadonlyArray<unknown>): unknown {
    throw this.#runsAlready("runForever", "leave it to its Scope")
  }

  #runsAlready(what: string, remedy: string): InvalidStateError {
    return new InvalidStateError(
      `${what}() on ${this.name}: this loop runs inside Effect and is driven by it: ${remedy}, or use SyncLoop.make()`
    )
  }

  /** @internal Calls `f` when the loop has stopped or closed, at once if it has; the result takes it back. */
  _onStopped(f: () => void): () => void {
    if (this.isRunning()) this.#stopListeners.add(f)
    else f()
    return () => void this.#stopListeners.delete(f)
  }

  #hasStopped(): void {
    this.#stopAsked = false
    const listeners = [...this.#stopListeners]
    this.#stopListeners.clear()
    // Before anybody goes on: a fiber of Effect 4 does so at once.
    this._tellWaiting()
    for (const f of listeners) f()
  }

  /**
   * @internal A stopped loop delivers nothing. An Effect that began to wait before is left hanging until it runs again: say
   * so.
   */
  _tellWaiting(): void {
    if (this.isClosed() || this._closing.since !== undefined) return
    const waits = this._fiberWaits()
    if (waits === 0) return
    const leftovers = leftoversOf(this)
    this.callExceptionHandler({
      kind: "leftover",
      message:
        `${this.name} has stopped while Effects wait for it (${waits}); they wait until it runs again, ` +
        `which a new wait brings about, or closes` +
        (leftovers.length === 0 ? "" : `:\n${tableOf(leftovers)}`)
    })
  }

  /** @internal */
  override get _named(): boolean {
    return this._closing.gaveUp
  }

  /** @internal */
  override _close(cause: unknown): void {
    super._close(cause)
    releaseCapabilities(this)
    this.#hasStopped()
    for (const effect of [...this._effects]) effect.interrupt()
  }
}
