/**
 * Effects started from aio code: the fibers that belong to a loop. Each is listed while it runs, so that closing finds
 * it, and starts from the ready queue, so that one that is cancelled before never runs.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  contextOf,
  forksIn,
  interruptFork,
  observe,
  poll,
  type FiberState,
  type Forks,
  type RunningFiber
} from "../../effect.js"
import { otherCopy } from "../../effect/otherCopy.js"
import { runDetached } from "../host/AsyncContext.js"
import { manyListeners } from "../host/manyListeners.js"
import { isThenable } from "../kernel/adopt.js"
import { slot } from "../kernel/current.js"
import { describeValue } from "../kernel/describe.js"
import { Future } from "../kernel/Future.js"
import { Handle } from "../kernel/Handle.js"
import type { Context as AsyncContext } from "../kernel/Context.js"
import type { Runnable } from "../kernel/ports.js"
import type { ContextFor, Home, Leftover, LoopFiber, Origin } from "../ports.js"
import { backgroundFailure, isOurs, settleWithExit } from "./Outcome.js"
import { linked } from "./links.js"
import { keepsShape } from "./shapes.js"
import { Waiting } from "./Wait.js"

/** Throws `TypeError` for what is no Effect, before anything is scheduled; `what` is the call that was given it. */
export const checkEffect = (what: string, effect: unknown): void => {
  if (Effect.isEffect(effect)) return
  throw new TypeError(
    `${what} takes an Effect, not ${describeValue(effect)}` +
      (isThenable(effect) ? ": a promise needs none, await it" : otherCopy(effect))
  )
}

/** Throws `TypeError` for a `signal` that is given and is no AbortSignal. */
export const checkSignal = (what: string, signal: unknown): void => {
  if (signal === undefined || signal instanceof AbortSignal) return
  throw new TypeError(`${what} takes an AbortSignal as its signal, not ${describeValue(signal)}`)
}

/** What a fiber is called, and who hears that it is told to end. */
export interface Named {
  readonly name: string
  /** Called once, before the fiber is interrupted: by whom, the one who is told may know. Never throws. */
  readonly told?: () => void
}

/** Who hears of the end of a fiber. */
export interface Owner<A, E> {
  ended(exit: Exit.Exit<A, E>): void
}

/** One fiber of a loop, while it runs. */
export class RunningEffect implements LoopFiber {
  #startedAt: number | undefined
  #fiber: object | undefined
  #listeners: Array<() => void> | undefined
  /** Interrupts the fiber in its own async-local state: its finalizers run in that, and as nobody's task. */
  #interrupting: Waiting | undefined
  #asked = false
  #ended = false
  constructor(
    private readonly home: Home,
    private readonly named: Named,
    /** The Future of the fiber's end, where the program was given one. */
    readonly future: Future<unknown> | undefined
  ) {
    home._effects.add(this)
  }

  get name(): string {
    return this.named.name
  }

