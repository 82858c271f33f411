/**
 * The closing order, as one pipeline. Later capabilities take their place between the steps that are here:
 *
 *     1 refuse new work from outside; cleanup may still schedule
 *     2 run every callback submitted so far
 *     4 cancel all tasks and all fibers started from aio at once, and wait; sweep until quiet or the deadline
 *     5 end the iterators and resources that are open across the border, in the order of their registration; then sweep
 *       again
 *     6 shut the executors down, and join their jobs
 *     7 terminate, then kill, the child processes that are left, and wait for them
 *     8 drop readers, writers, signal handlers and timers; close the file descriptors marked with `autoclose`
 *     9 run the callbacks that these steps queued
 *    10 closed
 *
 * Everything happens inside `closeDeadline`, counted from when stopping began. When it passes, what has not settled is
 * reported as leftovers and closing moves on: a leftover cannot block exit. When a quarter of it is left, steps 6 and 7
 * begin even if an earlier one has not ended: a child process may need a moment, and is not to blame. After each of the steps 5 to 7 comes step 4
 * again, for what their callbacks started.
 */
import * as Effect from "effect/Effect"
import { callback } from "../../effect.js"
import { capabilitiesOf } from "./Capability.js"
import { closeCrossings, lives } from "./Crossing.js"
import { Deadline } from "./Deadline.js"
import { LoopClosedError } from "../kernel/errors.js"
import { tellToStop } from "../kernel/Follower.js"
import type { Task } from "../kernel/Task.js"
import { Waiting } from "../fiber/Wait.js"
import type { Home } from "../ports.js"

/**
 * Closes the loop in order and waits for it. Every call waits for the same closing. A loop that was closed at once, with
 * `loop.close()`, may still have fibers that are being interrupted: those are waited for all the same.
 */
export const shutdown = (loop: Home): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (loop.isClosed() && (loop._gaveUp || loop._effects.size === 0)) return Effect.void
    loop._closing ??= begin(loop)
    return loop._closing
  })

/** Starts the pipeline. The result completes when it has ended. */
const begin = (loop: Home): Effect.Effect<void> => {
  let done = false
  const waiters: Array<Waiting> = []
  const close = (): void => {
    loop._close(loop._crash)
    done = true
    for (const waiting of waiters) waiting.run()
  }
  loop._beginStopping()
  loop._beginClosing(loop._crash)
  // The last hop is there because the loop cannot be closed from inside its own pass.
  const quiet = (): void => {
    loop._releaseCapabilities()
    loop._afterQueued(() => loop.host.hop(close))
  }
  loop._afterQueued(() => new Sweep(loop, quiet).next())
  return callback<void>((resume) => {
    if (done) resume(Effect.void)
    else waiters.push(new Waiting(loop, () => resume(Effect.void)))
  })
}

/**
 * Steps 4 to 7. One generation after the other: what a cleanup starts may finish with it, and is cancelled after it.
 * What is open across the border ends when none of those is left that may use it.
 */
class Sweep {
  #deadline: Deadline | undefined
  #ended = false
  constructor(
    private readonly loop: Home,
    private readonly onQuiet: () => void
  ) {}

  next(): void {
    if (this.#ended) return
    const crossings = [...this.loop._crossings]
    const later = lives(this.loop)
    const tasks = [...this.loop.allTasks()].filter((task) => !later.has(task))
    const effects = [...this.loop._effects].filter(({ future }) => future === undefined || !later.has(future))
    let left = tasks.length + effects.length
    const capability =
      left + crossings.length > 0 ? undefined : capabilitiesOf(this.loop).find((held) => !held.quiet())
    if (left + crossings.length === 0 && capability === undefined) return this.#end()
    this.#deadline ??= new Deadline(
      this.loop,
      `closing ${this.loop.name}`,
      () => this.#end(),
      () => this.#hurry()
    )
    const settled = (): void => {
      // The next look comes after the callbacks of what has settled: they may belong to the same cleanup.
      if (--left === 0) again()
    }
    const again = (): void => this.loop._afterQueued(() => this.next())
    if (capability !== undefined) return capability.close(again)
    if (left === 0) return closeCrossings(crossings, again)
    // Whoever waits for one of them in Effect fails with the reason, which tells of the crash.
    const { _crash: cause } = this.loop
    const reason = new LoopClosedError(
      `the event loop ${this.loop.name} is closing`,
      cause === undefined ? undefined : { cause }
    )
    for (const task of tasks) this.#cancel(task, reason, settled)
    for (const effect of effects) {
      effect.onEnd(settled)
      effect.interrupt()
    }
  }

  #cancel(task: Task<unknown>, reason: LoopClosedError, settled: () => void): void {
    const { loop } = this
    const unowned = !task._looked
    task._add({
      resumes: false,
      run: () => {
        if (unowned && task._peek() === "error" && !loop.isClosed()) {
          loop.callExceptionHandler({
            kind: "late",
            message: `unhandled exception during loop shutdown in ${task.getName()}`,
            exception: task._error(),
            task
          })
        }
        settled()
      }
    })
    tellToStop(task, reason)
  }

  /**
   * Something does not stop, and the deadline will leave it behind. Jobs and processes are not to be ended without a word
   * because of it: they are told now, while there is time for them to clean up.
   */
  #hurry(): void {
    for (const capability of capabilitiesOf(this.loop)) {
      if (!capability.quiet()) capability.close(() => {})
    }
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#deadline?.cancel()
    this.onQuiet()
  }
}
