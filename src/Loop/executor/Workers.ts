/**
 * The worker threads of one executor, kept by piscina, which starts them and knows those that died. What is added here: the
 * memory through which they take their jobs, the end of idle ones, and waiting until a thread has really ended.
 *
 * piscina could carry the jobs as well, and once did: a message each way, a promise and an async resource for every job cost
 * several times as much. Its own batches (`concurrentTasksPerWorker`) are no way out: a job that a thread has been given
 * there waits for that thread, whichever other one is free, and cannot be taken back.
 */
import { AsyncResource } from "node:async_hooks"
import { createRequire } from "node:module"
import { promiseHooks } from "node:v8"
import {
  MessageChannel,
  type MessagePort,
  type ResourceLimits,
  type Transferable,
  type Worker
} from "node:worker_threads"
import type { Piscina } from "piscina"
import type { Job } from "./Job.js"
import { type Ending, JobLine } from "./JobLine.js"
import { holdsExit, type Threads } from "../closing/outliving.js"
import { tellSlow } from "../fiber/SlowJoin.js"
import { LONGEST } from "../host/NodeHost.js"
import { Start } from "./Start.js"
import { threadFiles } from "./threadFiles.js"
import { Thread } from "./Thread.js"

/** What the executor's settings say of its threads. */
export interface WorkersOptions {
  readonly name: string
  readonly maxWorkers: number
  /** In milliseconds. */
  readonly idleTimeout: number
  readonly resourceLimits: ResourceLimits | undefined
}

/** Threads outlive the code that happened to ask for them first: nothing of its async-local state is kept. */
const home = new AsyncResource("effect-aio", { requireManualDestroy: true })

/** What a thread is given first. */
interface Seating {
  readonly seat: number
  readonly port: MessagePort
}

/**
 * Legal states: no thread yet, open (threads come and go), closing, when no job is left, until the last thread has ended.
 */
export class Workers implements Threads {
  readonly #options: WorkersOptions
  readonly #onEnd: (job: Job, ending: Ending) => void
  #opened: { readonly line: JobLine; readonly pool: Piscina<Seating, number> } | undefined
  /** The threads that have not ended. */
  readonly #threads = new Map<Worker, Thread>()
  /** Those of them that are not being terminated. */
  #usable = 0
  /** The starts of threads that have not come to their seats. */
  readonly #starts = new Set<Start>()
  /** The seats that no thread has, or will come to. */
  readonly #seats: Array<number>
  /** The threads by their seats, as far as they are known. */
  readonly #seated: Array<Thread | undefined> = []
  /** Node's numbers of the threads to which piscina has sent a start. */
  readonly #sent = new Set<number>()
  /** The jobs that are to have a thread each. */
  readonly #running = new Set<Job>()
  /** What keeps the process alive while there is a job; nothing else here does. */
  #alive: NodeJS.Timeout | undefined
  #jobs = 0
  /** Looks for threads that have been idle for too long. */
  #idle: NodeJS.Timeout | undefined
  #closing = false
  #onEmpty: Array<() => void> = []

  /** `onEnd` comes once for a job that was given, never at once, and after a thread that died has ended. */
  constructor(options: WorkersOptions, onEnd: (job: Job, ending: Ending) => void) {
    try {
      threadFiles()
    } catch {
      // The first job will say so.
    }
    this.#options = options
    this.#onEnd = onEnd
    this.#seats = Array.from({ length: options.maxWorkers }, (_, i) => options.maxWorkers - 1 - i)
  }

  /** Threads that have not ended. */
  get size(): number {
    return this.#threads.size
  }

  /** How many jobs may be given. */
  get room(): number {
    return this.#opened?.line.room ?? Infinity
  }

  /** How many of them may wait for a thread: none where there is nothing yet to wait in. */
  get ahead(): number {
    return this.#opened?.line.room ?? 0
  }

