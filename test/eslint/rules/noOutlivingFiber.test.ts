// Fibers that a closing loop does not know, on either line of Effect.
import { check, checkTypeScript } from "../../support/eslint/testers.js"

const head = `import { Effect, Layer, Stream } from "effect"\nimport { fromAio, Loop, runAioCoroutine, toAio } from "effect-aio"\n`
const added = head.replace("toAio }", "toAio, runEffect }")

check("no-outliving-fiber", {
  valid: [
    `import { Effect } from "effect"\nEffect.forkDaemon(a)`,
    `${head}Effect.fork(a); Effect.forkChild(a); Effect.forkScoped(a); Effect.forkIn(a, scope)`,
    `${head}mine.forkDaemon(a)`,
    `${head}const forkDaemon = 1; use(forkDaemon)`,
    `${head}Effect.runFork(main)`, // at the top, where it belongs
    `${head}export const start = () => Effect.runPromise(main)`,
    `${head}test("x", async () => { await Effect.runPromise(Loop.scoped(main)) })`,
    `${head}Effect.gen(function* () { yield* a; Effect.runSync(b) })`, // it waits
    `${head}fromAio(async () => { await Effect.runPromise(Loop.scoped(main)) })`, // waits for all of it
    `${head}Effect.map(a, (effect) => effect)`,
    // A callback that tells a fiber something, and is done.
    `${head}import { Deferred, Queue } from "effect"; Effect.sync(() => { on((x) => { Effect.runFork(Deferred.succeed(d, x)); Effect.runPromise(Queue.offer(q, x)) }) })`,
    `${head}fromAio(async () => Effect.runPromise(a, { signal: currentSignal() })); fromAio(async () => { const signal = x; await Effect.runPromise(a, { signal }) })`,
    // Whoever keeps it ends it.
    `${head}import { Fiber, FiberSet } from "effect"; Effect.sync(() => { FiberSet.unsafeAdd(set, Effect.runFork(a)); Fiber.runIn(Effect.runForkWith(c)(a), scope) })`,
    `${head}import { Fiber } from "effect"; Effect.gen(function* () { const fiber = yield* Effect.forkDaemon(a); yield* Effect.addFinalizer(() => Fiber.interrupt(fiber)) })`,
    `${head}import { Fiber } from "effect"; Effect.gen(function* () { const fiber = yield* a.pipe(Effect.forkDaemon); yield* Fiber.interruptFork(fiber) })`,
    // Nothing has started.
    `${head}import { Runtime } from "effect"; Effect.gen(function* () { const run = Runtime.runFork(yield* Effect.runtime()); const other = Effect.runForkWith(c) })`,
    `${head}Effect.runCallback(Effect.map(a, (x) => x))`
  ],
  invalid: [
    ...["forkDaemon", "forkDetach"].map((fork) => ({
      code: `${head}const a = Effect.${fork}(b)`,
      errors: [
        {
          messageId: "fork",
          suggestions: [{ messageId: "forkScoped", output: `${head}const a = Effect.forkScoped(b)` }]
        }
      ]
    })),
    {
      code: `${head}Layer.effectDiscard(a.pipe(Effect.forkDaemon))`,
      errors: [
        {
          messageId: "fork",
          suggestions: [
            { messageId: "forkScoped", output: `${head}Layer.effectDiscard(a.pipe(Effect.forkScoped))` }
          ]
        }
      ]
    },
    { code: `${head}const { forkDaemon } = Effect; a.pipe(forkDaemon)`, errors: [{ messageId: "fork" }] },
    {
      code: `${head}import { forkDetach as go } from "effect/Effect"; go(a)`,
      errors: [{ messageId: "fork" }]
    },
    {
      code: `import { Effect } from "effect"\nEffect.forkDaemon(a)`,
      options: [{ everywhere: true }],
      errors: [
        {
          messageId: "fork",
          suggestions: [
            { messageId: "forkScoped", output: `import { Effect } from "effect"\nEffect.forkScoped(a)` }
          ]
        }
      ]
    },
    {
      code: `${head}const f = fromAio(async () => { const x = await Effect.runPromise(b) })`,
      errors: [
        {
          messageId: "runInTask",
          suggestions: [
            {
              messageId: "runEffect",
              output: `${added}const f = fromAio(async () => { const x = await runEffect(b) })`
            }
          ]
        }
      ]
    },
    {
      code: `${head}const f = async () => { Effect.runFork(b) }; runAioCoroutine(f)`,
      errors: [{ messageId: "runInTask" }]
    },
    { code: `${head}Effect.gen(function* () { Effect.runFork(b) })`, errors: [{ messageId: "runInEffect" }] },
    {
      code: `${head}Effect.gen(function* () { server.on("x", () => { Effect.runPromise(b) }) })`,
      errors: [{ messageId: "runInEffect" }]
    },
    { code: `${head}Effect.sync(() => { Effect.runCallback(b) })`, errors: [{ messageId: "runInEffect" }] },
    {
      code: `${head}Effect.fn("x")(function* () { Effect.runForkWith(c)(b) })`,
      errors: [{ messageId: "runInEffect" }]
    },
    {
      code: `${head}Effect.match(a, { onSuccess: () => Effect.runFork(b) })`,
      errors: [{ messageId: "runInEffect" }]
    },
    {
      code: `${head}Effect.sync(() => a.pipe(Effect.runForkWith(c)))`,
      errors: [{ messageId: "runInEffect" }]
    },
    {
      code: `${head}import { Deferred, Fiber } from "effect"; Effect.gen(function* () { const fiber = yield* Effect.forkDaemon(a); yield* Fiber.join(fiber); on(() => Effect.runPromise(Deferred.await(d))) })`,
      errors: [
        {
          messageId: "fork",
          suggestions: [
            {
              messageId: "forkScoped",
              output: `${head}import { Deferred, Fiber } from "effect"; Effect.gen(function* () { const fiber = yield* Effect.forkScoped(a); yield* Fiber.join(fiber); on(() => Effect.runPromise(Deferred.await(d))) })`
            }
          ]
        },
        { messageId: "runInEffect" }
      ]
    },
    { code: `${head}Effect.sync(() => (() => Effect.runFork(b))())`, errors: [{ messageId: "runInEffect" }] },
    {
      code: `${head}import { Runtime } from "effect"; toAio((x) => Effect.sync(() => Runtime.runFork(r)(x)))`,
      errors: [{ messageId: "runInEffect" }]
    }
  ]
})

checkTypeScript("no-outliving-fiber", {
  valid: [`${head}type Fork = typeof Effect.forkDaemon`],
  invalid: []
})
