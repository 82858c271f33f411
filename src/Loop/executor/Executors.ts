/** The jobs of one loop in all executors, and its default executor. */
import type { DurationInput } from "../../effect.js"
import { Executor } from "./Executor.js"
import type { Job, JobGiver } from "./Job.js"
import { timerOf } from "./Timer.js"
import { describeValue } from "../kernel/describe.js"
import { ExecutorClosedError } from "../errors.js"
import { Future } from "../kernel/Future.js"
import { millis } from "../Settings.js"
import { Capability, perLoop } from "../closing/Capability.js"
import type { Leftover } from "../ports.js"

/** How many jobs a loop has, as a part of its statistics. */
export interface JobNumbers {
  /** Jobs of this loop in executors, queued or running. */
  readonly jobs: number
}

/**
 * Legal states of the default executor: none yet, made or set, shut down. What was set and is replaced goes back to its
 * owner; what was made here is shut down.
 */
export class Executors extends Capability implements JobGiver {
  /** The numbers of a loop that has had no jobs. */
  static readonly none: JobNumbers = { jobs: 0 }
  readonly step = "executors"
  readonly #jobs = new Set<Job>()
  #default: Executor | undefined
  #defaultIsShut = false
  /** The default executor, and those that were made here before it: the loop closes them. */
  readonly #own = new Set<Executor>()
  /** The default executor was made here. */
  #made = false
  readonly #waits = new Set<Future<void>>()
  #onEmpty: Array<() => void> = []

  run(executor: unknown, work: unknown, args: ReadonlyArray<unknown>): Future<unknown> {
    const what = "runInExecutor"
    if (this.loop._parks(what)) return new Future<unknown>(this.loop)
    this.loop._refuse(what)
    const target = executor === null ? this.#defaultFor(what) : checked(what, executor, ", or null")
    const job = target._submit(what, this.loop, work, args, this)
    this.#jobs.add(job)
    this.loop.host.gives?.(job)
    return job.future
  }

  /** For the executor: a job has ended. */
  _ended(job: Job): void {
    this.#jobs.delete(job)
    if (this.#jobs.size === 0) for (const empty of this.#onEmpty.splice(0)) empty()
  }

  setDefault(executor: Executor): void {
    checked("setDefaultExecutor", executor, "")
    this.loop._refuse("setDefaultExecutor")
    const before = this.#default
    if (before === executor) return
    if (before !== undefined && this.#made) void before.shutdown()
    else if (before !== undefined) this.#own.delete(before)
    this.#made = false
    this.#default = executor
    this.#own.add(executor)
  }

  shutdownDefault(deadline: DurationInput | undefined): Future<void> {
    const ms = millis("the deadline of shutdownDefaultExecutor", deadline, Infinity)
    this.loop._refuse("shutdownDefaultExecutor")
    this.#defaultIsShut = true
    const done = this.loop.createFuture<void>()
    this.#waits.add(done)
    const settle = (): void => {
      this.#waits.delete(done)
      done._settleValue(undefined)
    }
    void Promise.resolve(this.#default?._shutdown(ms, timerOf(this.loop))).then(settle)
    return done
  }

  #defaultFor(what: string): Executor {
    if (this.#defaultIsShut) {
      throw new ExecutorClosedError(
        `${what}(): the default executor of ${this.loop.name} was shut down; give it an executor of its own`
      )
    }
    if (this.#default === undefined) {
      this.#default = Executor.make({ name: "effect-aio" })
      this.#made = true
      this.#own.add(this.#default)
    }
    return this.#default
  }

  override numbers(): JobNumbers {
    return { jobs: this.#jobs.size }
  }

  /** The jobs of this loop, and those that other loops have in its executors: closing waits for these, too. */
  override held(): ReadonlyArray<Leftover> {
    const jobs = new Set(this.#jobs)
    for (const executor of this.#own) {
      if (executor.statistics().state === "closing") for (const job of executor._jobs()) jobs.add(job)
    }
    return [...jobs].map((job) => job.describe())
  }

  override quiet(): boolean {
    return this.#jobs.size === 0 && [...this.#own].every((executor) => executor._closed)
  }

  override close(then: () => void): void {
    const reason = this.loop._closing.reason()
    const shut = (): void => {
      void Promise.all([...this.#own].map((executor) => executor.shutdown())).then(then)
    }
    for (const job of [...this.#jobs]) job.cancel(reason)
    if (this.#jobs.size === 0) shut()
    else this.#onEmpty.push(shut)
  }

  protected override letGo(): void {
    this.#defaultIsShut = true
    const error = this.loop._closedError("the loop was closed before this was done")
    for (const job of [...this.#jobs]) {
      job.future._closed(error)
      job.owner._drop(job, error)
    }
    this.#jobs.clear()
    for (const executor of this.#own) executor._terminate(error)
    for (const done of this.#waits) done._closed(error)
    this.#waits.clear()
  }
}

/** The jobs of a loop, and its default executor. */
export const executorsOf = perLoop(Executors)

const checked = (what: string, executor: unknown, or: string): Executor => {
  if (executor instanceof Executor) return executor
  throw new TypeError(`${what} takes an Executor${or}, not ${describeValue(executor)}`)
}