  /** Gives a job to the threads, for the first of them that is free. There is room for it. */
  give(job: Job): void {
    const { line } = (this.#opened ??= this.#open())
    if (this.#jobs++ === 0) this.#alive?.ref()
    line.give(job)
  }

  /** A job is to have a thread of its own. It is given where it has not been. */
  run(job: Job): void {
    try {
      this.#opened ??= this.#open()
    } catch (error) {
      // Not even the package could be loaded that starts threads.
      return queueMicrotask(() => this.#onEnd(job, { died: noThread(error) }))
    }
    if (job.slot < 0) this.give(job)
    this.#running.add(job)
    this.#startThreads()
  }

  /** Takes a job back that no thread has begun with. */
  takeBack(job: Job): boolean {
    if (this.#opened?.line.takeBack(job) !== true) return false
    this.#forget(job)
    return true
  }

  /** Node's number of the thread that has begun with a job, or 0. */
  threadOf(job: Job): number {
    const line = this.#opened?.line
    const seat = line?.seatOf(job) ?? -1
    return seat < 0 ? 0 : (line?.threadIn(seat) ?? 0)
  }

  /** Tells a job to stop. */
  raise(job: Job): void {
    this.#opened?.line.raise(job)
  }

  /** Ends the run of a job: the thread that it is in is terminated, and takes no other job. */
  terminate(job: Job): void {
    const line = this.#opened?.line
    // Of one that is not in the line any more the end is on its way.
    if (line === undefined || job.slot < 0) return
    const seat = line.seatOf(job)
    if (seat >= 0) {
      // Otherwise its reply is on its way.
      if (line.doom(job)) this.#terminate(this.#threadIn(seat))
      return
    }
    if (!line.takeBack(job)) return this.terminate(job)
    const end = (): void => this.#ended(job, { died: new Error("its thread had not started in time") })
    // Which of the threads should have taken it cannot be told: one that was to look and has not.
    const stuck = line.condemn()
    const thread = stuck === undefined ? undefined : this.#threadIn(stuck)
    if (thread === undefined) queueMicrotask(end)
    else {
      thread.worker.once("exit", end)
      this.#terminate(thread)
    }
  }

  /** Ends all threads, which have no jobs any more, and waits for them. */
  async close(): Promise<void> {
    this.#closing = true
    const timers = home.runInAsyncScope(() =>
      [...this.#threads.values()].map((thread) => this.#tellIfStuck(thread))
    )
    await home.runInAsyncScope(() => this.#opened?.pool.destroy())
    if (this.#threads.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve))
    for (const timer of [...timers, this.#alive, this.#idle]) clearTimeout(timer)
  }

  /** Ends all threads, whatever is in them: the process is to leave. */
  async end(): Promise<void> {
    await Promise.all([...this.#threads.keys()].map((worker) => worker.terminate()))
  }

  #open(): { readonly line: JobLine; readonly pool: Piscina<Seating, number> } {
    return home.runInAsyncScope(() => {
      const { maxWorkers, name, resourceLimits } = this.#options
      // Loading it takes 20 milliseconds, which nobody pays for who has no jobs.
      const { piscina, worker } = threadFiles()
      const { Piscina: Pool } = createRequire(piscina)(piscina) as { Piscina: typeof Piscina }
      const line = new JobLine(maxWorkers, (job, ending, seat) => this.#onAnswer(job, ending, seat))
      const pool = new Pool<Seating, number>({
        filename: worker,
        name: "serve",
        minThreads: 0,
        maxThreads: maxWorkers,
        // It sees no jobs, and cannot tell which thread is idle.
        idleTimeout: Infinity,
        // A thread that waits in Atomics.wait would hold up what modules keep open between jobs.
        atomics: "disabled",
        recordTiming: false,
        workerData: { name, memory: line.memory },
        loadBalancer: (_, workers) => this.#unsent(workers),
        ...(resourceLimits && { resourceLimits })
      })
      pool.on("workerCreate", ({ id }: { readonly id: number }) => {
        this.#meetThreads(pool)
        for (const thread of this.#threads.values()) if (thread.id === id) thread.ready = true
      })
      // A thread without a job died: its own listeners know more.
      pool.on("error", () => {})
      this.#alive = setInterval(() => {}, LONGEST)
      return { line, pool }
    })
  }

  /** The thread that gets the next start: every thread gets one, those that are ready first. */
  #unsent<A extends { readonly id: number }>(workers: ReadonlyArray<A>): A | null {
    const unsent = workers.filter(({ id }) => !this.#sent.has(id))
    const ready = new Set([...this.#threads.values()].filter((thread) => thread.ready).map(({ id }) => id))
    const chosen = unsent.find(({ id }) => ready.has(id)) ?? unsent[0] ?? null
    if (chosen !== null) this.#sent.add(chosen.id)
    return chosen
  }

  /** Starts the threads that are missing: one for every job that is to have one. */
  #startThreads(): void {
    // One that is being terminated has its place in the pool until it has ended.
    while (this.#usable < this.#running.size && this.#threads.size < this.#options.maxWorkers) {
      if (!this.#start()) return
    }
  }

  #start(): boolean {
    const { line, pool } = (this.#opened ??= this.#open())
    const seat = this.#seats.pop()
    if (seat === undefined) return false
    return home.runInAsyncScope(() => {
      const { port1, port2 } = new MessageChannel()
      const start = new Start()
      line.open(seat, port1)
      this.#starts.add(start)
      const over = (): void => {
        this.#starts.delete(start)
        this.#endIdle()
      }
      const gone = (error: unknown): void => {
        this.#starts.delete(start)
        // Otherwise the seat is the thread's, which may have left it by now to another.
        if (line.awaits(seat, port1)) this.#leave(seat, error)
      }
      const unowned: Array<Promise<unknown>> = []
      try {
        const given = { transferList: transferListOf([port2]), signal: start }
        ownedBy(unowned, () => pool.run({ seat, port: port2 }, given)).then(over, gone)
        this.#meetThreads(pool)
        return true
      } catch (error) {
        // No thread could be made at all. What piscina has made of the start is taken back, and with it a promise rejected
        // that it has given to nobody.
        for (const promise of unowned) promise.catch(() => {})
        start.abort(error)
        gone(error)
        this.#fail(noThread(error))
        return false
      }
    })
  }

  /** Gets to know the threads that the pool has started since. */
  #meetThreads(pool: Piscina<Seating, number>): void {
    for (const worker of pool.threads) {
      if (this.#threads.has(worker)) continue
      const thread = new Thread(worker)
      this.#threads.set(worker, thread)
      this.#usable++
      holdsExit(this, true)
      worker.once("error", (error) => {
        thread.failure = { error }
        const seat = this.#seatOf(thread)
        if (seat === undefined || this.#opened?.line.isBusy(seat) !== true) this.#tellIdle(thread, error)
      })
      worker.once("exit", (code) => this.#onExit(thread, code))
    }
  }

  #onExit(thread: Thread, code: number): void {
    const { failure, id, ready, worker } = thread
    const error = failure === undefined ? exitError(code) : failure.error
    const seat = this.#seatOf(thread)
    this.#threads.delete(worker)
    this.#sent.delete(id)
    if (!thread.terminated) this.#usable--
    if (this.#threads.size === 0) holdsExit(this, false)
    if (seat !== undefined) this.#leave(seat, error)
    if (ready) this.#startThreads()
    else queueMicrotask(() => this.#neverReady(error))
    if (this.#threads.size > 0) return
    for (const empty of this.#onEmpty.splice(0)) empty()
  }

  /** A seat is free again. */
  #leave(seat: number, error: unknown): void {
    this.#opened?.line.close(seat, error)
    this.#seated[seat] = undefined
    this.#seats.push(seat)
  }

  /** The thread that is in a seat. */
  #threadIn(seat: number): Thread | undefined {
    const known = this.#seated[seat]
    if (known !== undefined || seat < 0) return known
    const id = this.#opened?.line.threadIn(seat)
    const thread = [...this.#threads.values()].find((one) => one.id === id)
    this.#seated[seat] = thread
    return thread
  }

  /** The seat that a thread is in. */
  #seatOf(thread: Thread): number | undefined {
    return this.#opened?.line.seats.find((seat) => this.#threadIn(seat) === thread)
  }

  /**
   * A thread ended before it could take a job. piscina makes no other for the start that waits for it, and that would be
   * futile, too: a job ends.
   */
  #neverReady(error: unknown): void {
    if (this.#closing) return
    const unsent = [...this.#threads.values()].filter(({ id }) => !this.#sent.has(id)).length
    const waiting = [...this.#starts].filter(({ aborted }) => !aborted)
    if (waiting.length > unsent) waiting.at(-1)?.abort(error)
    this.#fail(error)
    this.#startThreads()
  }

  /** There is no thread for a job: the last one that waits for one, if there are not enough. Earlier ones get what there is. */
  #fail(error: unknown): void {
    const line = this.#opened?.line
    const waiting = [...this.#running].filter((job) => line?.seatOf(job) === -1)
    const job = waiting.at(-1)
    if (job === undefined || this.#running.size <= this.#usable) return
    if (line?.takeBack(job) !== true) return
    this.#running.delete(job)
    queueMicrotask(() => this.#ended(job, { died: error }))
  }

  #onAnswer(job: Job, ending: Ending, seat: number): void {
    const thread = this.#threadIn(seat)
    if (thread !== undefined) {
      thread.hadJob(job)
      this.#endIdle()
    }
    this.#ended(job, ending)
  }

  #ended(job: Job, ending: Ending): void {
    this.#forget(job)
    this.#onEnd(job, ending)
  }

  #forget(job: Job): void {
    this.#running.delete(job)
    if (--this.#jobs === 0) this.#alive?.unref()
  }

  #terminate(thread: Thread | undefined): void {
    if (thread === undefined || thread.terminated) return
    thread.terminated = true
    this.#usable--
    void thread.worker.terminate()
  }

  /** Ends the threads that have been idle for too long: looks again when the next one may have been. */
  #endIdle(): void {
    const { idleTimeout } = this.#options
    if (this.#idle !== undefined || idleTimeout > LONGEST) return
    const look = (): void => {
      this.#idle = undefined
      const now = performance.now()
      let next = Infinity
      for (const thread of this.#threads.values()) {
        const seat = this.#seatOf(thread)
        if (seat === undefined || thread.terminated) continue
        const left = thread.used + idleTimeout - now
        if (left <= 0 && this.#opened?.line.retire(seat) === true) this.#terminate(thread)
        else next = Math.min(next, left > 0 ? left : idleTimeout)
      }
      if (next < Infinity) this.#idle = setTimeout(look, Math.max(1, next)).unref()
    }
    this.#idle = home.runInAsyncScope(() => setTimeout(look, idleTimeout)).unref()
  }

  /** A thread died between jobs: that is nobody's failure, and must not be silent. */
  #tellIdle({ last }: Thread, exception: unknown): void {
    last?.loop.callExceptionHandler({
      kind: "late",
      message: `what the job ${last.name} left behind failed in its thread of ${this.#options.name}, which is gone`,
      exception
    })
  }

  /** Waiting for a thread that does not end is not to be a silence. In real time: the last job's loop may be at rest. */
  #tellIfStuck({ id, last }: Thread): NodeJS.Timeout | undefined {
    if (last === undefined || last.loop._slowJoin > LONGEST) return undefined
    const { loop, name } = last
    const tell = (): void =>
      tellSlow(loop, {
        message:
          `worker ${id} of ${this.#options.name} was terminated ${loop._slowJoin}ms ago and has not ended: is what the ` +
          `job ${name} left behind in a synchronous call of the system?`
      })
    return setTimeout(tell, loop._slowJoin).unref()
  }
}

/** Runs `f`, and keeps the promises that it makes. */
const ownedBy = <A>(promises: Array<Promise<unknown>>, f: () => A): A => {
  const stop = promiseHooks.onInit((promise) => promises.push(promise))
  try {
    return f()
  } finally {
    stop()
  }
}

/** piscina takes its type from `postMessage`, of which it gets the last overload: from Node 26's types on, not the list. */
const transferListOf = (list: ReadonlyArray<Transferable>): NonNullable<RunOptions["transferList"]> =>
  list as unknown as NonNullable<RunOptions["transferList"]>

/** What piscina takes beside a task. */
type RunOptions = NonNullable<Parameters<Piscina["run"]>[1]>

const noThread = (cause: unknown): Error => new Error("no thread could be started for it", { cause })

/** The error for an exit code, in piscina's words. */
const exitError = (code: number): Error => new Error(`worker exited with code: ${code}`)
