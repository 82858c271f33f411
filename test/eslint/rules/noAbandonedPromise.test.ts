// Where Effect leaves a promise when its fiber is interrupted.
import { check } from "../../support/eslint/testers.js"

const head = `import { Effect, Stream } from "effect"\nimport { fromAio, Loop } from "effect-aio"\n`
const alone = `import { Effect } from "effect"\n`

check("no-abandoned-promise", {
  valid: [
    `${alone}Effect.promise(() => fetch("x"))`, // no loop in sight
    `import { fromAio } from "effect-aio"\nEffect.promise(() => fetch("x"))`,
    `${head}fromAio(() => fetch("x"))`,
    `${head}Effect.tap(a, (x) => Effect.log(x))`,
    `${head}Effect.andThen(a, b)`,
    `${head}Stream.fromIterable([])`,
    // Nobody can interrupt it there.
    ...[
      `Effect.addFinalizer(() => Effect.promise(() => pool.end()))`,
      `Effect.acquireRelease(Effect.promise(() => open()), (pool) => Effect.promise(() => pool.end()))`,
      `a.pipe(Effect.ensuring(Effect.promise(() => pool.end())))`,
      `Effect.onExit(a, () => Effect.gen(function* () { yield* Effect.promise(() => pool.end()) }))`,
      `Effect.uninterruptible(Effect.promise(() => fetch("x")))`,
      `Effect.acquireUseRelease(Effect.promise(() => open()), use, () => Effect.promise(() => close()))`
    ].map((text) => head + text),
    {
      code: `import { Loop } from "effect-aio"\nmine.promise(() => fetch("x"))`,
      options: [{ everywhere: true }]
    }
  ],
  invalid: [
    {
      code: `${head}Effect.promise(() => fetch("x"))`,
      errors: [
        {
          messageId: "abandoned",
          data: { callee: "Effect.promise" },
          suggestions: [{ messageId: "fromAio", output: `${head}fromAio(() => fetch("x"))` }]
        }
      ]
    },
    {
      code: `${head}Effect.tryPromise({ try: () => fetch("x"), catch: (e) => new Mine(e) })`,
      errors: [
        {
          messageId: "abandoned",
          suggestions: [
            {
              messageId: "fromAio",
              output: `${head}fromAio({ try: () => fetch("x"), catch: (e) => new Mine(e) })`
            }
          ]
        }
      ]
    },
    // The signal has another name there: by hand.
    {
      code: `${head}Effect.promise((signal) => fetch("x", { signal }))`,
      errors: [{ messageId: "abandoned" }]
    },
    {
      code: `${head}Effect.tryPromise({ try: (signal) => fetch("x", { signal }), catch: (e) => e })`,
      errors: [{ messageId: "abandoned" }]
    },
    { code: `${head}Effect.promise(load)`, errors: [{ messageId: "abandoned" }] },
    { code: `${head}Effect.tryPromise({ ...both })`, errors: [{ messageId: "abandoned" }] },
    { code: `${head}Effect.tryPromise({ try: () => 1, and: 2 })`, errors: [{ messageId: "abandoned" }] },
    {
      code: `${head}Effect.tryPromise({ try: load, catch: (e) => e })`,
      errors: [{ messageId: "abandoned" }]
    },
    { code: `${head}Effect.promise()`, errors: [{ messageId: "abandoned" }] },
    {
      code: `${head}Effect.acquireUseRelease(a, () => Effect.promise((x) => fetch(x)), b)`,
      errors: [{ messageId: "abandoned" }]
    },
    { code: `${head}Stream.fromAsyncIterable(rows, (e) => e)`, errors: [{ messageId: "iterable" }] },
    { code: `${head}Effect.andThen(a, () => fetch("x"))`, errors: [{ messageId: "given" }] },
    { code: `${head}a.pipe(Effect.tap(async () => 1))`, errors: [{ messageId: "given" }] },
    {
      code: `${alone}Effect.promise(() => fetch("x"))`,
      options: [{ everywhere: true }],
      errors: [
        {
          messageId: "abandoned",
          suggestions: [
            {
              messageId: "fromAio",
              output: `${alone.trimEnd()}\nimport { fromAio } from "effect-aio"\nfromAio(() => fetch("x"))`
            }
          ]
        }
      ]
    }
  ]
})
