/** One run of a Stream over an async iterable, as its fiber sees it: the pulls, and the end. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  callback,
  type FiberWait,
  isInterrupted,
  sequentialCauses,
  waitFor,
  whenDropped
} from "../../effect.js"
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

const noItems: ReadonlyArray<never> = []

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
  /** What a pull was given, until the next one waits. */
  #taken: ReadonlyArray<unknown> = noItems
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

  /** The next items; `undefined` at the end. Only the wait is interruptible. */
  readonly pull: Pull<E> = Effect.suspend(() => waitFor(this.#wait) ?? this.#masked)

  /** Whether a pull is answered without waiting. */
  get #ready(): boolean {
    return this.#reading.items.length > 0 || this.#reading.ended
  }

  /** A pull of a fiber that can be interrupted: one operation of it. Every item goes through here. */
  readonly #wait: FiberWait<ReadonlyArray<unknown> | undefined, E | AioInterrupted> = ((pump) => ({
    begin: () => pump.#ready,
    wait: (resume) => pump.#park(resume),
    get failed() {
      return pump.#reading.items.length === 0
    },
    owned: true,
    outcome: () => pump.#take(),
    interrupted: () => pump.#interrupted
  }))(this)

  /** A pull of any other fiber. What can be made once is. */
  readonly #masked: Pull<E> = Effect.uninterruptibleMask((restore) => {
    if (this.#restore !== restore) {
      this.#restore = restore
      this.#held = Effect.matchCauseEffect(restore(this.#heldWait), {
        onFailure: (cause) =>
          // A failure is no news to the task.
          isInterrupted(cause)
            ? Effect.matchCauseEffect(this.#interrupted, {
                onSuccess: () => Effect.failCause(cause),
                onFailure: (more) => Effect.failCause(sequentialCauses(cause, more))
              })
            : Effect.failCause(cause),
        onSuccess: () => Effect.suspend(() => this.#take())
      })
    }
    return this.#held as Pull<E>
  })

  /** Carries no outcome: what is taken was given. */
  readonly #heldWait: Effect.Effect<void, CancelledError> = callback((resume) => {
    if (this.#ready) return resume(Effect.void)
    const unwatch = watchIfHeld(this.#watch, this.#reading.task, (error) => {
      this.#waiting = undefined
      this.#told = true
      this.#abandoned = true
      resume(Effect.fail(error))
    })
    this.#park(() => {
      unwatch?.()
      resume(Effect.void)
    })
  })

  /** A pull waits from now on: the reading task is asked, and calls `resume`. */
  #park(resume: () => void): void {
    this.#taken = noItems
    this.#waiting = new Waiting(this.loop, resume)
    this.loop._start()
    if (!this.#watched) {
      this.#watched = true
      this.loop._watch(this)
    }
    this.#reading.ask()
  }

  #take(): Exit.Exit<ReadonlyArray<unknown> | undefined, E | AioInterrupted> {
    const { items } = this.#reading
    this.#taken = items
    if (items.length === 0) return this.#outcome()
    this.#reading.items = []
    return Exit.succeed(items)
  }

  /** A pull was interrupted: ends the task and waits for it. */
  readonly #interrupted: Effect.Effect<void> = Effect.suspend(() => {
    // What this pull was given has not reached it.
    this.#gave = undefined
    this.#reading.items.push(...this.#taken)
    this.#waiting = undefined
    this.#drop()
    this.#told = true
    if (this.#reading.finished) return Effect.void
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
        return Effect.void
      },
      onFailure: (more) => {
        this.#late = more
        return Effect.failCause(more)
      }
    })
  })

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

  #outcome(): Exit.Exit<ReadonlyArray<unknown> | undefined, E | AioInterrupted> {
    const { byLoop, reason, single, task } = this.#reading
    this.#told = true
    if (single && !this.#given) {
      this.#given = true
      return Exit.succeed([task._value()])
    }
    // The loop was told how that went.
    if (byLoop && reason !== undefined && task._peek() === "error") {
      return Exit.fail(cancellationOf(reason))
    }
    const exit = fromFuture(task, this.options.mapError)
    if (!Exit.isFailure(exit)) return Exit.succeed(undefined)
    this.#gave = exit.cause
    return Exit.failCause(exit.cause)
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
