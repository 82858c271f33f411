/** The task behind one run of a Stream over an async iterable: it opens the iterator, reads, and closes it. */
import { Crossing } from "../../Loop/closing/Crossing.js"
import { isThenable } from "../../Loop/kernel/adopt.js"
import { CancelledError, isCancelledError } from "../../Loop/kernel/errors.js"
import { type Future, isFuture } from "../../Loop/kernel/Future.js"
import type { Context } from "../../Loop/kernel/Context.js"
import type { Runnable } from "../../Loop/kernel/ports.js"
import type { Task } from "../../Loop/kernel/Task.js"
import { type Reader, resultOf } from "./Source.js"
import { cancel } from "../task/join.js"
import type { Stops } from "../task/options.js"
import { Life, type Living } from "./Life.js"
import type { Home } from "../../Loop/ports.js"

/** What the reading task calls first: it gives an open iterator, or else what a coroutine returns. */
export type Opening = (task: Task<unknown>) => { readonly reader: Reader } | { readonly value: unknown }

/** What a reading task reads, and how. */
export interface ReadingOptions {
  readonly name: string
  /** The program's own function or iterable, for reports. */
  readonly body: unknown
  readonly opening: Opening
  /** How many items are read in one go while they come without waiting. */
  readonly chunkSize: number
  readonly stops: Stops
}

/** For whom a task reads: the run of a Stream. */
export interface Consumer {
  /** Whether the consumer waits for items, or for the end. */
  readonly waits: boolean
  /** Tells the consumer that there are items, or that the task has ended. */
  answer(): void
}

/** How many items one pull takes of a source that has them already. */
const HELD = 64

/**
 * Legal states:
 *   opening  the task has not started; or it runs a coroutine that gave no iterator
 *   idle     nobody has asked for an item
 *   reading  a `next()` has not answered
 *   closing  a `return()` has not answered
 *   over     the iterator has ended, failed or returned, and so does the task
 *
 * `#ending` says that it was told to end: in `idle` the next step closes it, in `reading` the answer is dropped, and
 * then it is closed.
 */
export class ReadingTask implements Runnable, Living {
  readonly resumes = true
  readonly task: Task<unknown>
  /** Items that nobody has taken. */
  items: Array<unknown> = []
  /** The task has ended, and its callbacks have been called. */
  ended = false
  /** Ended by the loop, which reports how that went. */
  byLoop = false
  readonly #context: Context | undefined
  readonly #crossing: Crossing
  readonly #life: Life
  #reader: Reader | undefined
  #state: "opening" | "idle" | "reading" | "closing" | "over" = "opening"
  #ending: "left" | CancelledError | undefined
  /** How many pulls have been answered; and at which of them an answer was asked for when all is quiet. */
  #answers = 0
  #draining = -1

