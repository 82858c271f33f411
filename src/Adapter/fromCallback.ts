/** Functions that take an error-first callback, as functions returning an Effect. */
import * as Effect from "effect/Effect"
import { callableEffect } from "../effect.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { describeValue, ownName, workName } from "../Loop/kernel/describe.js"
import type { AioError } from "../Loop/errors.js"
import { Future } from "../Loop/kernel/Future.js"
import { aioError } from "../Loop/fiber/Outcome.js"
import { getRunningLoop } from "./current.js"
import type { FromAio } from "./fromAio.js"
import { mapping } from "./task/mistakes.js"
import { rememberGiver } from "../Loop/kernel/sites.js"
import {
  type AioOptions,
  checkOptions,
  checkFunctionOptions,
  onInterruptOf,
  refuseProgram,
  givenName
} from "./task/options.js"
import type { AioFunction, Runner } from "./task/Runner.js"
import { guarded, refuseEffect, runTask } from "./task/runTask.js"

/** A function of any parameters, the last of which is its callback. */
type CallbackFunction = (...args: never) => unknown

/** The parameters without the callback, and what that is given beside the error. */
type Split<P extends ReadonlyArray<unknown>> =
  Required<P> extends readonly [...infer Args, infer Callback]
    ? Callback extends (error: never, ...values: infer Values) => unknown
      ? { readonly args: Args; readonly values: Values }
      : never
    : never

/** The first of the callback's values, or nothing where it has none. */
type First<Values> = Values extends readonly []
  ? void
  : Values extends readonly [infer A, ...ReadonlyArray<unknown>]
    ? A
    : Values extends readonly [(infer A)?, ...ReadonlyArray<unknown>]
      ? A | undefined
      : Values extends ReadonlyArray<infer A>
        ? A | undefined
        : never

/** One signature, wrapped; those without a callback are left out. */
type WrappedSignature<F, P extends ReadonlyArray<unknown>, Values extends "first" | "all", E> = [
  Split<P>
] extends [never]
  ? unknown
  : Split<P> extends { readonly args: infer Args extends Array<unknown>; readonly values: infer V }
    ? FromAio<ThisParameterType<F>, Args, Values extends "all" ? V : First<V>, E>
    : unknown

/**
 * A wrapped callback function: the same parameters without the callback. Of an overloaded function, the last four
 * signatures.
 *
 * @category models
 * @since 0.1.0
 */
export type FromCallback<F, Values extends "first" | "all", E> = F extends {
  (...args: infer A): unknown
  (...args: infer B): unknown
  (...args: infer C): unknown
  (...args: infer D): unknown
}
  ? WrappedSignature<F, A, Values, E> &
      WrappedSignature<F, B, Values, E> &
      WrappedSignature<F, C, Values, E> &
      WrappedSignature<F, D, Values, E>
  : F extends { (...args: infer A): unknown; (...args: infer B): unknown; (...args: infer C): unknown }
    ? WrappedSignature<F, A, Values, E> &
        WrappedSignature<F, B, Values, E> &
        WrappedSignature<F, C, Values, E>
    : F extends { (...args: infer A): unknown; (...args: infer B): unknown }
      ? WrappedSignature<F, A, Values, E> & WrappedSignature<F, B, Values, E>
      : F extends (...args: infer A) => unknown
        ? WrappedSignature<F, A, Values, E>
        : never

/** The parameters of the wrapped function: for an overloaded one, those of its last signature. */
type ArgsOf<F> = F extends (...args: infer P) => unknown
  ? Split<P> extends { readonly args: infer Args extends Array<unknown> }
    ? Args
    : Array<unknown>
  : never

/**
 * How a callback function is stopped, what its errors mean, and which values count.
 *
 * @category models
 * @since 0.1.0
 */
export interface FromCallbackOptions<
  F extends CallbackFunction,
  Values extends "first" | "all" = "first",
  E = AioError
> extends Omit<AioOptions, "cancel"> {
  /** `"first"` (the default) gives the callback's first value, `"all"` a tuple of them. */
  readonly values?: Values | undefined
  /**
   * Called once when the work is cancelled, with what the function returned: a request, a child process, a timer. A promise
   * that it returns is waited for, too. Otherwise as that of {@link AioOptions}.
   */
  readonly cancel?: ((returned: ReturnType<F>, ...args: ArgsOf<F>) => unknown) | undefined
  /** Maps the error. Cancellation does not come here. */
  readonly catch?: ((error: unknown) => E) | undefined
}

/** {@link FromCallbackOptions} of a function of which nothing is known. */
interface AnyCallbackOptions extends Omit<AioOptions, "cancel"> {
  readonly values?: "first" | "all" | undefined
  readonly cancel?: ((returned: unknown, ...args: Array<unknown>) => unknown) | undefined
  readonly catch?: ((error: unknown) => unknown) | undefined
}

