// @ts-check
/**
 * What runs in the worker threads of an executor: takes one job after the other from the line, and answers with plain
 * data. Plain JavaScript, because worker threads load this file without a compiler.
 */
import { writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
import { threadId, workerData } from "node:worker_threads"
import { closeMoved } from "./closeMoved.mjs"
import { cancelled, JobSlots } from "./jobSlots.mjs"
import { packError } from "../parcel/packError.mjs"

/**
 * A job, as it is sent where its slot has no room for it.
 *
 * @typedef {import("./jobSlots.mjs").Export} Export
 * @typedef {import("./jobSlots.mjs").JobKind} JobKind
 * @typedef {object} JobMessage
 * @property {number} slot
 * @property {string} name
 * @property {JobKind["job"]} job
 * @property {ReadonlyArray<unknown>} args
 * @property {ReadonlyArray<unknown>} moved What of the arguments was moved here.
 */

/**
 * How it went.
 *
 * @typedef {import("../parcel/packError.mjs").PackedError} PackedError
 * @typedef {(
 *   | { readonly kind: "value", readonly value: unknown }
 *   | { readonly kind: "error", readonly error: PackedError }
 *   | { readonly kind: "cancelled" }
 *   | { readonly kind: "refused", readonly why: string, readonly error: PackedError | undefined }
 * )} JobReply
 *
 * A reply that is sent, because its slot has no room for it.
 *
 * @typedef {{ readonly slot: number, readonly reply: JobReply }} SentReply
 */

/** @type {{ readonly name: string, readonly memory: import("./jobSlots.mjs").JobMemory }} */
const { name: executor, memory } = workerData
const slots = new JobSlots(memory)

/** The thread's own name. The pool cannot name its threads, so the system is told from here. */
const suffix = `-${slots.countThread() + 1}`
const worker = executor + suffix
if (process.platform === "linux") {
  try {
    // Linux keeps 15 characters.
    writeFileSync("/proc/thread-self/comm", executor.slice(0, 15 - suffix.length) + suffix)
  } catch {
    // A name is for people who look; where it cannot be set, `worker` still says it.
  }
}

/** The mark of a Transfer, as in transfer.ts. */
const transferred = Symbol.for("effect-aio/Transfer")

/**
 * Newer than the language level that the sources are checked at.
 *
 * @typedef {{ readonly async: false } | { readonly async: true, readonly value: Promise<unknown> }} Waited
 * @type {{ readonly waitAsync: (cells: Int32Array, index: number, value: number) => Waited }}
 */
const { waitAsync } = /** @type {any} */ (Atomics)

/** What a job sees as `this`. See JobContext in Job.ts. */
class Context {
  /** @type {AbortController | undefined} */ #controller
  /** @type {number} */ #slot
  #ended = false

  /**
   * @param {number} slot
   * @param {string} name
   */
  constructor(slot, name) {
    this.name = name
    this.worker = worker
    this.threadId = threadId
    this.#slot = slot
  }

  cancelled() {
    return slots.isTold(this.#slot)
  }

  /** @returns {object} An AbortSignal. */
  get signal() {
    if (this.#controller === undefined) {
      const controller = (this.#controller = new AbortController())
      const stop = () => {
        if (!this.#ended && this.cancelled()) controller.abort()
      }
      const told = waitAsync(...slots.flagOf(this.#slot))
      if (told.async) void told.value.then(stop)
      else stop()
    }
    return this.#controller.signal
  }

  /** @type {(value: unknown, list: ReadonlyArray<unknown>) => unknown} */
  transfer(value, list) {
    if (!Array.isArray(list)) throw new TypeError("this.transfer takes an array of what is to move")
    return { [transferred]: true, value, list }
  }

  /** Whether a job that threw this has heeded its cancellation. @type {(thrown: unknown) => boolean} */
  heeded(thrown) {
    if (!this.cancelled()) return false
    if (this.#controller !== undefined && thrown === this.#controller.signal.reason) return true
    try {
      const { code, name } = /** @type {{ readonly code?: unknown, readonly name?: unknown }} */ (thrown)
      return name === "AbortError" || code === "ABORT_ERR"
    } catch {
      return false
    }
  }

  /** The slot is the next job's. False where the thread is being terminated because of this one. */
  end() {
    this.#ended = true
    const free = slots.ends(this.#slot)
    // Wakes the wait of its own signal.
    if (this.#controller !== undefined) Atomics.notify(...slots.flagOf(this.#slot))
    return free
  }
}

/** @typedef {(this: Context, ...args: ReadonlyArray<unknown>) => unknown} Body */

/** Sources and modules that were loaded already; the oldest go first. @type {Map<string, Body>} */
const loaded = new Map()
const MOST = 500

/**
 * `import()` for jobs. What they import is no business of this file.
 *
 * @type {(specifier: string) => Promise<unknown>}
 */
const importing = /** @type {any} */ (new Function("specifier", "return import(specifier)"))

/**
 * A package is sought from this library, and then from the working directory: where they differ, the caller says
 * `import.meta.resolve(name)`.
 *
 * @type {(module: string) => Promise<unknown>}
 */
const load = async (module) => {
  try {
    return await importing(module)
  } catch (error) {
    try {
      // An absolute URL is no name of a package.
      if (URL.canParse(module)) throw error
      return await importing(pathToFileURL(createRequire(`${process.cwd()}/`).resolve(module)).href)
    } catch {
      throw error
    }
  }
}

/** What esbuild wraps around functions to keep their names. @type {<A extends object>(f: A, name: string) => A} */
const keepName = (f, name) => Object.defineProperty(f, "name", { value: name, configurable: true })

/** The second and third parameter are what vite makes of `import()`. @type {(source: string, name: string) => Body} */
const compile = (source, name) =>
  new Function(
    "__name",
    "__vi_import__",
    "__vite_ssr_dynamic_import__",
    `"use strict"; return (${source}\n)\n//# sourceURL=job/${encodeURIComponent(name)}`
  )(keepName, importing, importing)

class Refusal extends Error {}

/** @type {(job: Export) => Promise<Body>} */
const find = async (job) => {
  /** @type {Record<string, unknown>} */
  let exports
  try {
    exports = /** @type {Record<string, unknown>} */ (await load(job.module))
  } catch (cause) {
    throw new Refusal(`its module ${job.module} could not be loaded`, { cause })
  }
  /** @type {unknown} */
  let found
  try {
    const { default: inner } = exports
    // A CommonJS module may export more than its import can name; what it exports may be a function itself.
    found = exports[job.export] ?? (isPlain(inner) ? undefined : Reflect.get(Object(inner), job.export))
  } catch (cause) {
    throw new Refusal(`its module ${job.module} throws when its export ${job.export} is read`, { cause })
  }
  if (typeof found === "function") return /** @type {Body} */ (found)
  throw new Refusal(
    `its module ${job.module} ` +
      (found === undefined
        ? `has no export ${job.export}; it has ${Object.keys(exports).join(", ") || "none"}`
        : `exports ${job.export}, which is no function`)
  )
}

/** @type {(message: JobMessage) => Body | Promise<Body>} */
const bodyOf = ({ job, name }) => {
  const key = "source" in job ? job.source : `${job.export} ${job.module}`
  const known = loaded.get(key)
  if (known !== undefined) return known
  /** @type {(body: Body) => Body} */
  const keep = (body) => {
    for (const [oldest] of loaded) {
      if (loaded.size < MOST) break
      loaded.delete(oldest)
    }
    loaded.set(key, body)
    return body
  }
  return "source" in job ? keep(compile(job.source, name)) : find(job).then(keep)
}

/** A name that the source of a function uses, and that only the place it was taken from knows. */
const unbound = (/** @type {JobMessage} */ { job }, /** @type {unknown} */ thrown) => {
  if (!("source" in job)) return undefined
  try {
    if (!(thrown instanceof ReferenceError)) return undefined
    const name = /^(\S+) is not defined$/.exec(thrown.message)?.[1]
    return name === undefined || name in globalThis ? undefined : name
  } catch {
    return undefined // It may be a proxy that throws when it is asked.
  }
}

/** Whether a value can be cloned without a look, because it is no object. @type {(value: unknown) => boolean} */
const isPlain = (value) =>
  value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol")

/** What a job has thrown. @type {(context: Context, message: JobMessage, thrown: unknown) => JobReply} */
const failure = (context, message, thrown) => {
  if (context.heeded(thrown)) return { kind: "cancelled" }
  const name = unbound(message, thrown)
  if (name === undefined) return { kind: "error", error: packError(thrown) }
  return {
    kind: "refused",
    why:
      `it uses ${name}, which is not there: only its source is sent, so it may use its parameters, globals and ` +
      `import() alone. Pass ${name} as an argument, or use the form { module, export }`,
    error: packError(thrown)
  }
}

/** Why a job cannot be run. @type {(error: unknown) => JobReply} */
const refusal = (error) =>
  error instanceof Refusal
    ? {
        kind: "refused",
        why: error.message,
        error: error.cause === undefined ? undefined : packError(error.cause)
      }
    : { kind: "refused", why: "its source does not compile there", error: packError(error) }

/** The executor's end of this thread's channel. @type {import("node:worker_threads").MessagePort} */
let port
/** The thread's seat in the memory. */
let seat = 0
/** The slot of the job whose parcel it has asked for, or -1. */
let asked = -1

/** What was written of the kinds of jobs. @type {Array<JobKind>} */
const kinds = []

/** @type {ReadonlyArray<never>} */
const none = []

const tell = (/** @type {number} */ slot) => {
  if (slots.tells(slot)) port.postMessage(0)
}

/**
 * Sends a reply for which its slot has no room.
 *
 * @type {(slot: number, reply: JobReply, list?: ReadonlyArray<any>) => void}
 */
const send = (slot, reply, list = none) =>
  port.postMessage(/** @type {SentReply} */ ({ slot, reply }), [...list])

/** Sends a result. The value is looked at once: by whatever getters it has. @type {(slot: number, value: unknown) => void} */
const sendValue = (slot, value) => {
  try {
    if (typeof value !== "object" || value === null || !(transferred in value)) {
      return send(slot, { kind: "value", value })
    }
    const { list, value: inner } = /** @type {any} */ (value)
    send(slot, { kind: "value", value: inner }, list)
  } catch (error) {
    send(slot, { kind: "refused", why: "its result cannot be cloned", error: packError(error) })
  }
}

/** A job has ended: the executor is told, and the thread looks for the next one. @type {(context: Context, slot: number, reply: JobReply) => void} */
const finish = (context, slot, reply) => {
  if (!context.end()) return
  if (reply.kind === "value" && slots.answer(slot, reply.value)) tell(slot)
  else if (reply.kind === "value") sendValue(slot, reply.value)
  else if (reply.kind === "cancelled") {
    slots.answerWith(slot, cancelled)
    tell(slot)
  } else send(slot, reply)
  slots.rests(seat)
  // What the job has left behind comes first, and what that throws is not the next one's failure.
  setImmediate(next)
}

/** Runs a job, which is this thread's. @type {(message: JobMessage) => Promise<void>} */
const run = async (message) => {
  const { args, moved, name, slot } = message
  const context = new Context(slot, name)
  /** @type {Body} */
  let body
  try {
    const found = bodyOf(message)
    body = typeof found === "function" ? found : await found
  } catch (error) {
    closeMoved(moved)
    return finish(context, slot, refusal(error))
  }
  if (context.cancelled()) {
    closeMoved(moved)
    return finish(context, slot, { kind: "cancelled" })
  }
  /** @type {unknown} */
  let value
  try {
    value = body.apply(context, [...args])
    if (!isPlain(value)) value = await value
  } catch (thrown) {
    return finish(context, slot, failure(context, message, thrown))
  }
  finish(context, slot, { kind: "value", value })
}

/** Takes the first job of the line. */
const next = () => {
  while (slots.rises(seat)) {
    const slot = slots.take(seat)
    if (slot >= 0) return begin(slot)
    if (slots.parks(seat)) return
  }
}

/** Begins with a job, or asks for what it takes. @type {(slot: number) => void} */
const begin = (slot) => {
  const number = slots.kindOf(slot)
  if (number === undefined) {
    asked = slot
    return tell(slot)
  }
  const { job, name } = (kinds[number] ??= slots.readKind(number))
  const args = /** @type {ReadonlyArray<unknown>} */ (slots.read(slot))
  void run({ slot, name, job, args, moved: none })
}

/**
 * What the executor sends: the parcel of a job, which this thread has asked for, or is given; or nothing, when it is to look
 * for itself.
 *
 * @type {(message: JobMessage | 0) => void}
 */
const onMessage = (message) => {
  const asker = asked >= 0
  asked = -1
  if (message === 0) {
    // There is no parcel after all.
    if (asker) slots.rests(seat)
    return next()
  }
  if (asker) return void run(message)
  // Who is being terminated has no use for it.
  if (slots.rises(seat)) void run(message)
}

/**
 * Takes a seat. Never throws: what the pool sees fail is the thread.
 *
 * @type {(place: { readonly port: import("node:worker_threads").MessagePort, readonly seat: number }) => number}
 */
export const serve = (place) => {
  port = place.port
  seat = place.seat
  slots.sits(seat, threadId)
  port.on("message", onMessage)
  // The pool hears first that it is there.
  setImmediate(next)
  return threadId
}
