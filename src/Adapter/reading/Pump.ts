/** One run of a Stream over an async iterable, as its fiber sees it: the pulls, and the end. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { callback, isInterrupted, sequentialCauses, whenDropped } from "../../effect.js"
import { type CancelledError, isLoopClosedError } from "../../Loop/kernel/errors.js"
import type { Settleable } from "../../Loop/kernel/ports.js"
import { cancellationOf, fromFuture, tellLate, wouldHide } from "../../Loop/fiber/Outcome.js"
import { oncePassed, Waiting, type Watch, watchIfHeld } from "../../Loop/fiber/Wait.js"
import { watchHeld } from "../task/held.js"
import { askAndJoin, cancelAndJoin } from "../task/join.js"
import { type Consumer, type ReadingOptions, ReadingTask } from "./ReadingTask.js"
import type { AioInterrupted } from "../task/options.js"
import type { Runner } from "../task/Runner.js"
import type { Home } from "../../Loop/ports.js"

/** What a Stream reads, how, and what the end of that means to it. */
export interface PumpOptions<E> extends ReadingOptions, Omit<Runner<E>, keyof ReadingOptions> {}

type Pull<E> = Effect.Effect<ReadonlyArray<unknown> | undefined, E | AioInterrupted>

/**
 * Legal states: not pulled; pulled (`#waiting`, and so is the task); left. A pull is answered by items, or by the task's
 * end, whatever that is. Leaving ends the task and waits for it, unless an interrupted pull has done so before.
 */
export class Pump<E> implements Consumer, Settleable {
  readonly #reading: ReadingTask
  /** The pull that waits. */
  #waiting: Waiting | undefined
  /** The loop tells of the pull when it stops. */
  #watched = false
  /** Looks after a pull that cannot be interrupted. */
  readonly #watch: Watch<CancelledError>
  #restore: (<A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) | undefined
  /** What a pull is under `#restore`. */
  #held: Pull<E> | undefined
  /** The task's end was told to a pull, or will be. */
  #told = false
  /** The failure of the task that a pull was given. */
  #gave: Cause.Cause<unknown> | undefined
  /** A coroutine's value is the only item. */
  #given = false
  /** How it failed after its pull was interrupted. A Stream drops the Cause of such a pull, and keeps that of its end. */
  #late: Cause.Cause<never> | undefined
  /** Nobody waits for the task any more. */
  #abandoned = false

  /** Starts the task. Throws where the loop takes no work. */
  constructor(
    private readonly loop: Home,
    private readonly options: PumpOptions<E>
  ) {
    this.#reading = new ReadingTask(loop, options, this)
    this.#watch = watchHeld.bind(undefined, loop, () => options.name, options.onInterrupt)
  }

