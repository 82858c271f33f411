/**
 * Async-local state on Node: captured when something is scheduled, visible again when it runs, as contextvars are.
 *
 * Two things travel. The program's own AsyncLocalStorages. And who is running (`Local`): in the kernel's slot while a
 * callback or step is on the stack, as a mark of our own in the async-local state after an `await`. How they travel is
 * Node's affair: `FrameContext.ts` where it has frames, `ResourceContext.ts` elsewhere.
 */
import { restoresAsyncContext } from "../../effect.js"
import { enter, enterHandle, setAmbient, slot } from "../kernel/current.js"
import { framesWay } from "./FrameContext.js"
import { hasFrames } from "./Mark.js"
import { resourcesWay } from "./ResourceContext.js"
import type { Way } from "./Captured.js"
import type { Context } from "../kernel/Context.js"
import type { Contexts, Invocable } from "../kernel/ports.js"

const way: Way = hasFrames ? framesWay : resourcesWay

let users = 0

/**
 * Runs code of a loop without async-local state as nobody's: what woke that loop may be a task of a neighbour that has
 * it, and what is waited for after an `await` would count as that task's.
 */
export const unmarked = <A>(f: () => A): A => way.unmarked(f)

/** The loops that want context do not hold the storage themselves: it lives while one of them is open. */
const acquire = (): void => {
  if (users++ === 0) setAmbient(way.mark)
}

const release = (): void => {
  if (--users > 0) return
  setAmbient(undefined)
  way.release()
}

/** `asyncContext: true`: everything that was visible when something was scheduled is visible when it runs. */
export class AsyncContexts implements Contexts {
  readonly tracks = true
  constructor(private readonly currentOwner: () => unknown) {
    acquire()
  }

  capture(): Context {
    return way.capture(this.currentOwner() ?? ownerNow())
  }

  call<X, A>(context: Context | undefined, loop: object, task: object | undefined, f: (x: X) => A, x: X): A {
    if (way.isCaptured(context)) return context.call(loop, task, f, x)
    if (context === undefined) return enter(loop, task, undefined, f, x)
    return context.run(() => way.callHere(loop, task, ownerNow(), f, x))
  }

  callHandle(context: Context | undefined, handle: Invocable): void {
    if (way.isCaptured(context)) context.callHandle(handle)
    else if (context === undefined) enterHandle(undefined, handle)
    else context.run(() => way.callHandleHere(handle, ownerNow()))
  }

  /** The loop is closed, and wants no context any more. */
  release(): void {
    release()
  }
}

/** The owner that was current, without any async-local state, and only as long as no `await` comes in between. */
class OwnerOnly implements Context {
  constructor(readonly owner: unknown) {}
  run<A>(f: () => A): A {
    return f()
  }
}

const ownerIn = (context: Context | undefined): unknown =>
  context instanceof OwnerOnly ? context.owner : undefined

/** `asyncContext: false`: what can be known without an AsyncLocalStorage. */
export class PlainContexts implements Contexts {
  readonly tracks = false
  constructor(private readonly currentOwner: () => unknown) {}

  capture(): Context | undefined {
    const owner = this.currentOwner() ?? slot.owner
    return owner === undefined ? undefined : new OwnerOnly(owner)
  }

  call<X, A>(context: Context | undefined, loop: object, task: object | undefined, f: (x: X) => A, x: X): A {
    if (!way.isMarked()) return enter(loop, task, ownerIn(context), f, x)
    return way.unmarked(() => enter(loop, task, ownerIn(context), f, x))
  }

  callHandle(context: Context | undefined, handle: Invocable): void {
    if (!way.isMarked()) enterHandle(ownerIn(context), handle)
    else way.unmarked(() => enterHandle(ownerIn(context), handle))
  }

  release(): void {}
}

/** The owner of the code that runs now. */
const ownerNow = (): unknown => {
  if (slot.loop !== undefined) return slot.owner
  return users === 0 ? undefined : way.mark()?.owner
}

/** Runs Effect code that aio code has started: in a scope of its own, and as nobody's task. */
export const runDetached = <A>(loop: object, f: () => A): A => way.detached(loop, f)

/**
 * The async-local state of the caller, to be handed to `createTask` or `addDoneCallback`, or run in at will.
 *
 * @example
 * import { AsyncLocalStorage } from "node:async_hooks"
 *
 * const user = new AsyncLocalStorage<string>()
 * const context = user.run("ann", () => copyContext())
 * console.log(context.run(() => user.getStore())) // => ann
 *
 * @category context
 * @since 0.1.0
 */
export const copyContext = (): Context => way.capture(ownerNow())

/**
 * The async-local state in which the fiber that begins to wait is to be resumed. A fiber of Effect 4 sees to that itself; one of Effect 3 takes on whatever state it is resumed under.
 */
export const contextOfWait = (contexts: Contexts): Context | undefined =>
  contexts.tracks && !restoresAsyncContext ? copyContext() : undefined

/** Resumes a fiber in what `contextOfWait` gave when it began to wait. */
export const resumeIn = (context: Context | undefined, resume: () => void): void =>
  context === undefined ? unmarked(resume) : context.run(resume)
