/**
 * The workers of a loop, as one capability: worker threads and child processes that the platform's worker services have started.
 * They are ended all at once in step 6 of the closing, and by force where nobody may be waited for.
 */
import { Capability, perLoop } from "../closing/Capability.js"
import { holdsExit, type Outliving, outlives, type Threads } from "../closing/outliving.js"
import { OwnedWorker, type WorkerOwner, type WorkerSettings } from "./OwnedWorker.js"
import type { Leftover } from "../ports.js"

/** How many workers a loop has, as a part of its statistics. */
export interface WorkerNumbers {
  /** Worker threads and child processes of the platform's worker services that have not ended. */
  readonly workers: number
}

export class OwnedWorkers extends Capability implements Outliving, Threads {
  /** The numbers of a loop that has started no worker. */
  static readonly none: WorkerNumbers = { workers: 0 }
  readonly step = "executors"
  protected override readonly queues = false
  /** Those that have not gone: closing waits for them. */
  readonly #workers = new Set<OwnedWorker>()
  /** Those that have not really ended: the process cannot leave without them. */
  readonly #running = new Set<OwnedWorker>()
  #onEnd: Array<() => void> = []

  /**
   * Starts a worker: it is the loop's from here on. Throws what `spawn` throws, `TypeError` where that gives no worker, and
   * LoopClosedError on a loop that takes nothing more.
   */
  start(spawn: () => unknown, settings: WorkerSettings, owner: WorkerOwner): OwnedWorker {
    this.refuse("spawn")
    const worker = new OwnedWorker(this.loop, spawn(), settings, owner, (one, how) => {
      if (how === "gone") this.#workers.delete(one)
      else {
        this.#running.delete(one)
        this.#holds()
      }
    })
    this.#workers.add(worker)
    this.#running.add(worker)
    this.#holds()
    return worker
  }

  /**
   * The Scope of a worker closes: it ends. Where the program is to stop, those for which nobody waits any more are asked to end
   * with it: pools close their workers one after the other, and each would have a grace of its own.
   */
  closeWith(worker: OwnedWorker, then: () => void): void {
    const { _closing: closing } = this.loop
    if (closing.since !== undefined || closing.opener?.toldAt !== undefined)
      for (const other of this.#workers) if (other !== worker) other.endIfAbandoned()
    worker.end(then)
  }

  /** The process leaves. */
  abandon(): void {
    for (const worker of this.#of("process")) worker.kill()
  }

  /** The process is to leave, and its threads would hold it. */
  async end(): Promise<void> {
    const threads = this.#of("thread")
    for (const thread of threads) thread.kill()
    if (threads.length > 0) await new Promise<void>((resolve) => this.#onEnd.push(resolve))
  }

  override numbers(): WorkerNumbers {
    return { workers: this.#workers.size }
  }

  override patience(): number {
    return Math.max(0, ...[...this.#workers].map(({ patience }) => patience))
  }

  override held(): ReadonlyArray<Leftover> {
    return [...this.#workers].map((worker) => worker.describe())
  }

  override quiet(): boolean {
    return this.#workers.size === 0
  }

  override close(then: () => void): void {
    const all = [...this.#workers]
    let left = all.length
    if (left === 0) return then()
    for (const worker of all) {
      worker.end(() => {
        if (--left === 0) then()
      })
    }
  }

  protected override letGo(): void {
    const error = this.loop._closedError("the loop was closed before this was done")
    for (const worker of [...this.#workers]) worker.drop(error)
  }

  #of(kind: OwnedWorker["kind"]): ReadonlyArray<OwnedWorker> {
    return [...this.#running].filter((worker) => worker.kind === kind)
  }

  #holds(): void {
    const threads = this.#of("thread").length
    outlives(this, this.#of("process").length > 0)
    holdsExit(this, threads > 0)
    if (threads > 0) return
    for (const end of this.#onEnd.splice(0)) end()
  }
}

/** The capability of a loop, made when it is first asked for. */
export const workersOf = perLoop(OwnedWorkers)
