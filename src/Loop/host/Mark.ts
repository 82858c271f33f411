/**
 * Who is running, where the kernel's slot cannot say it any more: after an `await`. On frames (`frames.ts`) it is a frame
 * of our own, in front of that of the program:
 *
 *     Mark { loop, task, owner }  --behind-->  the program's frame, or none
 *
 * To Node it is what `storage.enterWith(mark)` would have made, without the copy of the program's Map that this would be
 * for every task. One Mark stands in front of a frame of Node's or of nothing, and never of another Mark: else tasks that
 * start tasks would keep a chain of all of them.
 */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"
import { attempt, type Frame, frames, framesFound } from "./frames.js"
import type { Local } from "../kernel/ports.js"

/** The key of our marks in the frames of Node, and the storage where there are no frames. */
export const storage = new AsyncLocalStorage<Local | undefined>()

type Key = AsyncLocalStorage<unknown>

const isOurs = (key: Key): boolean => key === storage

export class Mark implements Local, Frame {
  /** As `shapes.ts` of the kernel says. */
  static readonly kept = new Mark(undefined, storage, undefined, undefined)
  #behind: Frame | undefined

  constructor(
    behind: Frame | undefined,
    readonly loop: object,
    readonly task: object | undefined,
    readonly owner: unknown
  ) {
    this.#behind = behind
  }

  get behind(): Frame | undefined {
    return this.#behind
  }

  has(key: Key): boolean {
    return isOurs(key) || (this.#behind !== undefined && this.#behind.has(key))
  }

  get(key: Key): unknown {
    return isOurs(key) ? this : this.#behind?.get(key)
  }

  /** What Node copies when the program enters a storage of its own. */
  [Symbol.iterator](): Iterator<readonly [Key, unknown]> {
    return [...(this.#behind ?? []), [storage as Key, this] as const][Symbol.iterator]()
  }

  /** A storage is disabled for the code that this marks, and not for whoever has the frame behind it, too. */
  disable(key: Key): void {
    if (this.#behind === undefined) return
    const current = frames.exchange(this.#behind)
    key.enterWith(undefined)
    this.#behind = frames.current()
    this.#behind?.disable(key)
    frames.set(current)
  }
}

/** Whether Node takes a Mark for a frame: sees through it, copies it, captures it and brings it back. */
const works = (): boolean => {
  const user = new AsyncLocalStorage<string>()
  user.enterWith("before")
  const mark = new Mark(frames.current(), frames, undefined, undefined)
  frames.set(mark)
  const seen = storage.getStore() === mark && user.getStore() === "before"
  const resource = new AsyncResource("effect-aio")
  const inside = user.run("inside", () => storage.getStore() === mark && user.getStore() === "inside")
  user.enterWith("after")
  const copied = storage.getStore() === mark && user.getStore() === "after"
  frames.set(undefined)
  const kept = resource.runInAsyncScope(
    () => frames.current() === mark && storage.getStore() === mark && user.getStore() === "before"
  )
  frames.set(mark)
  user.disable()
  return seen && inside && copied && kept && user.getStore() === undefined && storage.getStore() === mark
}

/** Whether async-local state travels in frames, and a Mark may be one. */
export const hasFrames: boolean = framesFound && attempt(works) === true
