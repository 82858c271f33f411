/**
 * One program of both flavors: a generator that waits for Effects and for aio work alike.
 *
 * The program is a task of the loop, so its plain code is aio code. The Effects it yields run in fibers of their own,
 * which start with the fiber-local state that the last one left, and whose children are the caller's.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  type FiberState,
  fiberState,
  inheritState,
  withGraft,
  type YieldedEffect,
  yieldedEffect
} from "../effect.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { enter } from "../Loop/kernel/current.js"
import { describeValue, ownName, workName } from "../Loop/kernel/describe.js"
import type { AioError } from "../Loop/errors.js"
import { type Future, isFuture } from "../Loop/kernel/Future.js"
import {
  type Coroutine,
  type CoroutineValue,
  isGenerator,
  type Task,
  type TaskOptions
} from "../Loop/kernel/Task.js"
import { Loop } from "../Loop/Loop.js"
import { aioError, fromFuture, thrownFor } from "../Loop/fiber/Outcome.js"
import { originOf } from "../Loop/fiber/Fibers.js"
import { awaitFuture } from "../Loop/fiber/Wait.js"
import { watchHeld } from "./task/held.js"
import { cancelAndJoin } from "./task/join.js"
import { mapping } from "./task/mistakes.js"
import { rememberGiver } from "../Loop/kernel/sites.js"
import {
  type AioInterrupted,
  checkOptions,
  givenName,
  type AioOptions,
  joinAlways,
  type StopOptions,
  stopsOf
} from "./task/options.js"
import { reportNameOf } from "./task/Runner.js"
import { guarded, refuseEffect } from "./task/runTask.js"
import type { Home, Origin } from "../Loop/ports.js"

/**
 * What `$` gives: aio work that begins when it is `yield*`ed, and whose value that is.
 *
 * @category models
 * @since 0.1.0
 */
export class AioStep<out A> {
  /** @internal The promise, Future or coroutine. */ readonly _work: unknown
  /** @internal Made by `$`. */
  constructor(work: unknown) {
    this._work = work
  }
  *[Symbol.iterator](): Generator<AioStep<A>, A, unknown> {
    return (yield this) as A
  }
}

/**
 * The `$` of {@link allowAio}: takes a promise, a Future, or a coroutine to be started.
 *
 * @category models
 * @since 0.1.0
 */
export interface AllowAio {
  <A>(awaitable: PromiseLike<A>): AioStep<A>
  <R>(coroutine: Coroutine<R>): AioStep<CoroutineValue<R>>
}

/**
 * What a program is called in reports, and how it is stopped where its signal does not reach.
 *
 * @category models
 * @since 0.1.0
 */
export interface AllowAioOptions extends Pick<AioOptions, "name">, StopOptions {}

/** The failures of the Effects among what a generator yields. */
type FailureOf<Y> = Y extends YieldedEffect<infer E, infer _R> ? E : never
/** The services that the Effects among what a generator yields need. */
type NeedOf<Y> = Y extends YieldedEffect<infer _E, infer R> ? R : never

const $: AllowAio = (work: unknown) => {
  if (typeof work !== "function" && !isThenable(work)) {
    throw new TypeError(
      `$ takes a promise, a Future or a function, not ${describeValue(work)}` +
        (yieldedEffect(work) === undefined ? "" : ", which is an Effect: yield* it without $")
    )
  }
  if (yieldedEffect(work) !== undefined) {
    throw new TypeError(
      `$ takes aio work, not ${describeValue(work)}, which is an Effect: yield* it without $`
    )
  }
  return new AioStep<never>(work)
}

/** One run of a program. */
class Program {
  /** What the Effects so far have made of the caller's fiber-local state. */
  state: FiberState
  /** The Cause behind the error that has left the body, where an Effect of it failed with that. */
  escaped: Cause.Cause<unknown> | undefined
  private readonly origin: Origin
  readonly #causes = new WeakMap<object, Cause.Cause<unknown>>()
  /** The last error of an Effect that is no object, which `#causes` cannot hold. */
  #last: { readonly error: unknown; readonly cause: Cause.Cause<unknown> } | undefined

