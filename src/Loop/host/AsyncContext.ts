/**
 * Async-local state on Node: captured when something is scheduled, visible again when it runs, as contextvars are.
 *
 * Two things travel. The program's own AsyncLocalStorages, in an AsyncResource (cheap, and no promise hooks). And who
 * is running (`Local`): in the kernel's slot while a callback or step is on the stack, in a storage of our own after an
 * `await`. On Node 20 and 22 an active storage slows every promise of the process, so ours is entered only where a
 * task starts, and disabled when the last loop that uses it has closed.
 */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"
import { enter, enterHandle, setAmbient, slot } from "../kernel/current.js"
import type { Context } from "../kernel/Context.js"
import type { Contexts, Invocable, Local } from "../kernel/ports.js"

const storage = new AsyncLocalStorage<Local | undefined>()
let users = 0
/** Whether the storage was entered since it was last disabled: until then nobody needs to look into it. */
let entered = false

const ambient = (): Local | undefined => (entered ? storage.getStore() : undefined)

/** Async-local state as it was captured, and the owner that was current then. */
class CapturedContext extends AsyncResource implements Context {
  constructor(readonly owner: unknown) {
    super("effect-aio", { requireManualDestroy: true })
  }

  run<A>(f: () => A): A {
    return this.runInAsyncScope(f)
  }
}

/** Runs inside the captured scope: marks the storage, so that code after an `await` still knows where it belongs. */
const marked = <X, A>(loop: object, task: object | undefined, owner: unknown, f: (x: X) => A, x: X): A => {
  if (task !== undefined) {
    // A step that runs in the task's own scope finds the mark of the step before.
    if (!entered || storage.getStore()?.task !== task) {
      entered = true
      storage.enterWith({ loop, task, owner })
    }
  } else if (entered) markCallback(loop, owner)
  return enter(loop, task, owner, f, x)
}

/** A callback that a task, another loop or another fiber scheduled is the loop's, and of the fiber that scheduled it. */
const markCallback = (loop: object, owner: unknown): void => {
  const outer = storage.getStore()
  if (outer !== undefined && (outer.task !== undefined || outer.loop !== loop || outer.owner !== owner)) {
    storage.enterWith({ loop, task: undefined, owner })
  }
}

/** `marked` for a handle. */
const markedHandle = (handle: Invocable, owner: unknown): void => {
  if (entered) markCallback(handle._scheduler, owner)
  enterHandle(owner, handle)
}

/**
 * Runs code of a loop without async-local state as nobody's: what woke that loop may be a task of a neighbour that has
 * it, and what is waited for after an `await` would count as that task's.
 */
export const unmarked = <A>(f: () => A): A =>
  entered && storage.getStore() !== undefined ? storage.run(undefined, f) : f()

/** The loops that want context do not hold the storage themselves: it lives while one of them is open. */
const acquire = (): void => {
  if (users++ === 0) setAmbient(ambient)
}

const release = (): void => {
  if (--users > 0) return
  setAmbient(undefined)
  if (entered) {
    entered = false
    storage.disable()
  }
}

/** `asyncContext: true`: everything that was visible when something was scheduled is visible when it runs. */
export class AsyncContexts implements Contexts {
  readonly tracks = true
  constructor(private readonly currentOwner: () => unknown) {
    acquire()
  }

  capture(): Context {
    return new CapturedContext(this.currentOwner() ?? ownerNow())
  }

  call<X, A>(context: Context | undefined, loop: object, task: object | undefined, f: (x: X) => A, x: X): A {
    if (context instanceof CapturedContext) {
      return context.runInAsyncScope(marked<X, A>, undefined, loop, task, context.owner, f, x)
    }
    if (context === undefined) return enter(loop, task, undefined, f, x)
    return context.run(() => marked(loop, task, ownerNow(), f, x))
  }

  callHandle(context: Context | undefined, handle: Invocable): void {
    if (context instanceof CapturedContext) {
      context.runInAsyncScope(markedHandle, undefined, handle, context.owner)
    } else if (context === undefined) enterHandle(undefined, handle)
    else context.run(() => markedHandle(handle, ownerNow()))
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
    if (!entered) return enter(loop, task, ownerIn(context), f, x)
    return unmarked(() => enter(loop, task, ownerIn(context), f, x))
  }

  callHandle(context: Context | undefined, handle: Invocable): void {
    if (!entered) enterHandle(ownerIn(context), handle)
    else unmarked(() => enterHandle(ownerIn(context), handle))
  }

  release(): void {}
}

/** The owner of the code that runs now. */
const ownerNow = (): unknown => (slot.loop !== undefined ? slot.owner : ambient()?.owner)

/** Runs Effect code that aio code has started: in a scope of its own, and as nobody's task. */
export const runDetached = <A>(loop: object, f: () => A): A =>
  new AsyncResource("effect-aio", { requireManualDestroy: true }).runInAsyncScope(() => {
    if (entered && storage.getStore() !== undefined)
      storage.enterWith({ loop, task: undefined, owner: undefined })
    return enter(undefined, undefined, undefined, f, undefined)
  })

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
export const copyContext = (): Context => new CapturedContext(ownerNow())
