/** One run of a job in another thread. */
import { linked } from "../fiber/links.js"
import { tellsItself } from "../fiber/SlowJoin.js"
import { createdAt } from "../kernel/sites.js"
import { Future } from "../kernel/Future.js"
import { noArguments, type PackedArguments, type Shipment } from "./shipment.js"
import type { Home, Leftover } from "../ports.js"

/** The executor of a job, as the job sees it. */
export interface JobOwner {
  readonly name: string
  _cancel(job: Job, message: unknown): boolean
  _drop(job: Job, reason: unknown): void
  _place(job: Job): string
}

/** Who has given a job, and is told of its end. */
export interface JobGiver {
  _ended(job: Job): void
}

/**
 * One run of a job.
 *
 * Legal states: queued (its executor has no thread for it), waiting (for a permit of the limiter), running, cancelling
 * (running, and told to stop), then ended. Cancelling it while it is queued or waiting ends it at once.
 */
export class Job {
  state: "queued" | "waiting" | "running" | "cancelling" | "ended" = "queued"
  readonly future: Future<unknown>
  /** The job's slot in the memory of the threads, from when it was given to them until it has ended. */
  slot = -1
  /** Its neighbours in the queue that it is in. */
  before: Job | undefined
  after: Job | undefined
  /** The reason that its cancel was given. */
  reason: unknown = undefined
  /** The thread was terminated because of this job. */
  terminated = false
  /** Takes back the timers of the cancelling. */
  disarm: () => void = () => {}
  /** Called by the limiter when the job gets its permit. */
  granted: () => void = () => {}
  readonly #since: number
  #packed: PackedArguments

  constructor(
    readonly owner: JobOwner,
    readonly loop: Home,
    readonly shipment: Shipment,
    packed: PackedArguments,
    readonly giver: JobGiver
  ) {
    this.#since = loop.time()
    this.#packed = packed
    this.future = new Future<unknown>(loop, (message) => owner._cancel(this, message))
    tellsItself(this.future)
  }

  get name(): string {
    return this.shipment.name
  }

  /** The arguments, which are still to be sent. */
  get args(): ReadonlyArray<unknown> {
    return this.#packed.args
  }

  /** Whether parts of the arguments move. */
  get moves(): boolean {
    return this.#packed.list.length > 0
  }

  /** The arguments, to be sent and not kept. */
  unpack(): PackedArguments {
    const packed = this.#packed
    this.#packed = noArguments
    return packed
  }

  /** Tells the job to stop, whoever has settled its Future meanwhile. */
  cancel(reason: unknown): void {
    if (!this.owner._cancel(this, reason)) this.future._settleCancelled(reason)
  }

  describe(): Leftover {
    return linked(
      {
        what: "job",
        name: this.name,
        age: this.loop.time() - this.#since,
        state: this.state === "waiting" ? "queued" : this.state,
        waitingOn: this.owner._place(this),
        createdAt: createdAt(this.future).replace(" created at ", "") || "aio code of this loop",
        blamed: true
      },
      [this.future]
    )
  }
}
