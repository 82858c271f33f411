/**
 * A worker thread or a child process of the platform's workers, which belongs to a loop: it is asked to end by the platform's
 * own word, ended by force after a grace, and waited for until it has really gone.
 *
 * Legal states, each left for a later one only:
 *
 *     running     it has not been told to end
 *     ending      it was told, or has failed: its grace runs
 *     killed      it was ended by force
 *     gone        it has ended, or nobody waits for it any more
 *
 * Its owner is told once that it is lost, which is when it can answer nothing more: in the last state, or before. Whoever has it
 * is told when it is `gone`, and when it has really ended, which is later only where nobody waited for that.
 */
import { LoopClosedError } from "../kernel/errors.js"
import { describeValue, oneLine } from "../kernel/describe.js"
import { WorkerEndedError } from "../errors.js"
import { guardedRow } from "../closing/row.js"
import { afterGrace, tellIfSlow } from "../fiber/SlowJoin.js"
import { inRealTime } from "../host/inRealTime.js"
import { type Backing, backingOf, type Ended } from "./backing.js"
import type { Described, Home, Leftover } from "../ports.js"

/** Why a worker can answer nothing more. */
export type Loss = WorkerEndedError | LoopClosedError

/** Whose worker it is. */
export interface WorkerOwner {
  /** What it does, for the table: an empty text where it does nothing. */
  work(): string
  /** Whether it does something for which nobody waits any more. */
  abandoned(): boolean
  message(data: unknown): void
  /** It will answer nothing more. Called once; never before the constructor has returned. */
  lost(loss: Loss): void
}

/** How a worker is named and ended. */
export interface WorkerSettings {
  /** In milliseconds. */
  readonly grace: number
  /** What it is called where Node does not know the file that it runs. */
  readonly name: string
}

/**
 * Calls `f` after a grace, once or more. Workers do not stand still with a TestClock that nobody adjusts: what waits for them goes
 * by whichever clock comes first.
 */
const whenOver = (loop: Home, ms: number, f: () => void): ReadonlyArray<() => void> =>
  ms === Infinity ? [] : [afterGrace(loop, ms, f), ...(loop._clock.live ? [] : [inRealTime(ms, f)])]

/** What the protocol has for "end". */
const farewell = [1]

export class OwnedWorker implements Described {
  readonly #backing: Backing
  readonly #since: number
  #state: "running" | "ending" | "killed" | "gone" = "running"
  /** It can be talked to, and its owner has not been told otherwise. */
  #open = true
  /** It was told to end before its owner has asked for that: then that its end has come is no loss of his. */
  #early = false
  /** When its grace is over, on the loop's clock. */
  #deadline = 0
  #disarm: () => void = () => {}
  readonly #onGone: Array<() => void> = []

