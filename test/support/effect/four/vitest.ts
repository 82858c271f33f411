/** What the tests use of `@effect/vitest`, whose release for Effect 4 asks for another vitest. */
import * as Cause from "effect4/Cause"
import * as Context from "effect4/Context"
import * as Effect from "effect4/Effect"
import * as Exit from "effect4/Exit"
import * as Layer from "effect4/Layer"
import * as Logger from "effect4/Logger"
import * as Scope from "effect4/Scope"
import * as TestClock from "effect4/testing/TestClock"
import * as V from "vitest"
export * from "vitest"

/** A test of `@effect/vitest`: `args` are the test's context, or a case and the context. */
type Test<R> = (...args: Array<any>) => Effect.Effect<unknown, unknown, R>

const runTest = async (context: V.TestContext, effect: Effect.Effect<unknown, unknown>): Promise<void> => {
  const exit = await Effect.runPromiseExit(effect, { signal: context.signal })
  if (Exit.isSuccess(exit)) return
  const errors = Cause.prettyErrors(exit.cause)
  for (const error of errors.slice(1)) console.error(error)
  throw errors[0] ?? new Error("All fibers interrupted without errors.")
}

/** The testers of one kind: `provide` gives a test what it may ask for. */
const tester = <R>(
  provide: (effect: Effect.Effect<unknown, unknown, R>) => Effect.Effect<unknown, unknown>
) => {
  const with_ =
    (it: (name: string, options: V.TestOptions, run: (context: V.TestContext) => Promise<void>) => void) =>
    (name: string, test: Test<R>, options: number | V.TestOptions = {}): void =>
      it(name, typeof options === "number" ? { timeout: options } : options, (context) =>
        runTest(context, provide(Effect.suspend(() => test(context))))
      )
  return Object.assign(with_(V.it), {
    only: with_(V.it.only),
    skip: with_(V.it.skip),
    skipIf: (condition: unknown) => with_(V.it.skipIf(condition)),
    runIf: (condition: unknown) => with_(V.it.runIf(condition)),
    each:
      <T>(cases: ReadonlyArray<T>) =>
      (
        name: string,
        test: (one: T) => Effect.Effect<unknown, unknown, R>,
        options: number | V.TestOptions = {}
      ) =>
        V.it.for(cases)(name, typeof options === "number" ? { timeout: options } : options, (one, context) =>
          runTest(context, provide(Effect.suspend(() => test(one))))
        )
  })
}

/** Virtual time, and no log. */
const testServices = Layer.merge(TestClock.layer(), Logger.layer([Logger.tracerLogger]))

const live = tester<never>((effect) => effect)
const effect = tester<TestClock.TestClock>(Effect.provide(testServices))
const scoped = tester<TestClock.TestClock | Scope.Scope>((self) =>
  Effect.provide(Effect.scoped(self), testServices)
)
const scopedLive = tester<Scope.Scope>(Effect.scoped)

/** One Layer for all tests of a block. */
const layer =
  <A, X>(shared: Layer.Layer<A, X>) =>
  (name: string, block: (it: unknown) => void): V.SuiteCollector =>
    V.describe(name, () => {
      const scope = Scope.makeUnsafe()
      let context = Context.empty() as Context.Context<any>
      V.beforeAll(async () => {
        context = await Effect.runPromise(
          Layer.buildWithScope(Layer.fresh(Layer.merge(shared, testServices)), scope)
        )
      })
      V.afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
      block(
        Object.assign(it, {
          effect: tester<any>((self) => Effect.provide(self, context)),
          scoped: tester<any>((self) => Effect.provide(Effect.scoped(self), context))
        })
      )
    })

/** No method of vitest's own has one of these names, or it would run no Effect, and pass. */
export const it = Object.assign(V.it.bind(undefined), V.it, { live, effect, scoped, scopedLive, layer })
