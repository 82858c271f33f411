/**
 * Closing a resource: exactly once, whatever ends what. It is waited for as long as its grace says, and nobody can cancel
 * it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type DurationInput, handleCause, heldFor, isInterrupted, toMillis } from "../../effect.js"
import { Crossing } from "../../Loop/closing/Crossing.js"
import { callSite } from "../../Loop/closing/origin.js"
import { wouldHide } from "../../Loop/fiber/Outcome.js"
import { after } from "../../Loop/fiber/SlowJoin.js"
import { describeValue } from "../../Loop/kernel/describe.js"
import { isLoopClosedError, type LoopClosedError } from "../../Loop/kernel/errors.js"
import { type Future, isFuture } from "../../Loop/kernel/Future.js"
import type { Cancellable } from "../../Loop/kernel/ports.js"
import { type Coroutine, isGenerator, Task } from "../../Loop/kernel/Task.js"
import { Loop } from "../../Loop/Loop.js"
import type { Home } from "../../Loop/ports.js"
import { wasClosedAlready } from "./closedAlready.js"
import { askAndJoin } from "./join.js"
import { givenName } from "./options.js"
import { guarded } from "./runTask.js"

/** What knows how to dispose itself. */
export type Disposes = AsyncDisposable | Disposable

/** How a resource disposes itself; `undefined` for what does not. */
export const disposeOf = (resource: unknown): (() => unknown) | undefined => {
  if ((typeof resource !== "object" || resource === null) && typeof resource !== "function") return undefined
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = resource as Partial<
    AsyncDisposable & Disposable
  >
  const dispose: unknown = typeof later === "function" ? later : now
  return typeof dispose === "function" ? (): unknown => dispose.call(resource) as unknown : undefined
}

/**
 * Whether `fromAio` takes this as a resource: it disposes itself. A sync iterator does so too where the engine has
 * explicit resource management, and is none.
 */
export const isDisposable = (u: unknown): u is Disposes =>
  disposeOf(u) !== undefined && !("next" in (u as object) && Symbol.iterator in (u as object))

/** How one resource is closed: what of it is said in reports, and how long is waited for that. */
export interface ClosingOptions {
  readonly name: string
  /** In milliseconds. Default: the `closeDeadline` of the loop. */
  readonly grace: number | undefined
  /** Where it was acquired. */
  readonly origin: () => string
}

/**
 * The task that closes one resource. It is none of the tasks of the loop, so that nobody who cancels those can keep a
 * resource open: neither the closing of the loop nor the program. It runs on a closed loop, too, and is told of that only
 * where the closing has given up, and reported what was left.
 */
class CloseTask extends Task<unknown> {
  readonly #loop: Home
  #loopIsClosed: Error | undefined

  constructor(loop: Home, name: string, body: unknown, coroutine: Coroutine<unknown>) {
    super(loop, coroutine, { name: `close ${name}`, body })
    this.#loop = loop
    loop._push(this)
  }

  override _closed(error: Error): void {
    // It was given up: nothing that it goes on to await is answered any more.
    if (this._graceIsOver) return super._closed(error)
    const { _closeDeadline: deadline, _closing: closing } = this.#loop
    // It has begun, or is about to: it gets a moment, which what comes after the deadline has to share.
    if (closing.gaveUp) after(this.#loop, deadline * LAST_MOMENT, () => super._closed(error))
    // It goes on; what it waits for of the loop does not: a timer that will not fire any more.
    this.#loopIsClosed = error
    for (const future of this._awaited()) this.#unanswered(future, error)
  }

  /** What it has called when the loop was still open, and awaits only now. */
  override _wait(future: Cancellable): Error | undefined {
    const closed = this.#loopIsClosed
    if (closed !== undefined) this.#loop.host.hop(() => this.#unanswered(future, closed))
    return super._wait(future)
  }

  #unanswered(future: Cancellable, error: Error): void {
    if (isFuture(future)) future._closed(error)
  }
}

/** After the loop has given up, a close is waited for this part of `closeDeadline`. */
const LAST_MOMENT = 1 / 10

/** How the work ended whose Scope closes. */
export type ScopeExit = Exit.Exit<unknown, unknown>

/**
 * Runs `close` on the loop, closed or not, and waits for it: told of after `slowJoin`, and given up after its grace, with a
 * report; its failure then comes as `late`.
 */
