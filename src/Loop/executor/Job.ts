/** What can be run in another thread, how it is sent there, and one such run. */
import { isAbsolute } from "node:path"
import { pathToFileURL } from "node:url"
import * as vm from "node:vm"
import type { JobMessage } from "./jobWorker.mjs"
import { functionName, describeValue } from "../kernel/describe.js"
import { createdAt } from "../kernel/sites.js"
import { JobRefusedError } from "../errors.js"
import { Future } from "../kernel/Future.js"
import { isTransfer, type Transfer, type Transferred } from "./transfer.js"
import type { Home, Leftover } from "../ports.js"

/**
 * What a job sees as `this`, in its worker thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobContext {
  /** The job's name, as in reports. */
  readonly name: string
  /** The worker thread's name. */
  readonly worker: string
  /** Node's number of the worker thread. */
  readonly threadId: number
  /**
   * Aborts when the job is cancelled. For jobs that await: while one computes, nothing else runs in its thread, listeners
   * included.
   */
  readonly signal: AbortSignal
  /** Whether the job is cancelled, at once: for loops that compute. */
  cancelled(): boolean
  /** Lets parts of the result move instead of being copied: `return this.transfer(bytes, [bytes.buffer])`. */
  transfer<A>(value: A, list: ReadonlyArray<Transferred>): Transfer<A>
}

type AnyJob = (this: JobContext, ...args: never) => unknown

declare const signature: unique symbol

/**
 * A job that is the export of a module: the recommended form, which may import what it likes. `F` is the type of the
 * export, and is only said, not checked.
 *
 * @example
 * const parse: ModuleJob<typeof import("./parse.js").parse> = {
 *   module: new URL("./parse.js", import.meta.url),
 *   export: "parse"
 * }
 *
 * @category models
 * @since 0.1.0
 */
export interface ModuleJob<F extends AnyJob = (...args: Array<unknown>) => unknown> {
  /** A URL, an absolute path, or the name of a package or of a module of Node; packages are sought from the working directory. */
  readonly module: string | URL
  /** Default: `default`. */
  readonly export?: string | undefined
  readonly [signature]?: F
}

/**
 * The arguments of a job: each as it is, or as a Transfer.
 *
 * @category models
 * @since 0.1.0
 */
export type JobArguments<Args extends ReadonlyArray<unknown>> = {
  readonly [K in keyof Args]: Args[K] | Transfer<Args[K]>
}

/**
 * What comes back of what a job returns.
 *
 * @category models
 * @since 0.1.0
 */
export type JobValue<R> = Awaited<R> extends Transfer<infer A> ? A : Awaited<R>

/** How a job is sent, and called in reports. */
export interface Shipment {
  readonly name: string
  readonly job: JobMessage["job"]
}

const shipments = new WeakMap<object, Shipment>()

/** Checks a job. Throws `TypeError` for what is none, {@link JobRefusedError} for what cannot be sent. */
export const shipmentOf = (what: string, job: unknown): Shipment => {
  if (typeof job === "function") {
    const known = shipments.get(job)
    if (known !== undefined) return known
    const shipment = { name: functionName(job), job: { source: functionSource(job) } }
    shipments.set(job, shipment)
    return shipment
  }
  if (typeof job !== "object" || job === null || !("module" in job)) {
    throw new TypeError(
      `${what} takes a function or { module, export } as its job, not ${describeValue(job)}`
    )
  }
  const { module, export: name = "default" } = job as ModuleJob
  if (typeof name !== "string") {
    throw new TypeError(`the export of a job is a string, not ${describeValue(name)}`)
  }
  const href = hrefOf(module)
  const last = href.split("/").at(-1) ?? href
  return { name: name === "default" ? last : `${name} of ${last}`, job: { module: href, export: name } }
}

const hrefOf = (module: unknown): string => {
  if (module instanceof URL) return module.href
  if (typeof module !== "string" || module === "") {
    throw new TypeError(`the module of a job is a URL or a string, not ${describeValue(module)}`)
  }
  if (/^\.{0,2}[/\\]/.test(module) && !isAbsolute(module)) {
    throw new TypeError(
      `the module of a job is sought in another thread, which does not know what ${describeValue(module)} is relative ` +
        `to: use new URL(${describeValue(module)}, import.meta.url)`
    )
  }
  return isAbsolute(module) ? pathToFileURL(module).href : module
}