  constructor(
    private readonly loop: Home,
    private readonly name: string,
    private readonly body: ($: AllowAio) => unknown,
    context: Context.Context<never>,
    private readonly graft: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>,
    private readonly initial: FiberState
  ) {
    this.state = initial
    this.origin = originOf(loop, () => context)
  }

  /** Hands to the caller what the Effects have changed in the fiber-local state. */
  get inherited(): Effect.Effect<void> {
    return this.state === this.initial ? Effect.void : inheritState(this.state)
  }

  /** The task's coroutine. Each step of the body is code of the loop, and of the fiber as the Effects have left it. */
  *run(task: Task<unknown>): Generator<unknown, unknown, unknown> {
    const inBody = <A>(f: () => A): A => enter(this.loop, task, this.state, f, undefined)
    try {
      const steps = inBody(() => this.body($))
      if (!isGenerator(steps)) return isThenable(refuseEffect(steps)) ? yield* this.#aio(task, steps) : steps
      let step = inBody(() => steps.next())
      while (step.done !== true) {
        const { value } = step
        let next: () => IteratorResult<unknown, unknown>
        try {
          const outcome = yield* this.#wait(task, value)
          next = () => steps.next(outcome)
        } catch (error) {
          next = () => steps.throw(error)
        }
        step = inBody(next)
      }
      return step.value
    } catch (error) {
      this.escaped = this.#causeOf(error)
      throw error
    }
  }

  /** Waits for one thing that the body has yielded. */
  *#wait(task: Task<unknown>, yielded: unknown): Generator<unknown, unknown, unknown> {
    const asked = task.cancelling()
    const effect = yieldedEffect(yielded)
    const outcome =
      effect !== undefined
        ? yield* this.#effect(task, effect)
        : yielded === undefined
          ? yield
          : yield* this.#aio(task, yielded instanceof AioStep ? yielded._work : yielded)
    if (task.cancelling() <= asked) return outcome
    // What was waited for did not heed the cancel. The body still has to know of it.
    if (outcome !== undefined) this.loop._countLate()
    throw task.signal.reason
  }

  /** Runs an Effect in a fiber of its own, with the state that the last one left. */
  *#effect(
    task: Task<unknown>,
    effect: Effect.Effect<unknown, unknown, unknown>
  ): Generator<unknown, unknown, unknown> {
    // What the Effect needs is in the Context that was captured from the caller.
    const grafted = this.graft(effect as Effect.Effect<unknown, unknown>)
    const whole = Effect.flatMap(Effect.exit(grafted), (exit) =>
      Effect.map(fiberState, (state) => {
        this.state = state
        return exit
      })
    )
    const future = enter(
      this.loop,
      task,
      this.state,
      () => this.loop._effectAsFuture("allowAio", whole, { name: this.name }, this.origin),
      undefined
    )
    const exit = (yield future) as Exit.Exit<unknown, unknown>
    if (Exit.isSuccess(exit)) return exit.value
    throw this.#remember(exit.cause)
  }

  /** Waits for aio work, which begins here unless it is a Future. */
  *#aio(task: Task<unknown>, work: unknown): Generator<unknown, unknown, unknown> {
    if (isFuture(work)) return yield work
    return yield this.#start(task, work)
  }

  /** Starts a task for aio work: a task of its own joins a promise that no cancel can reach, and has a signal for a coroutine that heeds it. */
  #start(task: Task<unknown>, work: unknown): Future<unknown> {
    const create = (coroutine: Coroutine<unknown>, options: TaskOptions): Task<unknown> =>
      enter(
        this.loop,
        task,
        this.state,
        () => this.loop.createTask(coroutine, { body: work, ...options }),
        undefined
      )
    if (typeof work === "function") {
      return create(guarded(work as Coroutine<unknown>), { name: ownName(work) })
    }
    // A promise was begun by the body, with the signal of the program, if with any.
    if (isThenable(work)) {
      return create(() => work, { name: "promise", cancelled: (error) => task._isEcho(error) })
    }
    throw new TypeError(
      `${this.name} yielded ${describeValue(work)}: in allowAio, yield* Effects and $(...), or yield a promise or Future`
    )
  }

  /** The error that the body sees for the Cause of an Effect. */
  #remember(cause: Cause.Cause<unknown>): unknown {
    const error = thrownFor(cause)
    if ((typeof error === "object" && error !== null) || typeof error === "function") {
      this.#causes.set(error, cause)
    } else this.#last = { error, cause }
    return error
  }

  /** The Cause behind an error that `#remember` gave to the body. */
  #causeOf(error: unknown): Cause.Cause<unknown> | undefined {
    const found = this.#causes.get(error as object)
    if (found !== undefined) return found
    return this.#last !== undefined && Object.is(this.#last.error, error) ? this.#last.cause : undefined
  }
}