  /**
   * The next items; `undefined` at the end. Only the wait is interruptible. Every item goes through here: what can be made
   * once is, and `callback` with a canceller would cost as much as all the rest.
   */
  readonly pull: Pull<E> = Effect.uninterruptibleMask((restore) => {
    if (this.#restore !== restore) {
      this.#restore = restore
      this.#held = Effect.matchCauseEffect(restore(this.#wait), {
        onFailure: (cause) =>
          // A failure is no news to the task.
          isInterrupted(cause) ? this.#interrupted(cause) : Effect.failCause(cause),
        onSuccess: () => this.#take
      })
    }
    return this.#held as Pull<E>
  })

  /** Carries no outcome: what is taken was given. */
  readonly #wait: Effect.Effect<void, CancelledError> = callback((resume) => {
    if (this.#reading.items.length > 0 || this.#reading.ended) return resume(Effect.void)
    const unwatch = watchIfHeld(this.#watch, this.#reading.task, (error) => {
      this.#waiting = undefined
      this.#told = true
      this.#abandoned = true
      resume(Effect.fail(error))
    })
    this.#waiting = new Waiting(this.loop, () => {
      unwatch?.()
      resume(Effect.void)
    })
    this.loop._start()
    if (!this.#watched) {
      this.#watched = true
      this.loop._watch(this)
    }
    this.#reading.ask()
  })

  readonly #take: Pull<E> = Effect.suspend(() => {
    if (this.#reading.items.length > 0) {
      const items = this.#reading.items
      this.#reading.items = []
      return Effect.succeed(items)
    }
    return this.#outcome()
  })

  #interrupted(cause: Cause.Cause<E | AioInterrupted>): Effect.Effect<never, E | AioInterrupted> {
    this.#waiting = undefined
    this.#drop()
    this.#told = true
    if (this.#reading.finished) return Effect.failCause(cause)
    this.#reading.willBeClosed()
    const joined = cancelAndJoin(
      this.loop,
      () => this.options.name,
      this.options.onInterrupt,
      this.#reading.task
    )
    return Effect.matchCauseEffect(joined, {
      onSuccess: () => {
        this.#abandoned = !this.#reading.task.done()
        return Effect.failCause(cause)
      },
      onFailure: (more) => {
        this.#late = more
        return Effect.failCause(sequentialCauses(cause, more))
      }
    })
  }

  /** The Stream is left, at whatever point: ends the iterator and waits for that. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#drop()
      if (this.#late !== undefined) return Effect.failCause(this.#late)
      if (this.#abandoned) return Effect.void
      if (this.#gave !== undefined) return this.#tellDropped(exit)
      if (this.#reading.ended) return this.#tellUnread()
      if (this.#reading.task.done()) return Effect.flatMap(oncePassed(this.loop), () => this.#tellUnread())
      this.#reading.willBeClosed()
      const { onInterrupt } = this.options
      const interrupted = Exit.isFailure(exit) && isInterrupted(exit.cause)
      return askAndJoin(
        this.loop,
        this.#reading.task,
        // One that was left returns, and that is its close.
        interrupted ? onInterrupt : { ...onInterrupt, mode: "join", stoppable: true },
        {
          ask: () => {
            // An interrupted pull that still waits has cancelled it: a second cancel would meet its cleanup.
            if (!this.#told) this.#reading.leave()
          },
          ended: () => this.#afterLeaving(exit),
          who: "the end of a stream",
          told: "was told to return"
        }
      )
    })
  }

  /** For the reading task: whether a pull waits for it. */
  get waits(): boolean {
    return this.#waiting !== undefined
  }

  /** For the reading task: lets the pull that waits go on. */
  answer(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (this.#reading.ended) this.loop._unwatch(this)
    waiting?.run()
  }

  /** @internal The loop is closed. So is the task, whose end answers the pull. */
  _closed(): void {}

  /** @internal For the loop when it stops: whether no pull waits for it. */
  get _idle(): boolean {
    return this.#waiting === undefined
  }

  #outcome(): Pull<E> {
    const { byLoop, reason, single, task } = this.#reading
    this.#told = true
    if (single && !this.#given) {
      this.#given = true
      return Effect.succeed([task._value()])
    }
    // The loop was told how that went.
    if (byLoop && reason !== undefined && task._peek() === "error") {
      return Effect.fail(cancellationOf(reason))
    }
    return Effect.matchCauseEffect(fromFuture(task, this.options.mapError), {
      onSuccess: () => Effect.succeed(undefined),
      onFailure: (cause) => {
        this.#gave = cause
        return Effect.failCause(cause)
      }
    })
  }

  /**
   * The failure that a pull was given may not have got further: a fiber that is interrupted drops it on its way out, and what
   * has been left meanwhile never sees it. Then it is told of here.
   */
  #tellDropped(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const gave = this.#gave
    const failure = this.#failure()
    if (gave === undefined || failure === undefined) return Effect.void
    return whenDropped(gave, exit, () =>
      this.#report("failed, and its stream was interrupted or left at that moment")
    )
  }

  /** Items that nobody will take. */
  #drop(): void {
    for (const _ of this.#reading.items.splice(0)) this.loop._countLate()
  }

  /** Many a Stream operator drops how what it has left ends, so that the defect alone is not enough. */
  #afterLeaving(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const failure = this.#failure()
    if (failure === undefined) return Effect.void
    // Unless an interrupted pull does.
    if (!this.#told) this.#report("failed while it was closed")
    return wouldHide(exit) ? Effect.void : Effect.die(failure.error)
  }

  /** It was read ahead, and failed. */
  #tellUnread(): Effect.Effect<void> {
    const failure = this.#told || this.#reading.byLoop ? undefined : this.#failure()
    if (failure !== undefined) {
      this.#report("failed, and its stream was left before it came to that")
    }
    return Effect.void
  }

  #failure(): { readonly error: unknown } | undefined {
    const { task } = this.#reading
    if (task._peek() !== "error") return undefined
    const error = task._error()
    return isLoopClosedError(error) ? undefined : { error }
  }

  #report(what: string): void {
    tellLate(this.loop, `${this.options.name} ${what}`, this.#reading.task)
  }
}
