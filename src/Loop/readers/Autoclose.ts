/**
 * The file descriptors and objects that a loop closes when it is closed: asyncio has none, trio-asyncio's `autoclose`.
 */
import * as fs from "node:fs"
import { descriptorIn, targetName } from "./fdOf.js"
import { InvalidStateError } from "../kernel/errors.js"
import type { Home } from "../ports.js"

/** An object's own way to be closed, where it has one: nobody may take a descriptor away from under it. */
const closerOf = (object: object): (() => unknown) | undefined => {
  if ("destroy" in object && typeof object.destroy === "function") {
    const { destroy } = object
    return () => destroy.call(object)
  }
  if ("close" in object && typeof object.close === "function") {
    const { close } = object
    return () => close.call(object)
  }
  return undefined
}

/** The marks of one loop. */
export class Autoclose {
  readonly #loop: Home
  /** What is marked, and how it is closed, in the order of marking. */
  readonly #marks = new Map<number | object, () => unknown>()

  constructor(loop: Home) {
    this.#loop = loop
  }

  /** Marks a target. `fd` is its descriptor. */
  mark(target: number | object, fd: number | undefined): void {
    const close = typeof target === "number" ? undefined : closerOf(target)
    if (close !== undefined) this.#marks.set(target, close)
    else if (fd !== undefined) this.#marks.set(fd, () => fs.closeSync(fd))
  }

  unmark(target: number | object, fd: number | undefined): void {
    if (this.#marks.delete(target) || (fd !== undefined && this.#marks.delete(fd))) return
    // The number of a descriptor whose object was marked.
    for (const marked of this.#marks.keys()) {
      if (typeof marked === "object" && fd !== undefined && descriptorIn(marked) === fd) {
        return void this.#marks.delete(marked)
      }
    }
    throw new InvalidStateError(
      `noAutoclose: ${targetName(target)} is not marked with autoclose() on ${this.#loop.name}`
    )
  }

  /** Closes all that is marked. A number that is closed already is reported too: it may be somebody else's by now. */
  closeAll(): void {
    const marks = [...this.#marks]
    this.#marks.clear()
    for (const [target, close] of marks) {
      const failed = (exception: unknown): void =>
        this.#loop.callExceptionHandler({
          kind: "late",
          message: `closing ${targetName(target)}, which was marked with autoclose(), failed`,
          exception
        })
      try {
        // A FileHandle says so by a promise, a stream by an event.
        void Promise.resolve(close()).then(undefined, failed)
      } catch (exception) {
        failed(exception)
      }
    }
  }
}
