/**
 * Effects started from aio code: the fibers that belong to a loop. Each is listed while it runs, so that closing finds
 * it, and starts from the ready queue, so that one that is cancelled before never runs.
 */
import type { Context } from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { contextOf, forkWith, interruptFork, observe, poll, type FiberState } from "../../effect.js"
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
import type { ContextFor, Home, Leftover, LoopFiber } from "../ports.js"
import { backgroundFailure, isOurs, settleWithExit } from "./Outcome.js"
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

/** One fiber of a loop, while it runs. */
export class RunningEffect implements LoopFiber {
  #startedAt: number | undefined
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
    return {
      what: "effect",
      name: this.name,
      age: this.#startedAt === undefined ? 0 : this.home.host.now() - this.#startedAt,
      state: "running",
      waitingOn: "its fiber",
      createdAt: "aio code of this loop",
      blamed: true
    }
  }

  /** Its first steps were run, which may have had it interrupted. */
  began(interrupting: Waiting): void {
    this.#startedAt = this.home.host.now()
    this.#interrupting = interrupting
    if (this.#asked) interrupting.run()
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
 * Forks in the state of the fiber that called the aio code, or the loop's own; reports the end through `onEnd`, and
 * gives what can be interrupted, or nothing if it has ended already.
 */
const start = <A, E>(
  home: Home,
  name: string,
  effect: Effect.Effect<A, E>,
  contextFor: ContextFor,
  state: FiberState,
  future: Future<unknown> | undefined,
  onEnd: (exit: Exit.Exit<A, E>) => void
): RunningEffect | undefined => {
  const caller = slot.owner as FiberState | undefined
  return startIn(home, { name }, effect, caller ?? state, contextFor(caller), future, onEnd)
}

/** `start` in a state and a Context that are given, whoever calls. */
export const startIn = <A, E>(
  home: Home,
  named: Named,
  effect: Effect.Effect<A, E>,
  state: FiberState,
  context: Context<never>,
  future: Future<unknown> | undefined,
  onEnd: (exit: Exit.Exit<A, E>) => void
): RunningEffect | undefined => {
  // Listed before its first steps: they may close the loop, or resume somebody who does.
  const running = new RunningEffect(home, named, future)
  const forked = runDetached(home, () => {
    const fiber = forkWith(effect, state, context)
    const exit = poll(fiber)
    return exit === undefined
      ? { fiber, interrupting: new Waiting(home, () => interruptFork(fiber)) }
      : { exit }
  })
  if (forked.exit !== undefined) {
    running.ended()
    onEnd(forked.exit)
    return undefined
  }
  const { fiber, interrupting } = forked
  observe(fiber, (end) => {
    running.ended()
    onEnd(end)
  })
  running.began(interrupting)
  return running
}

/** A Future of an Effect: pending until the fiber has ended, finalizers included. */
export class EffectFuture<A> extends Future<A> implements Runnable {
  readonly resumes = true
  readonly #home: Home
  readonly #name: string
  readonly #contextFor: ContextFor
  readonly #state: FiberState
  readonly #context: AsyncContext | undefined
  #effect: Effect.Effect<A, unknown> | undefined
  #running: RunningEffect | undefined
  #message: unknown
  /** `cancel()` came while the effect was starting: the effect itself may have called it. */
  #cancelled = false
  #unlisten: (() => void) | undefined

  constructor(
    home: Home,
    name: string,
    effect: Effect.Effect<A, unknown>,
    contextFor: ContextFor,
    state: FiberState,
    signal: AbortSignal | undefined
  ) {
    // Before the start there is nothing to interrupt: the Future is cancelled at once, and `run` finds it done.
    super(home, (message) => this.#interrupt(message))
    this.#home = home
    this.#name = name
    this.#effect = effect
    this.#contextFor = contextFor
    this.#state = state
    this.#context = home.host.contexts.capture()
    if (signal !== undefined) this.#listen(signal)
    if (!this.done()) home._push(this)
  }

  /** Starts the fiber: the loop's pass is the only caller. */
  run(): void {
    // What the loop dropped when it was closed is not run any more, only ended.
    if (this.#home.isClosed()) this._closed(this.#home._closedError(`${this.#name} had not started`))
    if (this.done()) return this.#forget()
    this.#home.host.contexts.call(this.#context, this.#home, undefined, EffectFuture.#start, this)
  }

  override _closed(error: Error): void {
    super._closed(error)
    if (this.#running === undefined) this.#forget()
  }

  protected override _describe(): string {
    return `${super._describe()} name=${JSON.stringify(this.#name)}`
  }

  protected override _kind(): string {
    return `Future of ${this.#name}`
  }

  static #start(future: EffectFuture<unknown>): void {
    const effect = future.#effect as Effect.Effect<unknown, unknown>
    future.#effect = undefined
    future.#running = start(
      future.#home,
      future.#name,
      effect,
      future.#contextFor,
      future.#state,
      future,
      (exit) => {
        const told = future.#cancelled || future.#running?.told === true
        future.#running = undefined
        future.#unlisten?.()
        if (future.done()) future.#tellLate(exit, told)
        else settleWithExit(future, exit, future.#message)
      }
    )
    if (future.#cancelled) future.#running?.interrupt()
  }

  /** The loop was closed under it: whoever waited has been told of that, and nobody of how the fiber ends. */
  #tellLate(exit: Exit.Exit<unknown, unknown>, told: boolean): void {
    if (Exit.isSuccess(exit)) {
      if (exit.value !== undefined) this.#home._countLate()
      return
    }
    const failure = backgroundFailure(exit, told)
    if (failure === undefined || isOurs(failure.error)) return
    this.#home.callExceptionHandler({
      kind: "late",
      message: `${this.#name} failed after its loop was closed`,
      exception: failure.error,
      future: this
    })
  }

  #interrupt(message: unknown): boolean {
    this.#message ??= message
    this.#cancelled = true
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

/** A supervised fiber: nobody awaits it, so its failure is the loop's. */
export const startBackground = (
  home: Home,
  name: string,
  effect: Effect.Effect<unknown, unknown>
): Handle => {
  let running: RunningEffect | undefined
  let cancelled = false
  const begin = (): void => {
    running = start(
      home,
      name,
      effect,
      (caller) => home._provide(contextOf(caller ?? home._base)),
      home._base,
      undefined,
      (exit) => {
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
    )
    if (cancelled) running?.interrupt()
  }
  const handle: Handle = new Handle(home, begin, undefined, home.host.contexts.capture(), () => {
    cancelled = true
    running?.interrupt()
  })
  home._push(handle)
  return handle
}
