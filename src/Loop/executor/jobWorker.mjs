// @ts-check
/**
 * What runs in the worker threads of an executor: takes one job after the other from the pool, and answers with plain
 * data. Plain JavaScript, because worker threads load this file without a compiler.
 */
import { writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
import { threadId, workerData } from "node:worker_threads"
import { closeMoved } from "./closeMoved.mjs"
import { flagOf, threadOf, threads } from "./jobSlots.mjs"
import { packError } from "../parcel/packError.mjs"

/**
 * A job, as it is sent: the source of a function, or the export of a module.
 *
 * @typedef {{ readonly source: string }} Source
 * @typedef {{ readonly module: string, readonly export: string }} Export
 * @typedef {object} JobMessage
 * @property {number} slot
 * @property {string} name
 * @property {Source | Export} job
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
 */

/** @type {{ readonly name: string, readonly slots: Int32Array }} */
const { name: executor, slots } = workerData

/** The thread's own name. The pool cannot name its threads, so the system is told from here. */
const suffix = `-${Atomics.add(slots, threads, 1) + 1}`
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

  /** @param {JobMessage} message */
  constructor({ name, slot }) {
    this.name = name
    this.worker = worker
    this.threadId = threadId
    this.#slot = slot
    Atomics.store(slots, threadOf(slot), threadId)
  }

  cancelled() {
    return Atomics.load(slots, flagOf(this.#slot)) === 1
  }

  /** @returns {object} An AbortSignal. */
  get signal() {
    if (this.#controller === undefined) {
      const controller = (this.#controller = new AbortController())
      const stop = () => {
        if (!this.#ended && this.cancelled()) controller.abort()
      }
      const told = waitAsync(slots, flagOf(this.#slot), 0)
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

  /** The slot is the next job's. */
  end() {
    this.#ended = true
    // Wakes the wait of its own signal.
    if (this.#controller !== undefined) Atomics.notify(slots, flagOf(this.#slot))
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

/** @type {(value: unknown) => unknown} */
const answer = (value) => {
  if (isPlain(value)) return { kind: "value", value }
  try {
    // The pool would lose the thread over what it cannot clone. Its clone can be cloned again, whatever getters it had.
    if (typeof value === "symbol" || !(transferred in /** @type {object} */ (value))) {
      return { kind: "value", value: structuredClone(value) }
    }
    const { list, value: inner } = /** @type {any} */ (value)
    const [copy, ports] = structuredClone([inner, list], { transfer: list })
    const piscina = createRequire(import.meta.url)("piscina")
    return piscina.move({
      [piscina.transferableSymbol]: ports,
      [piscina.valueSymbol]: { kind: "value", value: copy }
    })
  } catch (error) {
    return { kind: "refused", why: "its result cannot be cloned", error: packError(error) }
  }
}

/**
 * Runs one job. Never throws: what the pool sees fail is the thread.
 *
 * @type {(message: JobMessage) => Promise<unknown>}
 */
export const runJob = async (message) => {
  const context = new Context(message)
  /** @type {Body} */
  let body
  try {
    body = await bodyOf(message)
  } catch (error) {
    closeMoved(message.moved)
    return error instanceof Refusal
      ? {
          kind: "refused",
          why: error.message,
          error: error.cause === undefined ? undefined : packError(error.cause)
        }
      : { kind: "refused", why: "its source does not compile there", error: packError(error) }
  }
  if (context.cancelled()) {
    closeMoved(message.moved)
    return { kind: "cancelled" }
  }
  try {
    return answer(await body.apply(context, [...message.args]))
  } catch (thrown) {
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
  } finally {
    context.end()
  }
}
