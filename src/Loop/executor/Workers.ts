/**
 * The worker threads of one executor, kept by piscina. It starts them, keeps idle ones, and replaces those that died; the
 * queue is the executor's own, so piscina never has more jobs than threads. What is added here: which thread a job is in,
 * to be told to stop and terminated, and waiting until a thread has really ended.
 */
import { AsyncResource } from "node:async_hooks"
import { createRequire } from "node:module"
import { promiseHooks } from "node:v8"
import type { ResourceLimits, Worker } from "node:worker_threads"
import type { Piscina } from "piscina"
import { closeMoved } from "./closeMoved.mjs"
import { flagOf, makeSlots, threadOf } from "./jobSlots.mjs"
import type { JobMessage, JobReply } from "./jobWorker.mjs"
import { holdsExit, type Threads } from "../closing/outliving.js"
import { tellSlow } from "../fiber/SlowJoin.js"
import { LONGEST } from "../host/NodeHost.js"
import { Run } from "./Run.js"
import { threadFiles } from "./threadFiles.js"
import type { Transferred } from "./transfer.js"
import type { Home } from "../ports.js"

/** How the run of a job ended. */
export type Ending = { readonly reply: JobReply } | { readonly died: unknown }

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

/** A worker thread, as it is known here. */
interface Thread {
  readonly id: number
  /** The thread has loaded jobWorker.mjs. */
  ready: boolean
  /** The last job in it. */
  last: { readonly name: string; readonly loop: Home } | undefined
  error: unknown
}

/**
 * Legal states: no thread yet, open (threads come and go), closing, when no job is left, until the last thread has ended.
 */
export class Workers implements Threads {
  readonly #options: WorkersOptions
  readonly #slots: Int32Array
  #pool: Piscina<JobMessage, JobReply> | undefined
  /** The threads that have not ended. */
  readonly #threads = new Map<Worker, Thread>()
  /** The jobs that piscina has, by their slots. */
  readonly #running = new Map<number, Run>()
  #closing = false
  #onEmpty: Array<() => void> = []

  constructor(options: WorkersOptions) {
    try {
      threadFiles()
    } catch {
      // The first job will say so.
    }
    this.#options = options
    this.#slots = makeSlots(options.maxWorkers)
  }

  /** Threads that have not ended. */
  get size(): number {
    return this.#threads.size
  }

