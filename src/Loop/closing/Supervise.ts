/**
 * The crash boundary around a body that uses a loop: when the loop crashes, the body is interrupted and its finalizers
 * are awaited; the whole then fails with the crash and with what those finalizers added.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import {
  bothCauses,
  callback,
  forkChild,
  inheritAll,
  isInterruptedOnly,
  observe,
  poll,
  type RunningFiber
} from "../../effect.js"
import type { LoopCrash } from "../errors.js"
import { StoppingBody } from "./Leftovers.js"
import { shutdown } from "./Shutdown.js"
import { Waiting } from "../fiber/Wait.js"
import type { Home } from "../ports.js"

/** Where the body's own effect is over: its fiber goes on until the children that it forked have ended. */
class BodyEnd {
  #over = false
  #onOver: () => void = () => {}

  /** The body, which tells when it is over. */
  readonly of = <A, E, R>(body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.ensuring(
      body,
      Effect.sync(() => {
        this.#over = true
        this.#onOver()
      })
    )

  /** Calls `f` when the body is over, at once if it is. */
  then(f: () => void): void {
    if (this.#over) f()
    else this.#onOver = f
  }
}

/**
 * Completes when the body has ended or the loop has crashed, or when the body is over and its fiber does not end: a
 * child of it joins what does not stop.
 */
const ended = (loop: Home, fiber: RunningFiber<unknown, unknown>, end: BodyEnd): Effect.Effect<void> =>
  callback<void>((resume) => {
    const waiting = new Waiting(loop, () => resume(Effect.void))
    const off = loop._onCrash(() => waiting.run())
    observe(fiber, () => {
      off()
      waiting.run()
    })
    // A fiber without children has ended by then, most of them by the next microtask: a turn of Node's keeps the loop until it
    // comes, and loops that follow each other come before it.
    end.then(() =>
      loop.host.hop(() => {
        if (poll(fiber) === undefined) loop.host.yield(() => waiting.run())
      })
    )
    return Effect.sync(off)
  })

/** The crash beside whatever else there is to say. */
const withCrash = <A, E>(
  exit: Exit.Exit<A, E>,
  crash: LoopCrash | undefined
): Exit.Exit<A, E | LoopCrash> => {
  if (crash === undefined) return exit
  const failed = Cause.fail(crash)
  return Exit.failCause(
    Exit.isFailure(exit) && !isInterruptedOnly(exit.cause) ? bothCauses(failed, exit.cause) : failed
  )
}

/**
 * Opens a loop, runs a body with it, and closes the loop after it, in order, however the body ends. A body that is stopped
 * and waits for work on the loop waits no longer than `closeDeadline`.
 */
export const supervise = <L extends Home, A, E, R>(
  open: Effect.Effect<L>,
  bodyWith: (loop: L) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | LoopCrash, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const loop = yield* open
      const startedAt = loop.time()
      const end = new BodyEnd()
      const fiber = yield* forkChild(end.of(restore(bodyWith(loop))))
      loop._closing.supervised = fiber
      const watch = yield* Effect.exit(restore(ended(loop, fiber, end)))
      const told = Exit.isFailure(watch) || loop._crash !== undefined
      if (told || poll(fiber) === undefined) {
        // Stopping has begun. What the body's joins wait for is given up at the deadline, so that they end.
        loop._closing.stopBody(new StoppingBody(loop, fiber, startedAt), () =>
          loop.host.hop(() => loop._close(loop._crash))
        )
        yield* told ? Fiber.interrupt(fiber) : Fiber.await(fiber)
        loop._closing.bodyEnded()
      }
      const exit = yield* Fiber.await(fiber)
      loop._closing.supervised = undefined
      yield* shutdown(loop)
      // As if the body had run in this fiber, however it ended.
      yield* inheritAll(fiber)
      return yield* withCrash(exit, loop._crash)
    })
  )