/**
 * Turns a function with an error-first callback into one returning an Effect.
 *
 * **Flavor** Effect. Starts: inside the loop, as a task, here and now where nothing is queued on the loop, else in its
 * next pass. Cancel: interruption calls `cancel`, aborts `currentSignal()`, and waits until the callback has been called. Loop closed: fails with LoopClosedError.
 *
 * **Gotchas**
 * - The first call of the callback counts: a later error is reported as `late`, a later value is counted.
 * - A function that never calls back keeps an interrupted fiber waiting; `grace` puts an end to that.
 * - After a cancel, an error other than an abort is a failure of the cleanup, unless `cancelled` says that it is not.
 * - Of an overloaded function the types know the last four signatures; another is chosen by a function that has only that.
 *
 * @example
 * import * as childProcess from "node:child_process"
 * import * as fs from "node:fs"
 *
 * const access = fromCallback(fs.access)
 * const run = fromCallback(childProcess.execFile, { cancel: (child) => child.kill(), cancelled: () => true })
 * const program = Effect.andThen(access(process.execPath), run(process.execPath, ["--version"], {}))
 * const version = await Effect.runPromise(Loop.scoped(program))
 *
 * @category adapters
 * @since 0.1.0
 */
export const fromCallback = <
  F extends CallbackFunction,
  const Values extends "first" | "all" = "first",
  E = AioError
>(
  fn: F,
  options: FromCallbackOptions<F, Values, E> = {}
): FromCallback<F, Values, E> => {
  if (typeof fn !== "function") {
    throw new TypeError(
      `fromCallback takes a function whose last parameter is a callback, not ${describeValue(fn)}`
    )
  }
  // Nothing more is known of F here; what FromCallback says of it was read from its type.
  return wrapCallback(fn as unknown as AioFunction, options as AnyCallbackOptions) as FromCallback<
    F,
    Values,
    E
  >
}

const checkedCallbackOptions = (options: AnyCallbackOptions): AnyCallbackOptions => {
  checkOptions("fromCallback", options)
  const { values = "first" } = options
  if (values !== "first" && values !== "all") {
    throw new RangeError(`fromCallback's values is "first" or "all", not ${describeValue(values)}`)
  }
  const { cancel, cancelled, catch: mapError } = options
  checkFunctionOptions("fromCallback", { cancel, cancelled, catch: mapError })
  return options
}

const wrapCallback = (fn: AioFunction, given: AnyCallbackOptions): unknown => {
  const options = checkedCallbackOptions(given)
  rememberGiver(fn, fromCallback)
  const name = givenName(options) ?? ownName(fn)
  const shown = name ?? workName(fn)
  const runner: Omit<Runner<unknown>, "stops"> = {
    name,
    body: fn,
    mapError: mapping(options.catch ?? aioError(() => shown)),
    onInterrupt: onInterruptOf(options)
  }
  return callableEffect(function (this: unknown, ...args: Array<unknown>) {
    return Effect.suspend(() => {
      const call = new Call(shown, options, args)
      const cancel = options.cancel === undefined ? undefined : () => call.stop()
      return runTask(
        guarded(() => call.begin(fn, this)),
        { ...runner, stops: { cancel, cancelled: options.cancelled, slowTask: options.slowTask } }
      )
    })
  })
}

/** One call of the function. Its Future is pending until that calls back, also after a cancel: so the task joins it. */
class Call {
  #future: Future<unknown> | undefined
  #returned: unknown

  constructor(
    private readonly name: string,
    private readonly options: AnyCallbackOptions,
    private readonly args: ReadonlyArray<unknown>
  ) {}

  /** Calls the function, in its task. */
  begin(fn: AioFunction, self: unknown): Future<unknown> {
    const loop = getRunningLoop("fromCallback")
    const future = new Future<unknown>(loop, () => true)
    this.#future = future
    const fail = (error: unknown, how: string): void => {
      if (!future.done()) return future._settleError(error)
      loop.callExceptionHandler({
        kind: "late",
        message: `${this.name} ${how} after it had called its callback`,
        exception: error,
        future
      })
    }
    const done = (error?: unknown, ...results: Array<unknown>): void => {
      // As in Node: whatever is not truthy is no error.
      if (error) fail(error, "called it again with an error")
      else if (future.done()) loop._countLate()
      else future._settleValue(this.options.values === "all" ? results : results[0])
    }
    try {
      this.#returned = refuseEffect(fn.apply(self, [...this.args, done]))
    } catch (error) {
      fail(error, "threw")
    }
    // An async function may take a callback, too.
    if (isThenable(this.#returned)) {
      Promise.resolve(this.#returned).then(undefined, (error) => fail(error, "rejected"))
    }
    return future
  }

  /** The `cancel` of its task: what has called back needs none. */
  stop(): void | PromiseLike<unknown> {
    if (this.#future?.done() !== false) return undefined
    const returned = refuseProgram(this.options.cancel?.(this.#returned, ...this.args))
    return isThenable(returned) ? returned : undefined
  }
}
