/**
 * How far the closing of one loop is: the only place that keeps it, and the only one that changes it.
 *
 * Legal states, each left for a later one only:
 *
 *     open        nothing is set
 *     stopping    `since`; where a program was opened around the loop, that program as `body` and a deadline for it
 *     closing     `begun`; no body; a deadline from when there was something to wait for until there is nothing
 *     ended       `begun` and `ended`; neither body nor deadline
 *
 * `stopping` is left out where no program was around the loop: then `since` and `begun` come together. `gaveUp` comes
 * with the first deadline that passes, while stopping or closing, and stays; what expires then ends the wait.
 *
 * A loop may be closed at once, with `loop.close()`, in any state. Where that came first there is no `since` in the states
 * after it: nothing needs to run on, and each deadline counts from its own beginning.
 */
import * as Effect from "effect/Effect"
import { callback } from "../../effect.js"
import { Deadline } from "./Deadline.js"
import { reportLeftovers } from "./Leftovers.js"
import { LoopClosedError } from "../kernel/errors.js"
import { Waiting } from "../fiber/Wait.js"
import type {
  ClosingState,
  ClosingStep,
  ClosingTime,
  Described,
  Home,
  Leftover,
  NamedRow,
  OpenerState
} from "../ports.js"

/** @internal */
export class Closing implements ClosingState {
  readonly named = new Set<NamedRow>()
  opener: OpenerState | undefined
  supervised: object | undefined
  readonly #loop: Home
  #since: number | undefined
  #body: Described | undefined
  #deadline: Deadline | undefined
  #begun = false
  #gaveUp = false
  #leftovers: ReadonlyArray<Leftover> = []
  readonly #times: Array<ClosingTime> = []
  #waits: { readonly step: ClosingStep; readonly began: number } | undefined
  #ended = false
  /** The fibers that wait for its end. */
  #waiting: ReadonlyArray<Waiting> = []

  constructor(loop: Home) {
    this.#loop = loop
  }

  get since(): number | undefined {
    return this.#since
  }

  get body(): Described | undefined {
    return this.#body
  }

  get program(): object | undefined {
    return this.supervised ?? this.opener?.running
  }

  get begun(): boolean {
    return this.#begun
  }

  get gaveUp(): boolean {
    return this.#gaveUp
  }

  get leftovers(): ReadonlyArray<Leftover> {
    return this.#leftovers
  }

  get times(): ReadonlyArray<ClosingTime> {
    return this.#times
  }

  reason(): LoopClosedError {
    const { _crash: cause, name } = this.#loop
    return new LoopClosedError(
      `the event loop ${name} is closing`,
      cause === undefined ? undefined : { cause }
    )
  }

  /** `stop()` of the loop takes effect from now on for its waiters, and the loop goes on. */
  stop(): void {
    const loop = this.#loop
    if (this.#since !== undefined || loop.isClosed()) return
    this.#since = this.opener?.toldAt ?? loop.time()
    for (const capability of loop._capabilities) capability.stopping()
    const keepRunning = (): void => {
      if (loop.isClosed()) return
      loop._start()
      loop._onStopped(keepRunning)
    }
    keepRunning()
  }

  stopBody(body: Described, expire: () => void): void {
    this.stop()
    this.#body = body
    this.waitsFor("program")
    this.#limit(`stopping the body of ${this.#loop.name}`, expire)
  }

  bodyEnded(): void {
    this.quiet()
    this.#body = undefined
  }

  begin(): void {
    this.stop()
    this.#begun = true
  }

  limit(expire: () => void, hurry: () => void): void {
    if (this.#deadline === undefined) this.#limit(`closing ${this.#loop.name}`, expire, hurry)
  }

  waitsFor(step: ClosingStep): void {
    if (this.#waits?.step === step) return
    this.#waited()
    this.#waits = { step, began: this.#loop.time() }
  }

  quiet(): void {
    this.#waited()
    this.#deadline?.cancel()
    this.#deadline = undefined
  }

  end(): void {
    this.#ended = true
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) one.run()
  }

  readonly ended: Effect.Effect<void> = callback<void>((resume) => {
    if (this.#ended) resume(Effect.void)
    else this.#waiting = [...this.#waiting, new Waiting(this.#loop, () => resume(Effect.void))]
  })

  #waited(): void {
    if (this.#waits === undefined) return
    const { began, step } = this.#waits
    this.#waits = undefined
    this.#times.push({ step, began, took: this.#loop.time() - began })
  }

  #limit(what: string, expire: () => void, hurry: () => void = () => {}): void {
    const loop = this.#loop
    this.#deadline = new Deadline(loop, what, hurry, () => {
      this.#gaveUp = true
      this.#leftovers = reportLeftovers(loop, `at the deadline of ${loop._closeDeadline}ms for ${what}`)
      expire()
    })
  }
}