export const closeResource = <A>(
  loop: Home,
  { grace = loop._closeDeadline, name, origin }: ClosingOptions,
  close: (resource: A, task: Task<unknown>) => unknown,
  resource: A,
  exit: ScopeExit
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const task = new CloseTask(
      loop,
      name,
      close,
      guarded((self) => {
        const returned = close(resource, self)
        return loop.isClosed() && isGenerator(returned) ? withoutLoop(returned) : returned
      })
    )
    const createdAt = (): string => `acquired at ${origin()}`
    const crossing = new Crossing(loop, { what: "resource", name, life: task, end: () => {}, createdAt })
    crossing.left()
    let waits = true
    return askAndJoin(
      loop,
      task,
      { mode: "join", grace },
      {
        ask: () => {},
        ended: () => afterClose(loop, name, task, waits, exit),
        who: "a Scope",
        told: "was begun",
        origin: createdAt,
        abandoned: () => {
          waits = false
          crossing.givenUp()
          // Nobody waits for it any more by whom the loop would know of it; it is still to be told of the loop's end.
          loop._watch(task)
        }
      }
    )
  })

/** A generator, driven to its end by promises alone: a closed loop makes no Futures for it to wait for. */
const withoutLoop = async (generator: Generator<unknown, unknown, unknown>): Promise<unknown> => {
  let step = generator.next()
  while (step.done !== true) {
    const waited = await Promise.resolve(step.value).then(
      (value) => ({ value }),
      (error: unknown) => ({ error })
    )
    step = "error" in waited ? generator.throw(waited.error) : generator.next(waited.value)
  }
  return step.value
}

/** What the end of a close is to the Scope that has waited for it: nothing, or a defect; and a report where none has. */
const afterClose = (
  loop: Home,
  name: string,
  task: Future<unknown>,
  waited: boolean,
  exit: ScopeExit
): Effect.Effect<void> => {
  if (task._peek() !== "error") return Effect.void
  const exception = task._error()
  if (wasClosedAlready(exception) || (isLoopClosedError(exception) && loop._closing.gaveUp))
    return Effect.void
  // It was given up and reported, and then its loop has ended.
  if (!waited && task._closedUnder) return Effect.void
  const tell = (when: string): void =>
    loop.callExceptionHandler({
      kind: "late",
      message: `closing ${name} failed ${when}`,
      exception,
      future: task
    })
  if (!waited) {
    if (!task._passedOn) tell("after it was given up")
    return Effect.void
  }
  // Of what is stopped nobody sees the Cause: `timeout` and `race` throw it away, and a signal is no failure of the program.
  // Of several that close at once each has a fiber of its own, which nobody has told anything.
  const stopped = (Exit.isFailure(exit) && isInterrupted(exit.cause)) || heldFor() === "told"
  const hides = wouldHide(exit)
  if (stopped || loop._closing.since !== undefined) tell("as its fiber was being stopped")
  else if (hides) tell("after its Scope had failed")
  return hides ? Effect.void : Effect.die(exception)
}

/** Closes a resource that arrived when nobody waited for it any more: nobody is left to be told how that went, either. */
export const closeUnowned = (loop: Home, name: string, close: Effect.Effect<void>): void => {
  Effect.runFork(
    handleCause(close, (cause) =>
      Effect.sync(() =>
        loop.callExceptionHandler({
          kind: "late",
          message: `closing ${name} failed, which arrived when nobody waited for it any more`,
          exception: Cause.squash(cause)
        })
      )
    )
  )
}

/**
 * A resource that is open already: from here on the caller's Scope disposes it, in the loop. On a closed loop the Effect
 * fails, and the Scope disposes of the resource all the same.
 */
export const scopedDisposable = <D extends Disposes>(
  resource: D,
  given: { readonly name?: string | undefined; readonly grace?: DurationInput | undefined },
  above: object
): Effect.Effect<D, LoopClosedError, Loop | Scope.Scope> => {
  const { grace } = given
  const name = givenName(given) ?? describeValue(resource)
  const options: ClosingOptions = {
    name,
    grace: grace === undefined ? undefined : toMillis("grace", grace),
    origin: callSite(above)
  }
  const dispose = disposeOf(resource) as () => unknown
  return Effect.flatMap(Loop, (loop) =>
    Effect.flatMap(
      Effect.addFinalizer((exit) => closeResource(loop, options, dispose, undefined, exit)),
      () =>
        loop.isClosed() ? Effect.fail(loop._closedError(`${name} was acquired`)) : Effect.succeed(resource)
    )
  )
}
