/**
 * Async-local state in AsyncResources, on every Node. On Node 20 and 22 an active storage slows every promise of the
 * process, so ours is entered only where a task starts, and disabled when the last loop that uses it has closed.
 */
import { AsyncResource } from "node:async_hooks"
import { enter, enterHandle } from "../kernel/current.js"
import { storage } from "./Mark.js"
import type { Captured, Way } from "./Captured.js"
import type { Context } from "../kernel/Context.js"
import type { Invocable } from "../kernel/ports.js"

/** Whether the storage was entered since it was last disabled: until then nobody needs to look into it. */
let entered = false

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

class ResourceContext extends AsyncResource implements Captured {
  constructor(readonly owner: unknown) {
    super("effect-aio", { requireManualDestroy: true })
  }

  run<A>(f: () => A): A {
    return this.runInAsyncScope(f)
  }

  call<X, A>(loop: object, task: object | undefined, f: (x: X) => A, x: X): A {
    return this.runInAsyncScope(marked<X, A>, undefined, loop, task, this.owner, f, x)
  }

  callHandle(handle: Invocable): void {
    this.runInAsyncScope(markedHandle, undefined, handle, this.owner)
  }
}

export const resourcesWay: Way = {
  capture: (owner) => new ResourceContext(owner),
  isCaptured: (context: Context | undefined): context is Captured => context instanceof ResourceContext,
  mark: () => (entered ? storage.getStore() : undefined),
  callHere: marked,
  callHandleHere: markedHandle,
  isMarked: () => entered && storage.getStore() !== undefined,
  unmarked: (f) => (entered && storage.getStore() !== undefined ? storage.run(undefined, f) : f()),
  detached: (loop, f) =>
    new AsyncResource("effect-aio", { requireManualDestroy: true }).runInAsyncScope(() => {
      if (entered && storage.getStore() !== undefined) {
        storage.enterWith({ loop, task: undefined, owner: undefined })
      }
      return enter(undefined, undefined, undefined, f, undefined)
    }),
  release: () => {
    if (!entered) return
    entered = false
    storage.disable()
  }
}