  /** Starts the task. Throws where the loop takes no work. */
  constructor(
    private readonly loop: Home,
    private readonly options: ReadingOptions,
    private readonly consumer: Consumer
  ) {
    const { body, name, stops } = options
    this.#life = new Life(loop, this)
    this.#context = loop.host.contexts.capture()
    this.task = loop.createTask((task) => this.#begin(task), {
      name,
      body,
      context: this.#context,
      ...stops,
      // Who consumes waits for what comes, as long as that takes.
      slowTask: stops.slowTask ?? false
    })
    this.#crossing = new Crossing(loop, {
      what: "iterator",
      name,
      life: this.task,
      end: () => this.#endByLoop()
    })
    this.task._add({ resumes: false, run: () => this.#ended() })
  }

  /** The consumer waits from now on. */
  ask(): void {
    if (this.#state === "idle") this.loop._runFor(this)
  }

  /** The iterator has come to its end, and so has the task. */
  get finished(): boolean {
    return this.#state === "over" && this.task._peek() === "value"
  }

  /** What the function gave was no iterator: its value is the only item. */
  get single(): boolean {
    return this.#reader === undefined && this.task._peek() === "value"
  }

  /** Why it was ended, where that was not its consumer's doing. */
  get reason(): CancelledError | undefined {
    return this.#ending === "left" ? undefined : this.#ending
  }

  /** Its consumer is told how closing goes: the loop need not report that. */
  willBeClosed(): void {
    this.#crossing.left()
  }

  /** The consumer has gone, and did not wait: closes the iterator. What was read ahead and still waits is cancelled. */
  leave(): void {
    if (this.#state === "idle") {
      this.#ending ??= "left"
      this.loop._push(this)
    } else if (this.#state === "opening" || this.#state === "reading") {
      cancel(this.loop, () => this.options.name, this.task)
    }
  }

  /** @internal The loop's pass is the only caller. */
  run(): void {
    this.#inTask(ReadingTask.#step)
  }

  /** @internal The task is cancelled, by anyone. What its iterator awaits of the loop is cancelled by the task itself. */
  _cancelled(message: unknown): void {
    this.#end(new CancelledError(message), () => this.loop._push(this))
  }

  /** @internal For reports: what the task waits for. */
  get _waitsFor(): string {
    if (this.#state === "reading") return "its next()"
    if (this.#state === "closing") return "its return()"
    return this.#state === "over" ? `the iterator of ${this.options.name}` : "a pull"
  }

  /** Calls `f` as code of the task, in the async-local state in which the Stream was run. */
  #inTask(f: (reading: ReadingTask) => void): void {
    this.loop.host.contexts.call(this.#context, this.loop, this.task, f, this)
  }

  /** The task's coroutine: opens the iterator, and awaits its life. */
  #begin(task: Task<unknown>): unknown {
    const opened = this.options.opening(task)
    if (!("reader" in opened)) return opened.value
    this.#reader = opened.reader
    this.#state = "idle"
    ReadingTask.#step(this)
    return this.#life
  }

  /** From idle, the next thing to do: a `return()` where it was told to end, a `next()` where the consumer waits. */
  static #step(self: ReadingTask): void {
    if (self.#state !== "idle") return
    if (self.#ending !== undefined) self.#return()
    else if (self.consumer.waits) ReadingTask.#read(self)
  }

  /** Reads on while answers are there at once. */
  static #read(self: ReadingTask): void {
    for (;;) {
      self.#state = "reading"
      let answer: unknown
      try {
        answer = (self.#reader as Reader).next()
        if (isFuture(answer)) answer = answer.done() ? answer.result() : self.#link(answer)
      } catch (error) {
        return self.#failed(error)
      }
      if (isFuture(answer)) return self.#answerWhenQuiet()
      if (isThenable(answer)) {
        Promise.resolve(answer).then(self.#onAnswer, self.#onFailure)
        return self.#answerWhenQuiet()
      }
      if (!self.#answered(answer)) return
    }
  }

  /** A cancel of the task reaches the Future, which answers from the loop's queue. */
  #link(future: Future<unknown>): Future<unknown> {
    this.task.link(future)
    future._add({
      resumes: true,
      run: () => {
        if (future._peek() === "value") this.#onAnswer(future._value())
        else this.#failed(future._error())
      }
    })
    return future
  }

  readonly #onAnswer = (answer: unknown): void => {
    if (this.#answered(answer)) this.#inTask(ReadingTask.#read)
  }

  readonly #onFailure = (error: unknown): void => this.#failed(error)

  /** A `next()` has answered. True if the next item is to be asked for at once. */
  #answered(answer: unknown): boolean {
    this.#state = "idle"
    let item: unknown
    try {
      const result = resultOf(this.options.name, answer)
      if (result.done) {
        // It ended because of the `return()` that was called meanwhile: that is to be waited for, too.
        if (this.#reader?.returning === true) this.#close()
        else this.#over()
        return false
      }
      item = result.value
    } catch (error) {
      this.#failed(error)
      return false
    }
    if (this.#ending !== undefined) {
      this.loop._countLate()
      this.#close()
      return false
    }
    this.items.push(item)
    if (!this.consumer.waits) return false
    if (this.#readsOn()) return true
    this.#answer()
    return false
  }

  /** Whether another item belongs to the same answer. */
  #readsOn(): boolean {
    const { length } = this.items
    return length < this.options.chunkSize || (length < HELD && this.#reader?.holds?.() === true)
  }

  /** A `next()` has failed. No `return()`, as in `for await`; but what was only cancelled is closed like all else. */
  #failed(error: unknown): void {
    if (this.#wasCancelled(error)) return this.#close()
    if (this.#reader?.returning !== true) return this.#over({ error })
    // A `return()` was called meanwhile, and is waited for.
    this.#state = "closing"
    Promise.resolve(this.#reader.return()).then(
      () => this.#over({ error }),
      (second: unknown) => {
        this.#report("failed while it was closed", second)
        this.#over({ error })
      }
    )
  }

  /** A `return()` has failed. What the signal has ended may say so once more. */
  #notReturned(error: unknown): void {
    this.#over(this.#wasCancelled(error) ? undefined : { error })
  }

  /** Whether `error` is nothing but the echo of its cancel. */
  #wasCancelled(error: unknown): boolean {
    return (
      this.reason !== undefined &&
      (isCancelledError(error) ||
        this.#reader?.answersStop?.(error) === true ||
        this.task._answersCancel(error, this.#reader?.stop !== undefined))
    )
  }

  /** The iterator has come to its end: settles the task's life, and so ends the task. */
  #over(failure?: { readonly error: unknown }): void {
    this.#state = "over"
    this.#heed()
    const error = failure === undefined && this.#ending !== "left" ? this.#ending : failure?.error
    if (failure === undefined && error === undefined) this.#life._settleValue(undefined)
    else if (isCancelledError(error)) this.#life._settleCancelled(error)
    else this.#life._settleError(error)
    if (this.items.length > 0) this.#answer()
  }

  /** The cancel has reached its end: neither what the iterator awaits while it cleans up nor its outcome gets it too. */
  #heed(): void {
    while (this.task.cancelling() > 0) this.task.uncancel()
  }

  /** What was read has answered, and it was told to end: the next step is the `return()`. */
  #close(): void {
    this.#state = "idle"
    this.#inTask(ReadingTask.#step)
  }

  /** Calls `return()` and waits for it. */
  #return(): void {
    this.#state = "closing"
    this.#heed()
    let answer: unknown
    try {
      answer = (this.#reader as Reader).return()
    } catch (error) {
      return this.#notReturned(error)
    }
    if (!isThenable(answer)) return this.#over()
    Promise.resolve(answer).then(
      () => this.#over(),
      (error: unknown) => this.#notReturned(error)
    )
  }

  /** Tells the consumer of items, or of the end. */
  #answer(): void {
    this.#answers++
    this.consumer.answer()
  }

  /** What was read ahead and does not come at once is for the pull after this one. */
  #answerWhenQuiet(): void {
    if (this.items.length === 0 || this.#draining === this.#answers) return
    const at = this.#answers
    this.#draining = at
    this.loop.host.drain(() => {
      if (this.#answers === at && this.items.length > 0) this.#answer()
    })
  }

  /** The task is done. Where the loop was closed with the iterator open, nobody waits for it; it is ended all the same. */
  #ended(): void {
    this.ended = true
    this.#answer()
    if (this.#reader === undefined || this.#state === "closing" || this.#state === "over") return
    this.#end(new CancelledError("the loop was closed"), () => this.run())
  }

  /** Told to end, for `reason`: while a `next()` waits, by what may stop that; otherwise by `step`. */
  #end(reason: CancelledError, step: () => void): void {
    this.#ending ??= reason
    if (this.#state !== "reading") return step()
    try {
      this.#reader?.stop?.(reason)
    } catch (exception) {
      this.#report("could not be told to stop", exception)
    }
    if (this.#reader?.returnEarly === undefined) return
    // What heeds the signal has answered by then.
    this.loop.host.drain(() => {
      if (this.#state === "reading") this.#inTask(ReadingTask.#returnEarly)
    })
  }

  static #returnEarly(self: ReadingTask): void {
    self.#heed()
    self.#reader?.returnEarly?.()
  }

  #report(how: string, exception: unknown): void {
    this.loop.callExceptionHandler({
      kind: "late",
      message: `${this.options.name} ${how}`,
      exception,
      future: this.task,
      task: this.task
    })
  }

  /** The loop tells it to end, at its close or in shutdownAsyncIterators. */
  #endByLoop(): void {
    const { loop } = this
    const { name } = this.options
    const reason = loop._closing.begun
      ? loop._closedError(`${name} was being read`)
      : `${name} was closed by shutdownAsyncIterators()`
    this.byLoop = true
    // What is idle is no work to be cancelled, and neither is a cleanup.
    if (this.#state === "idle") {
      this.#ending ??= new CancelledError(reason)
      loop._push(this)
    } else if (this.#state === "opening" || this.#state === "reading") this.task.cancel(reason)
  }
}
