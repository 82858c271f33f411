/** Async-local state in frames: Node 24 and newer. See `frames.ts` and `Mark.ts`. */
import { enter, enterHandle } from "../kernel/current.js"
import { type Frame, frames } from "./frames.js"
import { Mark, storage } from "./Mark.js"
import type { Captured, Way } from "./Captured.js"
import type { Context } from "../kernel/Context.js"
import type { Invocable, Local } from "../kernel/ports.js"

/** A frame of Node's with a mark in it is what a program made that has entered a storage of its own in marked code. */
const markIn = (frame: Frame | undefined): Local | undefined =>
  frame === undefined || frame instanceof Mark ? frame : (frame.get(storage) as Local | undefined)

/** `frame` with a mark in front of it. */
const markedAs = (
  frame: Frame | undefined,
  loop: object,
  task: object | undefined,
  owner: unknown
): Frame | undefined => {
  if (frame instanceof Mark) return new Mark(frame.behind, loop, task, owner)
  if (frame === undefined || frame instanceof frames) return new Mark(frame, loop, task, owner)
  // Of somebody else who knows this door, another copy of the library for one: a flat copy, for the reason in `Mark.ts`.
  const current = frames.exchange(frame)
  storage.enterWith({ loop, task, owner })
  return frames.exchange(current)
}

/** A step that runs in the task's own scope finds the mark of the step before. */
const ofTask = (frame: Frame | undefined, loop: object, task: object, owner: unknown): Frame | undefined =>
  markIn(frame)?.task === task ? frame : markedAs(frame, loop, task, owner)

/** A callback that a task, another loop or another fiber scheduled is the loop's, and of the fiber that scheduled it. */
const ofCallback = (frame: Frame | undefined, loop: object, owner: unknown): Frame | undefined => {
  if (frame === undefined) return frame
  const mark = markIn(frame)
  return mark === undefined || (mark.task === undefined && mark.loop === loop && mark.owner === owner)
    ? frame
    : markedAs(frame, loop, undefined, owner)
}

const callIn = <X, A>(
  frame: Frame | undefined,
  loop: object,
  task: object | undefined,
  owner: unknown,
  f: (x: X) => A,
  x: X
): A => {
  const outer = frames.exchange(
    task === undefined ? ofCallback(frame, loop, owner) : ofTask(frame, loop, task, owner)
  )
  try {
    return enter(loop, task, owner, f, x)
  } finally {
    frames.set(outer)
  }
}

const callHandleIn = (frame: Frame | undefined, handle: Invocable, owner: unknown): void => {
  const outer = frames.exchange(ofCallback(frame, handle._scheduler, owner))
  try {
    enterHandle(owner, handle)
  } finally {
    frames.set(outer)
  }
}

class FrameContext implements Captured {
  readonly #frame: Frame | undefined

  constructor(
    frame: Frame | undefined,
    readonly owner: unknown
  ) {
    this.#frame = frame
  }

  run<A>(f: () => A): A {
    const outer = frames.exchange(this.#frame)
    try {
      return f()
    } finally {
      frames.set(outer)
    }
  }

  call<X, A>(loop: object, task: object | undefined, f: (x: X) => A, x: X): A {
    return callIn(this.#frame, loop, task, this.owner, f, x)
  }

  callHandle(handle: Invocable): void {
    callHandleIn(this.#frame, handle, this.owner)
  }
}

/** Nothing entered and nobody's: the state of most callbacks of a program that uses no AsyncLocalStorage. */
const nothing = new FrameContext(undefined, undefined)

export const framesWay: Way = {
  capture: (owner) => {
    const frame = frames.current()
    return frame === undefined && owner === undefined ? nothing : new FrameContext(frame, owner)
  },
  isCaptured: (context: Context | undefined): context is Captured => context instanceof FrameContext,
  mark: () => markIn(frames.current()),
  callHere: (loop, task, owner, f, x) => callIn(frames.current(), loop, task, owner, f, x),
  callHandleHere: (handle, owner) => callHandleIn(frames.current(), handle, owner),
  isMarked: () => markIn(frames.current()) !== undefined,
  unmarked: (f) => {
    const frame = frames.current()
    if (frame === undefined) return f()
    if (!(frame instanceof Mark)) return frame.has(storage) ? storage.run(undefined, f) : f()
    frames.set(frame.behind)
    try {
      return f()
    } finally {
      frames.set(frame)
    }
  },
  detached: (loop, f) => {
    const outer = frames.current()
    frames.set(ofCallback(outer, loop, undefined))
    try {
      return enter(undefined, undefined, undefined, f, undefined)
    } finally {
      frames.set(outer)
    }
  },
  // A program that has entered a storage of its own has copied the mark into a frame of Node's.
  release: () => storage.disable()
}