  /** Throws `TypeError` for what is no worker. */
  constructor(
    private readonly loop: Home,
    worker: unknown,
    private readonly settings: WorkerSettings,
    private readonly owner: WorkerOwner,
    private readonly onEnd: (worker: OwnedWorker, how: "gone" | "ended") => void
  ) {
    this.#since = loop.time()
    this.#backing = backingOf(worker, {
      message: (data) => {
        if (this.#open) owner.message(data)
      },
      broken: (why, cause) => {
        this.#lose(this.#error(why, undefined, cause))
        this.end(() => {})
      },
      failing: () => this.#expectEnd(),
      ended: (how) => this.#ended(how)
    })
  }

  get kind(): "thread" | "process" {
    return this.#backing.kind
  }

  /** `runner.js (thread 3)` */
  get name(): string {
    const { file, text } = this.#backing
    return oneLine(`${file ?? this.settings.name} (${text})`)
  }

  /** It has ended, or nobody waits for that. */
  get gone(): boolean {
    return this.#state === "gone"
  }

  /** It can be talked to. */
  get open(): boolean {
    return this.#open
  }

  /** For how many milliseconds from now its end is no reason to complain. */
  get patience(): number {
    return this.#state === "ending" ? Math.max(0, this.#deadline - this.loop.time()) : 0
  }

  /** Throws what cannot be cloned. */
  post(message: unknown, transfers: ReadonlyArray<unknown> = []): void {
    if (this.#early) throw new Error(`the worker ${this.name} was told to end, as its program was`)
    this.#backing.post(message, transfers)
  }

  /** The program is to stop, and nobody waits for what it does: it is asked to end before its turn comes. */
  endIfAbandoned(): void {
    if (this.#state !== "running" || !this.owner.abandoned()) return
    this.#early = true
    this.end(() => {})
  }

  /** Asks it to end, insists after the grace, and calls `then` when it has gone. */
  end(then: () => void): void {
    if (this.#state === "gone") return then()
    this.#onGone.push(then)
    if (this.#state !== "running") return
    try {
      this.#backing.post(farewell, [])
    } catch {
      // There is no way to it: then it has nothing but its grace.
    }
    this.#expectEnd()
  }

  /** Ends it at once, and nobody waits for it any more: the loop has gone. */
  drop(loss: LoopClosedError): void {
    if (this.#state === "gone") return
    this.#backing.kill()
    this.#lose(loss)
    this.#leave()
  }

  /** Ends it at once. */
  kill(): void {
    if (this.#state === "killed" || this.#state === "gone") return
    this.#disarm()
    this.#state = "killed"
    const { loop } = this
    const stop = [
      tellIfSlow(loop, () => ({
        message:
          `the worker ${this.name} was ended by force ${loop._slowJoin}ms ago and is still there: is it in a synchronous ` +
          `call of the system?`
      })),
      // A loop that closes has a deadline of its own for all that is left.
      ...whenOver(loop, loop._closeDeadline, () => {
        if (loop._closing.since === undefined) this.#giveUp()
      })
    ]
    this.#disarm = () => stop.forEach((cancel) => cancel())
    this.#backing.kill()
  }

  describe(): Leftover {
    return guardedRow("worker", () => {
      const work = this.owner.work()
      const words = {
        running: work === "" ? "idle" : "busy",
        ending: "terminating",
        killed: "killed",
        gone: "gone"
      }
      return {
        what: "worker",
        name: this.name,
        age: this.loop.time() - this.#since,
        state: words[this.#state],
        waitingOn: work === "" ? "its end" : work,
        createdAt: "LoopWorker",
        blamed: true
      }
    })
  }

  /** From now on it has its grace. */
  #expectEnd(): void {
    if (this.#state !== "running") return
    const { loop } = this
    const { grace } = this.settings
    this.#state = "ending"
    this.#deadline = loop.time() + grace
    const stop = [...whenOver(loop, grace, () => this.kill())]
    // A program that was told to stop has no longer than the loop has.
    const told = loop._closing.opener?.bound({ asked: false, giveUp: () => this.kill() })
    if (told !== undefined) stop.push(told)
    if (grace > loop._slowJoin && loop._closing.since === undefined) {
      stop.push(
        tellIfSlow(loop, () => ({
          message:
            `the worker ${this.name} was told to end ${loop._slowJoin}ms ago and is still there ` +
            `(${this.owner.work() || "idle"}); ` +
            (grace === Infinity ? "its grace has no end" : `it is ended by force after a grace of ${grace}ms`)
        }))
      )
    }
    this.#disarm = () => stop.forEach((cancel) => cancel())
  }

  #ended(how: Ended): void {
    this.onEnd(this, "ended")
    if (this.#state === "gone") return
    const { code, error, signal } = how
    const why =
      signal !== null
        ? `was ended by ${signal}`
        : code === null
          ? "could not be started"
          : `exited with code ${code}`
    this.#lose(this.#error(why, how, error))
    this.#leave()
  }

  #giveUp(): void {
    if (this.#state === "gone") return
    const { loop } = this
    loop.callExceptionHandler({
      kind: "leftover",
      message: `the worker ${this.name} was ended by force and is still there after ${loop._closeDeadline}ms: nobody waits for it any more`
    })
    this.drop(new LoopClosedError(`the worker ${this.name} does not end`))
  }

  #leave(): void {
    this.#disarm()
    this.#state = "gone"
    this.onEnd(this, "gone")
    for (const then of this.#onGone.splice(0)) then()
  }

  #lose(loss: Loss): void {
    if (!this.#open) return
    this.#open = false
    if (!this.#early) this.owner.lost(loss)
  }

  #error(why: string, how: Ended | undefined, cause: unknown): WorkerEndedError {
    return new WorkerEndedError({
      worker: this.name,
      why: cause === undefined ? why : `${why}: ${describeValue(cause)}`,
      code: how?.code ?? null,
      signal: how?.signal ?? null,
      cause
    })
  }
}
