/**
 * Who runs now. Inside a callback or a task's step this is a plain variable, set by `enter` and nobody else. After an
 * `await` the variable is empty and the host's async-local state answers, where it is in use.
 */
import { NoRunningLoopError } from "./errors.js"
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
