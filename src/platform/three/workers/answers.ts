/** What waits for the answers of a worker to one request: a fiber for one value, or a Stream for many. */
import type { WorkerError } from "@effect/platform/WorkerError"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { EventLoop } from "../../../Loop/EventLoop.js"
import { Waiting } from "../../../Loop/fiber/Wait.js"

/** Told what a worker says to one request. */
export interface Answer<O, E> {
  /** True where that was all. */
  data(values: ReadonlyArray<O>): boolean
  /** There is nothing more. */
  end(): void
  fail(cause: Cause.Cause<E | WorkerError>): void
}

/** The first value. What ends without one was interrupted, as the platform has it. */
export class OneAnswer<O, E> implements Answer<O, E> {
  #exit: Exit.Exit<O, E | WorkerError> = Exit.interrupt(FiberId.none)
  readonly #waiting: Waiting

  constructor(loop: EventLoop, resume: (exit: Exit.Exit<O, E | WorkerError>) => void) {
    this.#waiting = new Waiting(loop, () => resume(this.#exit))
  }

  data([value]: ReadonlyArray<O>): boolean {
    this.#settle(Exit.succeed(value as O))
    return true
  }

  end(): void {
    this.#waiting.run()
  }

  fail(cause: Cause.Cause<E | WorkerError>): void {
    this.#settle(Exit.failCause(cause))
  }

  #settle(exit: Exit.Exit<O, E | WorkerError>): void {
    this.#exit = exit
    this.#waiting.run()
  }
}

/** All values, in the chunks in which they came. What its reader has not taken waits, as the protocol has no backpressure. */
export class ManyAnswers<O, E> implements Answer<O, E> {
  #values: Array<O> = []
  #end: Cause.Cause<Option.Option<E | WorkerError>> | undefined
  #waiting: Waiting | undefined

  constructor(private readonly loop: EventLoop) {}

  data(values: ReadonlyArray<O>): boolean {
    for (const value of values) this.#values.push(value)
    if (values.length > 0) this.#wake()
    return false
  }

  end(): void {
    this.#finish(Cause.fail(Option.none()))
  }

  fail(cause: Cause.Cause<E | WorkerError>): void {
    this.#finish(Cause.map(cause, Option.some))
  }

  /** What is there; waits where nothing is. */
  readonly pull: Effect.Effect<Chunk.Chunk<O>, Option.Option<E | WorkerError>> = Effect.suspend(
    () => this.#taken() ?? this.#more
  )

  readonly #more = Effect.async<Chunk.Chunk<O>, Option.Option<E | WorkerError>>((resume) => {
    // The fiber may have yielded since it looked.
    const taken = this.#taken()
    if (taken !== undefined) return resume(taken)
    this.#waiting = new Waiting(this.loop, () => resume(this.#taken() ?? this.pull))
    return Effect.sync(() => (this.#waiting = undefined))
  })

  #taken(): Effect.Effect<Chunk.Chunk<O>, Option.Option<E | WorkerError>> | undefined {
    const values = this.#values
    if (values.length > 0) {
      this.#values = []
      return Effect.succeed(Chunk.unsafeFromArray(values))
    }
    return this.#end === undefined ? undefined : Effect.failCause(this.#end)
  }

  #finish(cause: Cause.Cause<Option.Option<E | WorkerError>>): void {
    this.#end ??= cause
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.run()
  }
}
