/** The Future that a task awaits as long as something outside of its coroutine goes on. */
import { Future } from "../../Loop/kernel/Future.js"
import type { Home } from "../../Loop/ports.js"

/** The work that goes on outside of the task's coroutine, and settles the {@link Life} when it is over. */
export interface Living {
  /** @internal The task is cancelled. What else it awaits is cancelled by the task itself. */
  _cancelled(message: unknown): void
  /** @internal For reports: what the task waits for. */
  readonly _waitsFor: string
}

/**
 * Legal states: those of a Future; its owner settles it. A cancel tells the owner and is not used up by that, so that the
 * task still delivers it to what its code awaits next.
 */
export class Life extends Future<void> {
  constructor(
    loop: Home,
    private readonly owner: Living
  ) {
    super(loop)
  }

  override cancel(message?: unknown): boolean {
    if (!this.done()) this.owner._cancelled(message)
    return false
  }

  override toString(): string {
    return this.owner._waitsFor
  }
}