  describe(): Leftover {
    return linked(
      {
        what: "effect",
        name: this.name,
        age: this.#startedAt === undefined ? 0 : this.home.host.now() - this.#startedAt,
        state: "running",
        waitingOn: "its fiber",
        createdAt: "aio code of this loop",
        blamed: true
      },
      [this, this.future, this.#fiber].filter((one) => one !== undefined)
    )
  }

  /** Its first steps were run, which may have had it interrupted. */
  began(fiber: RunningFiber<unknown, unknown>): void {
    this.#startedAt = this.home.host.now()
    this.#fiber = fiber
    this.#interrupting = new Waiting(this.home, () => interruptFork(fiber))
    if (this.#asked) this.#interrupting.run()
  }

  /** Whether it was told to end, which its Exit need not say: what was uninterruptible at its end says nothing else. */
  get told(): boolean {
    return this.#asked
  }

  interrupt(): void {
    if (!this.#asked) {
      this.#asked = true
      this.named.told?.()
    }
    this.#interrupting?.run()
  }

  /** Calls `f` when the fiber has ended: at once if it has, by something else that was told to stop just before. */
  onEnd(f: () => void): void {
    if (this.#ended) f()
    else if (this.#listeners === undefined) this.#listeners = [f]
    else this.#listeners.push(f)
  }

  /** The fiber has ended. */
  ended(): void {
    this.#ended = true
    this.home._effects.delete(this)
    if (this.#listeners !== undefined) for (const f of this.#listeners) f()
  }
}

/**
 * The origin of fibers of `home`. Where no fiber has called they start in `state`; `contextFor` says in what Context, which by
 * default is that of the fiber that called, or the loop's own.
 */
export const originOf = (
  home: Home,
  contextFor: ContextFor = (caller) => contextOf(caller ?? home._base),
  state: FiberState = home._base
): Origin => {
  // Most calls come from where the last one came from.
  let last: { readonly caller: FiberState | undefined; readonly forks: Forks } | undefined
  return {
    home,
    forksFor: (caller) => {
      if (last === undefined || last.caller !== caller) {
        last = { caller, forks: forksIn(caller ?? state, home._provide(contextFor(caller))) }
      }
      return last.forks
    }
  }
}

/**
 * Starts a fiber; tells its owner of its end, and gives what can be interrupted, or nothing if it has ended already.
 */
export const startIn = <A, E>(
  home: Home,
  named: Named,
  effect: Effect.Effect<A, E>,
  forks: Forks,
  future: Future<unknown> | undefined,
  owner: Owner<A, E>
): RunningEffect | undefined => {
  // Listed before its first steps: they may close the loop, or resume somebody who does.
  const running = new RunningEffect(home, named, future)
  const ended = (exit: Exit.Exit<A, E>): void => {
    running.ended()
    owner.ended(exit)
  }
  const exit = runDetached(home, () => {
    const fiber = forks(effect)
    const early = poll(fiber)
    if (early === undefined) {
      observe(fiber, ended)
      running.began(fiber)
    }
    return early
  })
  if (exit === undefined) return running
  ended(exit)
  return undefined
}

/** `startIn` for the aio code that is running now. */
const start = <A, E>(
  origin: Origin,
  named: Named,
  effect: Effect.Effect<A, E>,
  future: Future<unknown> | undefined,
  owner: Owner<A, E>
): RunningEffect | undefined =>
  startIn(origin.home, named, effect, origin.forksFor(slot.owner as FiberState | undefined), future, owner)

/** That nobody has cancelled: `undefined` may be what a cancel says. */
const NOT_CANCELLED = Symbol("not cancelled")

/** A Future of an Effect: pending until the fiber has ended, finalizers included. */
export class EffectFuture<A> extends Future<A> implements Runnable, Owner<A, unknown> {
  readonly resumes = true
  readonly #origin: Origin
  readonly #named: Named
  readonly #context: AsyncContext | undefined
  /** Until it starts. */
  #effect: Effect.Effect<A, unknown> | undefined
  #running: RunningEffect | undefined = undefined
  /** What the first `cancel()` said. It may come while the effect starts: the effect itself may have called it. */
  #message: unknown = NOT_CANCELLED
  #unlisten: (() => void) | undefined = undefined

  constructor(
    origin: Origin,
    named: Named,
    effect: Effect.Effect<A, unknown>,
    signal: AbortSignal | undefined
  ) {
    super(origin.home)
    this.#origin = origin
    this.#named = named
    this.#effect = effect
    this.#context = origin.home.host.contexts.capture()
    if (signal !== undefined) this.#listen(signal)
    if (!this.done()) origin.home._push(this)
  }

  /** What it was called when it was started. */
  get name(): string {
    return this.#named.name
  }

  /** Starts the fiber: the loop's pass is the only caller. */
  run(): void {
    const { home } = this.#origin
    // What the loop dropped when it was closed is not run any more, only ended.
    if (home.isClosed()) this._closed(home._closedError(`${this.#named.name} had not started`))
    if (this.done()) return this.#forget()
    home.host.contexts.call(this.#context, home, undefined, EffectFuture.#start, this)
  }

  override _closed(error: Error): void {
    super._closed(error)
    if (this.#running === undefined) this.#forget()
  }

  /** The fiber has ended. */
  ended(exit: Exit.Exit<A, unknown>): void {
    const message = this.#message
    const told = message !== NOT_CANCELLED || this.#running?.told === true
    this.#running = undefined
    this.#unlisten?.()
    if (this.done()) this.#tellLate(exit, told)
    else settleWithExit(this, exit, message === NOT_CANCELLED ? undefined : message)
  }

  protected override _describe(): string {
    return `${super._describe()} name=${JSON.stringify(this.#named.name)}`
  }

  protected override _kind(): string {
    return `Future of ${this.#named.name}`
  }

  static #start(future: EffectFuture<unknown>): void {
    const effect = future.#effect as Effect.Effect<unknown, unknown>
    future.#effect = undefined
    future.#running = start(future.#origin, future.#named, effect, future, future)
    if (future.#message !== NOT_CANCELLED) future.#running?.interrupt()
  }

  /** The loop was closed under it: whoever waited has been told of that, and nobody of how the fiber ends. */
  #tellLate(exit: Exit.Exit<unknown, unknown>, told: boolean): void {
    const { home } = this.#origin
    if (Exit.isSuccess(exit)) {
      if (exit.value !== undefined) home._countLate()
      return
    }
    const failure = backgroundFailure(exit, told)
    if (failure === undefined || isOurs(failure.error)) return
    home.callExceptionHandler({
      kind: "late",
      message: `${this.#named.name} failed after its loop was closed`,
      exception: failure.error,
      future: this
    })
  }

  /** Before the start there is nothing to interrupt: the Future is cancelled at once, and `run` finds it done. */
  protected override _askToEnd(message: unknown): boolean {
    if (this.#message === NOT_CANCELLED || this.#message === undefined) this.#message = message
    if (this.#running !== undefined) this.#running.interrupt()
    else if (this.#effect !== undefined) {
      this.#forget()
      return false
    }
    return true
  }

  /** The effect will not run, and is let go. */
  #forget(): void {
    this.#effect = undefined
    this.#unlisten?.()
  }

  #listen(signal: AbortSignal): void {
    const abort = (): void => void this.cancel(signal.reason)
    if (signal.aborted) return abort()
    manyListeners(signal).addEventListener("abort", abort, { once: true })
    this.#unlisten = () => {
      this.#unlisten = undefined
      signal.removeEventListener("abort", abort)
    }
  }
}

const KEPT: Named = { name: "kept" }
keepsShape((loop) => new RunningEffect(loop, KEPT, undefined))
keepsShape((loop) => new EffectFuture(originOf(loop), KEPT, Effect.void, undefined))

/** A supervised fiber: nobody awaits it, so its failure is the loop's. */
export const startBackground = (
  home: Home,
  name: string,
  effect: Effect.Effect<unknown, unknown>
): Handle => {
  let running: RunningEffect | undefined
  let cancelled = false
  const begin = (): void => {
    running = start(originOf(home), { name }, effect, undefined, {
      ended: (exit) => {
        const told = cancelled || running?.told === true
        running = undefined
        const failure = backgroundFailure(exit, told)
        if (failure === undefined) return
        home.callExceptionHandler({
          kind: "background",
          message: `background effect ${name} failed`,
          exception: failure.error,
          handle
        })
      }
    })
    if (cancelled) running?.interrupt()
  }
  const handle: Handle = new Handle(home, begin, undefined, home.host.contexts.capture(), () => {
    cancelled = true
    running?.interrupt()
  })
  home._push(handle)
  return handle
}
