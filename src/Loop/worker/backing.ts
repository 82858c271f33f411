/**
 * A worker thread or a child process, as one thing: what is posted to it, what it says, and its end. Both speak the protocol
 * of the platform's workers, which is the same on Effect 3 and Effect 4:
 *
 *     to a worker     [0, request]    [1]  end, when what you are doing allows it
 *     from a worker   [1, response]   [0]  I am ready
 */
import { ChildProcess } from "node:child_process"
import { Worker } from "node:worker_threads"

/** How a worker ended, or could not begin. */
export interface Ended {
  /** Its exit code; `null` where a signal ended it, and where it never began. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it threw, or why it could not be started; `undefined` where nothing is known. */
  readonly error: unknown
}

/** Who is told. Nothing is told after `ended`. */
export interface Listener {
  message(data: unknown): void
  /** It cannot be talked to any more, and has not ended: a message was lost, its channel is closed. */
  broken(why: string, error?: unknown): void
  /** It has thrown what nobody caught, and is about to end. */
  failing(): void
  /** It has really ended. */
  ended(how: Ended): void
}

/** What a thread and a process have in common. */
export interface Backing {
  /** What it is, and its number: `thread 3`, `process 4711`. */
  readonly text: string
  readonly kind: "thread" | "process"
  /** The file that it runs, where Node tells it. */
  readonly file: string | undefined
  /** Throws what cannot be cloned, and where there is no way to it any more. */
  post(message: unknown, transfers: ReadonlyArray<unknown>): void
  /** Ends it, whatever it does. Never throws. */
  kill(): void
}

/** The workers that have an owner: the answers to two could not be told apart. */
const owned = new WeakSet<object>()

/** Begins to listen. Throws `TypeError` for what is no worker, or cannot be owned any more. */
export const backingOf = (worker: unknown, listener: Listener): Backing => {
  if (!(worker instanceof Worker) && !(worker instanceof ChildProcess)) {
    throw new TypeError("it is neither a Worker of node:worker_threads nor a ChildProcess")
  }
  if (owned.has(worker)) throw new TypeError("it was given before: every worker is a new one")
  const backing = worker instanceof Worker ? threadOf(worker, listener) : processOf(worker, listener)
  owned.add(worker)
  return backing
}

/** Node gives it to threads that were given no name. */
const unnamed = "WorkerThread"

const threadOf = (worker: Worker, listener: Listener): Backing => {
  if (worker.threadId < 0) throw new TypeError("its thread has ended already")
  const { threadId } = worker
  const { threadName } = worker as { readonly threadName?: unknown }
  let error: unknown
  worker.on("message", (data) => listener.message(data))
  worker.on("messageerror", (cause) => listener.broken("has sent a message that cannot be read", cause))
  worker.on("error", (cause) => {
    error = cause
    listener.failing()
  })
  worker.once("exit", (code) => listener.ended({ code, signal: null, error }))
  return {
    text: `thread ${threadId}`,
    kind: "thread",
    file:
      typeof threadName === "string" && threadName !== unnamed && threadName !== "" ? threadName : undefined,
    // Node looks at every list, also at an empty one.
    post: (message, transfers) =>
      transfers.length === 0
        ? worker.postMessage(message)
        : worker.postMessage(message, transfers as ReadonlyArray<ArrayBuffer>),
    kill: () => void worker.terminate()
  }
}

/** How long after the end of its channel a process may take to end, before it is one that lives on without, in milliseconds. */
const EXIT_AFTER_CHANNEL = 250

/** A script among the arguments of a process. */
const script = /\.[cm]?[jt]sx?$/

const processOf = (child: ChildProcess, listener: Listener): Backing => {
  if (child.exitCode !== null || child.signalCode !== null)
    throw new TypeError("its process has ended already")
  // One that could not be started says so later, and has no channel then.
  if (child.pid !== undefined && !child.connected) {
    throw new TypeError('it has no channel for messages: start it with fork, or with "ipc" in its stdio')
  }
  let error: unknown
  let exit: Ended | undefined
  let told = false
  const over = (): void => {
    if (exit === undefined || told) return
    told = true
    listener.ended(exit)
  }
  child.on("message", (data) => listener.message(data))
  child.on("error", (cause) => {
    error = cause
    if (child.pid === undefined) listener.ended({ code: null, signal: null, error })
    else listener.broken("was sent a message that is lost", cause)
  })
  let stopWaiting: NodeJS.Timeout | undefined
  child.once("disconnect", () => {
    if (exit !== undefined) return over()
    // As a rule it is about to end, and that says more.
    listener.failing()
    stopWaiting = setTimeout(() => listener.broken("has closed its channel for messages"), EXIT_AFTER_CHANNEL)
  })
  child.once("exit", (code, signal) => {
    exit = { code, signal, error }
    clearTimeout(stopWaiting)
    // What it has sent before its end may come after the word of its end, and the end of its channel after that.
    if (child.connected) listener.failing()
    else over()
  })
  return {
    text: child.pid === undefined ? "process" : `process ${child.pid}`,
    kind: "process",
    file: child.spawnargs.slice(1).find((arg) => script.test(arg)) ?? child.spawnfile,
    post: (message) => {
      if (!child.connected) throw new Error("its channel for messages is closed")
      child.send(message as object)
    },
    kill: () => {
      if (exit === undefined) child.kill("SIGKILL")
      else over()
    }
  }
}