/**
 * Runs a generator in which both flavors can be called: `yield*` takes an Effect, a Future, or `$(...)` of a promise or
 * coroutine, and gives its value. The code in between is aio code: it has a running loop and a current task.
 *
 * Errors of both sides are thrown into the generator as they are, for `try`, `catch` and `finally`: the failure of an
 * Effect, and what aio code threw. One that is not caught is the failure of the whole: as the Effect failed, or as
 * AioError.
 *
 * **Flavor** Effect. Starts: in the loop's next pass. Cancel: interruption reaches what the program waits for, an
 * Effect or aio work, and joins it; then CancelledError is thrown into the generator, whose cleanup may use both sides,
 * and is joined too. Loop closed: fails with LoopClosedError.
 *
 * **Gotchas**
 * - A tool for the one function that needs both; `fromAio` and `toAio` keep the flavors apart.
 * - Defects can be caught, too.
 * - A `catch` for everything sees the cancel: rethrow what is a CancelledError, or the program goes on.
 * - Each Effect runs in a fiber of its own, with the Context, FiberRefs and child fibers of the caller.
 * - A promise that was made and not yielded belongs to nobody.
 *
 * @example
 * const findUser = (id: number) => Effect.succeed({ url: `data:,user ${id}` })
 * const program = allowAio(function* ($) {
 *   const user = yield* findUser(7)
 *   try {
 *     return yield* $(async ({ signal }) => (await fetch(user.url, { signal })).text())
 *   } finally {
 *     yield* Effect.log("fetched")
 *   }
 * })
 * const text = await Effect.runPromise(Loop.scoped(program))
 *
 * @category adapters
 * @since 0.1.0
 */
export function allowAio<Y, A>(
  body: ($: AllowAio) => Generator<Y, A, unknown>,
  options?: AllowAioOptions
): Effect.Effect<A, FailureOf<Y> | AioError | AioInterrupted, NeedOf<Y> | Loop>
export function allowAio<A>(
  body: ($: AllowAio) => PromiseLike<A>,
  options?: AllowAioOptions
): Effect.Effect<A, AioError | AioInterrupted, Loop>
export function allowAio(
  body: ($: AllowAio) => unknown,
  options: AllowAioOptions = {}
): Effect.Effect<unknown, unknown, Loop> {
  if (typeof body !== "function") {
    throw new TypeError(
      `allowAio takes a generator function, not ${describeValue(body)}` +
        (isGenerator(body) ? ": give it the function, which is called for every run" : "")
    )
  }
  checkOptions("allowAio", options)
  rememberGiver(body, allowAio)
  const name = givenName(options) ?? ownName(body)
  const shown = name ?? workName(body)
  const mapError = mapping(aioError(() => shown))
  const stops = stopsOf("allowAio", options)
  return Effect.flatMap(Loop, (loop) =>
    withGraft((graft) =>
      Effect.flatMap(Effect.context<never>(), (context) =>
        Effect.flatMap(fiberState, (state) =>
          Effect.suspend(() => {
            const program = new Program(loop, shown, body, context, graft, state)
            return awaitFuture(
              loop,
              () => loop.createTask((task) => program.run(task), { name, body, ...stops }) as Future<unknown>,
              (task) =>
                Effect.flatMap(program.inherited, () =>
                  program.escaped === undefined
                    ? fromFuture(task, mapError)
                    : Effect.failCause(program.escaped)
                ),
              cancelAndJoin.bind(undefined, loop, reportNameOf, joinAlways),
              watchHeld.bind(undefined, loop, reportNameOf, joinAlways)
            )
          })
        )
      )
    )
  )
}