/** The text of a function, if it means the same in another thread. */
const functionSource = (job: object): string => {
  const refused = (why: string, cause?: unknown): JobRefusedError =>
    new JobRefusedError({ job: functionName(job), why, cause })
  const source = Function.prototype.toString.call(job)
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw refused(
      "a native or bound function has no source to send; wrap it in a function, or name its module"
    )
  }
  if (/^class\b/.test(source)) throw refused("it is a class; jobs are functions")
  if (Object.prototype.toString.call(job).includes("Generator")) {
    throw refused("it is a generator function; jobs return a value or a promise")
  }
  try {
    // Compiles it, and runs nothing. The source of a method does not stand alone.
    new vm.Script(`"use strict"; (${source}\n)`)
  } catch (cause) {
    throw refused("its source does not stand alone: is it a method? Wrap it in a function", cause)
  }
  return source
}

/** What is no object can be sent as it is. */
const isPlain = (u: unknown): boolean =>
  u === null || (typeof u !== "object" && typeof u !== "function" && typeof u !== "symbol")

/** Arguments as they were at the call, whenever the job runs. */
export interface PackedArguments {
  readonly args: ReadonlyArray<unknown>
  /** What of them moves to the thread that runs the job. */
  readonly list: ReadonlyArray<Transferred>
}

const nothingMoves: ReadonlyArray<Transferred> = []
const nothing: PackedArguments = { args: [], list: nothingMoves }

/** Copies what can change, and moves what is to move. Throws {@link JobRefusedError} for what cannot be copied. */
export const packArguments = (job: string, given: ReadonlyArray<unknown>): PackedArguments => {
  if (given.every(isPlain)) return { args: given, list: nothingMoves }
  const args = given.map((arg) => (isTransfer(arg) ? arg.value : arg))
  const list = given.flatMap((arg) => (isTransfer(arg) ? arg.list : []))
  try {
    const [copies, moved] = structuredClone([args, list] as const, { transfer: list })
    return { args: copies, list: moved }
  } catch (cause) {
    const index = given.findIndex((arg) => !isTransfer(arg) && !isPlain(arg) && !isCloneable(arg))
    const which = index < 0 ? "an argument that is to be transferred" : `argument ${index}`
    throw new JobRefusedError({ job, why: `${which} cannot be cloned: ${String(cause)}`, cause })
  }
}

const isCloneable = (u: unknown): boolean => {
  try {
    structuredClone(u)
    return true
  } catch {
    return false
  }
}

/** Where a job is run: its executor. */
export interface JobOwner {
  readonly name: string
  _cancel(job: Job, message: unknown): boolean
  _drop(job: Job, reason: unknown): void
  _place(job: Job): string
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
  /** Its slot in the executor's memory, from when it is waiting until it has ended. */
  slot = -1
  /** What its cancel was given. */
  reason: unknown = undefined
  /** Its thread was terminated because of it. */
  terminated = false
  /** Takes back the timers of its cancelling. */
  disarm: () => void = () => {}
  /** Asks for a permit with this. */
  granted: () => void = () => {}
  readonly #since: number
  #packed: PackedArguments

  constructor(
    readonly owner: JobOwner,
    readonly loop: Home,
    readonly shipment: Shipment,
    packed: PackedArguments,
    readonly onEnd: (job: Job) => void
  ) {
    this.#since = loop.time()
    this.#packed = packed
    this.future = new Future<unknown>(loop, (message) => owner._cancel(this, message))
  }

  get name(): string {
    return this.shipment.name
  }

  /** Its arguments, to be sent and not kept. */
  unpack(): PackedArguments {
    const packed = this.#packed
    this.#packed = nothing
    return packed
  }

  /** Tells it to stop, whoever has settled its Future meanwhile. */
  cancel(reason: unknown): void {
    if (!this.owner._cancel(this, reason)) this.future._settleCancelled(reason)
  }

  describe(): Leftover {
    return {
      what: "job",
      name: this.name,
      age: this.loop.time() - this.#since,
      state: this.state === "waiting" ? "queued" : this.state,
      waitingOn: this.owner._place(this),
      createdAt: createdAt(this.future).replace(" created at ", "") || "aio code of this loop",
      blamed: true
    }
  }
}
