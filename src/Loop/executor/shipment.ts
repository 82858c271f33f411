/** How a job and its arguments are sent to another thread, and which ones cannot be. */
import { isAbsolute } from "node:path"
import { pathToFileURL } from "node:url"
import * as vm from "node:vm"
import type { JobKind } from "./jobSlots.mjs"
import { functionName, describeValue } from "../kernel/describe.js"
import { JobRefusedError } from "../errors.js"
import type { ModuleJob } from "./ModuleJob.js"
import { isTransfer, type Transferred } from "./transfer.js"

/** A job as it is sent, and its name in reports. */
export type Shipment = JobKind

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
  const known = shipments.get(job)
  // What the object says may have changed since.
  if (known !== undefined && "module" in known.job) {
    if (known.job.module === href && known.job.export === name) return known
  }
  const last = href.split("/").at(-1) ?? href
  const shipment = {
    name: name === "default" ? last : `${name} of ${last}`,
    job: { module: href, export: name }
  }
  shipments.set(job, shipment)
  return shipment
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

/** Whether a value can be sent as it is, because it is no object. */
const isPlain = (u: unknown): boolean =>
  u === null || (typeof u !== "object" && typeof u !== "function" && typeof u !== "symbol")

/** Arguments as they were at the call, whenever the job runs. */
export interface PackedArguments {
  readonly args: ReadonlyArray<unknown>
  /** The parts of them that move to the thread that runs the job. */
  readonly list: ReadonlyArray<Transferred>
}

const nothingMoves: ReadonlyArray<Transferred> = []
/** A job without arguments, or whose arguments were sent. */
export const noArguments: PackedArguments = { args: [], list: nothingMoves }

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
