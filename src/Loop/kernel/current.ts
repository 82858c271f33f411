/**
 * Who runs now. Inside a callback or a task's step this is a plain variable, set by `enter` and nobody else. After an
 * `await` the variable is empty and the host's async-local state answers, where it is in use.
 */
import { oneLine, textOf } from "./describe.js"
import { Canceller, NoRunningLoopError } from "./errors.js"
import type { Host, Invocable, Local, Waiter } from "./ports.js"

/** The synchronous part. `loop === undefined` means that no loop code is on the stack. */
export const slot: { loop: object | undefined; task: object | undefined; owner: unknown } = {
  loop: undefined,
  task: undefined,
  owner: undefined
}

let ambient: (() => Local | undefined) | undefined

/** The host's answer to "who runs" after an `await`; `undefined` takes it back. */
export const setAmbient = (f: (() => Local | undefined) | undefined): void => {
  ambient = f
}

/** Who runs now, or `undefined` outside of every loop. */
export const local = (): Local | undefined => {
  if (slot.loop !== undefined) return slot as Local
  return ambient === undefined ? undefined : ambient()
}

/** Runs `f` as code of `loop` and `task`; nests, and restores what was there. */
export const enter = <X, A>(
  loop: object | undefined,
  task: object | undefined,
  owner: unknown,
  f: (x: X) => A,
  x: X
): A => {
  const outerLoop = slot.loop
  const outerTask = slot.task
  const outerOwner = slot.owner
  slot.loop = loop
  slot.task = task
  slot.owner = owner
  try {
    return f(x)
  } finally {
    slot.loop = outerLoop
    slot.task = outerTask
    slot.owner = outerOwner
  }
}

/** `enter` for a handle's callback, which never throws. */
export const enterHandle = (owner: unknown, handle: Invocable): void => {
  const outerLoop = slot.loop
  const outerTask = slot.task
  const outerOwner = slot.owner
  slot.loop = handle._scheduler
  slot.task = undefined
  slot.owner = owner
  handle._invoke()
  slot.loop = outerLoop
  slot.task = outerTask
  slot.owner = outerOwner
}

/**
 * The task whose coroutine is calling, where closing its loop has given that up. It has ignored a cancel; one that tries
 * again whatever fails would spin on an error for ever, so what it calls neither throws nor comes back. A fiber that it
 * has resumed is not its code.
 */
export const abandonedCaller = (host: Host): Waiter | undefined => {
  const task = local()?.task as Waiter | undefined
  return task?._abandoned === true && !host.inFiber() ? task : undefined
}

/** The error for a call that needs a running loop. */
export const noRunningLoop = (what: string): NoRunningLoopError =>
  new NoRunningLoopError(
    `${what} needs a running loop, and there is no current event loop here; call it inside fromAio, ` +
      `runAioCoroutine, a task or a loop callback, or name the loop`
  )

const nameOf = (named: object): string =>
  "_name" in named && typeof named._name === "string"
    ? named._name
    : "name" in named && typeof named.name === "string"
      ? oneLine(named.name)
      : textOf(named)

/** The caller, in words, as who cancels. Made when it does, and not kept: an error must not keep a task. */
export const canceller = (): Canceller => {
  const here = local()
  if (here === undefined) return new Canceller("cancelled by code that is on no loop")
  return new Canceller(
    here.task === undefined
      ? `cancelled by a callback of ${nameOf(here.loop)}`
      : `cancelled by the task ${nameOf(here.task)}`
  )
}

/** The library itself cancels: on the stack while it does. */
let own = false

/**
 * Runs `cancel` as the library's own: for a deadline, for an interrupted fiber, because a loop closes. One of these that comes
 * after another is only counted, since whoever cleans up after the first must not be broken off in it by the second.
 */
export const asOwn = <A>(cancel: () => A): A => {
  const outer = own
  own = true
  try {
    return cancel()
  } finally {
    own = outer
  }
}

/** Whether a cancel that begins now is the library's own. */
export const isOwn = (): boolean => own

/** Runs code of the program while the library cancels: what that cancels is its own affair. */
export const notOwn = (f: () => void): void => {
  const outer = own
  own = false
  try {
    f()
  } finally {
    own = outer
  }
}
