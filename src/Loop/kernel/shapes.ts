/**
 * One object of each class that loops make in numbers, kept for ever. V8 forgets the layout of a class when a full collection
 * finds no object of it, and throws away the code that was compiled for it. A server that is idle for a moment is such a
 * case; after a few of those V8 takes the class for one of many layouts, and each field of each new object is then defined
 * by a search: a task cost ten times as much from then on (Node 20 to 26).
 */
import { CancelledError, LoopClosedError } from "./errors.js"
import { futureShapes } from "./Future.js"
import { Handle, Plain } from "./Handle.js"
import type { Context } from "./Context.js"
import type { Contexts, Host, Scheduler } from "./ports.js"
import { Passes } from "./Passes.js"
import { Steps, Stopping, Task } from "./Task.js"
import { TimerHandle } from "./Timers.js"

const nothing = (): void => {}
const never = (): boolean => false

const contexts: Contexts = {
  tracks: false,
  capture: (): Context | undefined => undefined,
  call: (_context, _loop, _task, f, x) => f(x),
  callHandle: nothing
}

/** The host of a loop that does nothing. */
export const idleHost: Host = {
  contexts,
  now: () => 0.5,
  wake: nothing,
  hop: nothing,
  drain: nothing,
  yield: nothing,
  arm: nothing,
  disarm: nothing,
  abort: () => {
    throw new Error("nobody has a signal here")
  },
  inFiber: never,
  outsideFibers: nothing,
  isInside: never,
  report: nothing,
  close: nothing
}

/** A loop that does nothing. */
const scheduler: Scheduler = {
  name: "shapes",
  host: idleHost,
  isClosed: never,
  getDebug: never,
  callExceptionHandler: nothing,
  _nothing: undefined,
  _push: nothing,
  _beginTurn: never,
  _endTurn: nothing,
  _unretrieved: () => undefined,
  _watch: nothing,
  _mayAnswer: never,
  _cancel: undefined,
  _cancelled: undefined,
  _left: nothing,
  _countLate: nothing,
  _endedLate: nothing,
  _named: false,
  _unwatch: nothing
}

let kept: ReadonlyArray<object> | undefined

/** Makes them, once, and gives them back for the tests. */
export const keepShapes = (): ReadonlyArray<object> =>
  (kept ??= [
    new Handle(scheduler, nothing, undefined, undefined),
    new TimerHandle(scheduler, nothing, undefined, undefined),
    ...futureShapes(scheduler),
    new Task<unknown>(scheduler, nothing, {}),
    new Plain(nothing),
    new CancelledError(),
    new CancelledError(new LoopClosedError("shapes")),
    new Passes(idleHost, false, nothing, nothing),
    new Stopping(undefined),
    new Steps(undefined)
  ])