  /** Runs a job in a thread of its own. `done` comes once, never at once, and after a thread that died has ended. */
  run(
    loop: Home,
    message: JobMessage,
    list: ReadonlyArray<Transferred>,
    done: (ending: Ending) => void
  ): void {
    home.runInAsyncScope(() => {
      const { name, slot } = message
      Atomics.store(this.#slots, flagOf(slot), 0)
      Atomics.store(this.#slots, threadOf(slot), 0)
      const end = (ending: Ending): void => {
        this.#running.delete(slot)
        // It was never sent, or nobody has looked at it: a message that is not received closes what it carries.
        if (this.threadOf(slot) === 0) closeMoved(list)
        const thread = this.#threadWith(this.threadOf(slot))?.[1]
        if (thread !== undefined) thread.last = { name, loop }
        done(ending)
      }
      let run: Run | undefined
      const gone = (error: unknown): void =>
        this.#whenGone(slot, run, () => end({ died: run?.reason ?? error }))
      const unowned: Array<Promise<unknown>> = []
      try {
        const pool = (this.#pool ??= this.#open())
        run = new Run(pool.idleThreads === 0)
        this.#running.set(slot, run)
        const given = { transferList: transferListOf(list), signal: run }
        const running = run.starting
          ? ownedBy(unowned, () => pool.run(message, given))
          : pool.run(message, given)
        running.then(
          // A thread that died of `throw null` looks like a reply.
          (reply: JobReply | null) => (reply ? end({ reply }) : gone(reply)),
          gone
        )
        if (run.starting) this.#meetThreads(pool)
      } catch (error) {
        // No thread could be made at all. What piscina has made of the job is taken back, and with it a promise rejected
        // that it has given to nobody.
        for (const promise of unowned) promise.catch(() => {})
        run?.abort(error)
        queueMicrotask(() => end({ died: new Error("no thread could be started for it", { cause: error }) }))
      }
    })
  }

  /** Node's number of the thread that has begun with the job, or 0. */
  threadOf(slot: number): number {
    return Atomics.load(this.#slots, threadOf(slot))
  }

  /** Tells a job to stop. */
  raise(slot: number): void {
    Atomics.store(this.#slots, flagOf(slot), 1)
    Atomics.notify(this.#slots, flagOf(slot))
  }

  /** Ends the run of a job: the thread that it is in is terminated, and takes no other job. */
  terminate(slot: number): void {
    const pool = this.#pool
    const run = this.#running.get(slot)
    if (pool === undefined || run === undefined) return
    this.#meetThreads(pool)
    const before = pool.threads
    run.abort(new Error("its thread had not started in time"))
    // Where it waits for a thread there is none to end.
    run.terminated = before.find((worker) => !pool.threads.includes(worker))
  }

  /** Ends all threads, which have no jobs any more, and waits for them. */
  async close(): Promise<void> {
    this.#closing = true
    const timers = home.runInAsyncScope(() =>
      [...this.#threads.values()].map((thread) => this.#tellIfStuck(thread))
    )
    await home.runInAsyncScope(() => this.#pool?.destroy())
    if (this.#threads.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve))
    for (const timer of timers) clearTimeout(timer)
  }

  /** Ends all threads, whatever is in them: the process is to leave. */
  async end(): Promise<void> {
    await Promise.all([...this.#threads.keys()].map((worker) => worker.terminate()))
  }

  #open(): Piscina<JobMessage, JobReply> {
    const { idleTimeout, maxWorkers, name, resourceLimits } = this.#options
    // Loading it takes 20 milliseconds, which nobody pays for who has no jobs.
    const { piscina, worker } = threadFiles()
    const { Piscina: Pool } = createRequire(piscina)(piscina) as { Piscina: typeof Piscina }
    const pool = new Pool<JobMessage, JobReply>({
      filename: worker,
      name: "runJob",
      minThreads: 0,
      maxThreads: maxWorkers,
      idleTimeout: idleTimeout > LONGEST ? Infinity : idleTimeout,
      // A thread that waits in Atomics.wait would hold up what modules keep open between jobs.
      atomics: "disabled",
      recordTiming: false,
      workerData: { name, slots: this.#slots },
      ...(resourceLimits && { resourceLimits })
    })
    pool.on("workerCreate", ({ id }: { readonly id: number }) => {
      this.#meetThreads(pool)
      for (const thread of this.#threads.values()) if (thread.id === id) thread.ready = true
    })
    // A thread without a job died: its own listeners know more.
    pool.on("error", () => {})
    return pool
  }

  /** Gets to know the threads that the pool has started since. */
  #meetThreads(pool: Piscina<JobMessage, JobReply>): void {
    for (const worker of pool.threads) {
      if (this.#threads.has(worker)) continue
      const thread: Thread = { id: worker.threadId, ready: false, last: undefined, error: undefined }
      this.#threads.set(worker, thread)
      holdsExit(this, true)
      worker.once("error", (error) => {
        thread.error = error
        if (!this.#isBusy(thread.id)) this.#tellIdle(thread)
      })
      worker.once("exit", (code) => {
        this.#threads.delete(worker)
        if (this.#threads.size === 0) holdsExit(this, false)
        if (!thread.ready) queueMicrotask(() => this.#neverReady(thread.error ?? exitError(code)))
        if (this.#threads.size > 0) return
        for (const empty of this.#onEmpty.splice(0)) empty()
      })
    }
  }

  /**
   * A thread ended before it could take a job. piscina makes no other for the job that waits for it, and that would be
   * futile, too: the job ends.
   */
  #neverReady(error: unknown): void {
    const pool = this.#pool
    if (pool === undefined || this.#closing) return
    // Several may end in one turn: a job that was told already is none that waits.
    const waiting = [...this.#running].filter(([slot, run]) => this.threadOf(slot) === 0 && !run.aborted)
    if (waiting.length <= pool.threads.filter(({ threadId }) => !this.#isBusy(threadId)).length) return
    // The last one: earlier ones are the first to get what other threads there are.
    waiting
      .reverse()
      .find(([, run]) => run.starting)?.[1]
      .abort(error)
  }

  /** A thread died between jobs: that is nobody's failure, and must not be silent. */
  #tellIdle({ error, last }: Thread): void {
    last?.loop.callExceptionHandler({
      kind: "late",
      message: `what the job ${last.name} left behind failed in its thread of ${this.#options.name}, which is gone`,
      exception: error
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

  #isBusy(threadId: number): boolean {
    return [...this.#running.keys()].some((slot) => this.threadOf(slot) === threadId)
  }

  /** Calls `f` when the thread of a run has ended. */
  #whenGone(slot: number, run: Run | undefined, f: () => void): void {
    const worker = this.#threadWith(this.threadOf(slot))?.[0] ?? run?.terminated
    if (worker === undefined || !this.#threads.has(worker)) f()
    else worker.once("exit", f)
  }

  #threadWith(id: number): readonly [Worker, Thread] | undefined {
    for (const known of this.#threads) if (known[1].id === id) return known
    return undefined
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
const transferListOf = (list: Iterable<Transferred>): NonNullable<RunOptions["transferList"]> =>
  [...list] as unknown as NonNullable<RunOptions["transferList"]>

/** What piscina takes beside a job. */
type RunOptions = NonNullable<Parameters<Piscina["run"]>[1]>

/** The error for an exit code, in piscina's words. */
const exitError = (code: number): Error => new Error(`worker exited with code: ${code}`)
