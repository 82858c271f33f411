/** Tests on a loop of their own, for runners that run Effects. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Loop } from "../Loop/Loop.js"
import { layer, type TestLoopOptions } from "./layer.js"
import { textOfHang } from "./left.js"

/**
 * What a runner gives each test. Its signal aborts when the test's time is over.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioTestContext {
  readonly signal: AbortSignal
}

/**
 * What declares a test that is an Effect, as `it` of `@effect/vitest` on either line.
 *
 * @category models
 * @since 0.1.0
 */
export interface EffectRunner {
  readonly effect: <A, E>(
    name: string,
    test: (context: AioTestContext) => Effect.Effect<A, E>,
    timeout?: number
  ) => void
}

/**
 * How one test is run.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioTestOptions extends TestLoopOptions {
  /** Milliseconds until the runner gives the test up. Default: the runner's. */
  readonly timeout?: number | undefined
}

/**
 * Declares tests that have a loop, a Scope, and the clock that the runner's `effect` gives them.
 *
 * @category models
 * @since 0.1.0
 */
export type AioTester = <A, E>(
  name: string,
  test: (context: AioTestContext) => Effect.Effect<A, E, Loop | Scope.Scope>,
  options?: AioTestOptions
) => void

/** Prints what is on the loop when the test's time is over. */
const tellingAt = (
  name: string,
  { signal }: AioTestContext
): Effect.Effect<void, never, Loop | Scope.Scope> =>
  Effect.flatMap(Loop, (loop) => {
    const tell = (): void => {
      console.error(`"${name}" has not ended in its time; ${textOfHang(loop)}`)
    }
    return Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => signal.addEventListener("abort", tell, { once: true })),
        () => Effect.sync(() => signal.removeEventListener("abort", tell))
      )
    )
  })

/**
 * Tests under `TestLoop.layer`, each in a Scope of its own. One that has not ended in its time prints what is on its loop.
 *
 * @example
 * import { TestLoop } from "effect-aio/testing"
 *
 * // `it` of `@effect/vitest`, or whatever declares a test.
 * const runs: Array<Promise<void>> = []
 * const it: TestLoop.EffectRunner = {
 *   effect: (name, test) => {
 *     const { signal } = new AbortController()
 *     const passed = () => console.log(`passed: ${name}`) // => passed: greets
 *     runs.push(Effect.runPromise(test({ signal })).then(passed))
 *   }
 * }
 * const aioTest = TestLoop.aio(it)
 * aioTest("greets", () => fromAio(async () => "hello")())
 * await Promise.all(runs)
 *
 * @category testing
 * @since 0.1.0
 */
export const aio =
  (runner: EffectRunner): AioTester =>
  (name, test, { timeout, ...options } = {}) => {
    const provided = layer(options)
    runner.effect(
      name,
      (context) =>
        Effect.provide(
          Effect.scoped(Effect.flatMap(tellingAt(name, context), () => Effect.suspend(() => test(context)))),
          provided
        ),
      timeout
    )
  }
