/**
 * What holds the thread, and whose code that is. Node tells of the beginning and the end of everything that it calls, a callback
 * of a timer or of I/O as the continuation of a promise: at the end, the async-local state says which task it was. Within the
 * turns of a loop its passes tell, callback by callback.
 *
 * Of what has run inside something else the time is counted once, for the innermost that was long enough to be named.
 */
import { createHook, executionAsyncResource } from "node:async_hooks"
import { performance } from "node:perf_hooks"
import { lookAt } from "../../../effect.js"
import { unmarked } from "../../host/AsyncContext.js"
import { originOf } from "../../closing/origin.js"
import { seconds } from "../../kernel/BaseEventLoop.js"
import { local } from "../../kernel/current.js"
import { oneLine, textOf } from "../../kernel/describe.js"
import { isFuture } from "../../kernel/Future.js"
import { Handle } from "../../kernel/Handle.js"
import { Task } from "../../kernel/Task.js"
import type { Runnable, Stopwatch } from "../../kernel/ports.js"
import type { Home } from "../../ports.js"

/** The loops of this thread that want to know. One that is forgotten without a close is not kept by that. */
const wanted = new Set<Turns>()
let least = Infinity

/** Up to when the time is somebody's already. */
let told = 0

/** A callback or step of a pass is on the stack: its loop is told by the pass how long it takes. */
let inPass = false

/** What Node has called and has not come back from, outermost first, and since when. */
const called: Array<number> = []
const since: Array<number> = []

/** What passes have run within the outermost of them. */
const passed: {
  by: Turns | undefined
  count: number
  sum: number
  longest: number
  which: Runnable | undefined
} = { by: undefined, count: 0, sum: 0, longest: 0, which: undefined }

const forgetPassed = (): void => {
  inPass = false
  passed.by = passed.which = undefined
  passed.count = passed.sum = passed.longest = 0
}

/** How much of the time since `start` nobody was named for. */
const left = (start: number, now: number): number => now - Math.max(start, told)

const before = (id: number): void => {
  if (called.length === 0 && (passed.count > 0 || inPass)) forgetPassed()
  called.push(id)
  since.push(performance.now())
}

const after = (id: number): void => {
  // An exception that was caught for the process has left some of them without an end.
  while (called.length > 0 && called.at(-1) !== id) {
    called.pop()
    since.pop()
  }
  called.pop()
  const start = since.pop()
  if (start === undefined || inPass) return
  const now = performance.now()
  if (now - start >= least) tellOutside(start, now)
}

const hook = createHook({ before, after })

/** What Node has called: `Timeout`, `Immediate`, `PROMISE`. */
const kindOf = (resource: object): string => {
  const name = Object.getPrototypeOf(resource) === null ? "" : resource.constructor.name
  return name === "" || name === "Object" ? "a callback of Node's" : name
}

const nameOf = (runnable: Runnable): string => {
  if (runnable instanceof Task) return nameOfTask(runnable)
  if (runnable instanceof Handle || isFuture(runnable)) return textOf(runnable)
  const { _fiber: fiber } = runnable
  const view = fiber === undefined ? undefined : lookAt(fiber)
  if (view === undefined) return "a wait of Effect code"
  return `fiber ${view.id}${view.span === undefined ? "" : `, in span ${oneLine(view.span)},`}`
}

const nameOfTask = (task: Task<unknown>): string => `${textOf(task)}, created at ${originOf(task)},`

/** Whose code it was, in words, where it was no callback of a pass that was long enough by itself. */
const whoRan = (task: Task<unknown> | undefined, isLoop: boolean, name: string, took: number): string => {
  const { by, count, longest, sum, which } = passed
  if (by !== undefined && which !== undefined && sum >= took / 2) {
    return `${count} callbacks and steps of ${by.name} one after another, the longest (${seconds(longest)}) ${nameOf(which)}`
  }
  if (task !== undefined) return `code of ${nameOfTask(task)}`
  const resource = kindOf(executionAsyncResource())
  return isLoop
    ? `code that a callback of ${name} has begun (${resource})`
    : `code outside the loop (${resource})`
}

/** It was no callback of a pass. Said when the hook is over: who is told may do anything. */
const tellOutside = (start: number, now: number): void => {
  const took = left(start, now)
  if (took < least) return
  told = now
  const here = local()
  const all = [...wanted]
  const turns = all.find((one) => one.is(here?.loop)) ?? all[0]
  const loop = turns?.loop
  if (turns === undefined || loop === undefined || took < turns.from) return
  const task = here?.task instanceof Task ? here.task : undefined
  const message = `Executing ${whoRan(task, turns.is(here?.loop), loop.name, took)} took ${seconds(took)}`
  unmarked(() => process.nextTick(() => tell(loop, message, task)))
}

const tell = (loop: Home, message: string, task: Task<unknown> | undefined): void =>
  loop.callExceptionHandler({
    kind: "slowCallback",
    message,
    ...(task === undefined ? {} : { task }),
    ...(task?.sourceTraceback === undefined ? {} : { sourceTraceback: task.sourceTraceback })
  })

/** One loop, and what its passes tell of. */
class Turns implements Stopwatch {
  readonly name: string
  readonly #loop: WeakRef<Home>

  constructor(
    loop: Home,
    /** Milliseconds. */
    readonly from: number
  ) {
    this.name = loop.name
    this.#loop = new WeakRef(loop)
  }

  get loop(): Home | undefined {
    return this.#loop.deref()
  }

  is(loop: unknown): boolean {
    return loop !== undefined && this.loop === loop
  }

  now(): number {
    inPass = true
    return performance.now()
  }

  ran(runnable: Runnable, start: number): void {
    const now = performance.now()
    inPass = false
    const took = now - start
    passed.by = this
    passed.count++
    passed.sum += took
    if (took > passed.longest) {
      passed.longest = took
      passed.which = runnable
    }
    if (took < this.from) return
    const own = left(start, now)
    if (own < this.from) return
    told = now
    const { loop } = this
    // Debug mode tells of it itself.
    if (loop?.getDebug() === false) loop._tellSlow(runnable, own, nameOf(runnable))
  }
}

const count = (): void => {
  for (const turns of wanted) if (turns.loop === undefined) wanted.delete(turns)
  least = Math.min(Infinity, ...[...wanted].map(({ from }) => from))
  if (wanted.size > 0) hook.enable()
  else {
    hook.disable()
    called.length = since.length = 0
    forgetPassed()
  }
}

/** Reports what holds the thread for `from` milliseconds or longer, until what it returns is called. */
export const watchTurns = (loop: Home, from: number): (() => void) => {
  const turns = new Turns(loop, from)
  wanted.add(turns)
  loop._watchTurns(turns)
  count()
  return () => {
    wanted.delete(turns)
    count()
  }
}
