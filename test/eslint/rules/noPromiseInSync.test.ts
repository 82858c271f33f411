// Each place where Effect takes a value, and what may stand there.
import { check, checkTypeScript } from "../../support/eslint/testers.js"

const head = `import { Effect, Layer, Stream } from "effect"\n`
const promise = { messageId: "promise" }
const added = `import { Effect, Layer, Stream } from "effect"\nimport { fromAio } from "effect-aio"\n`

check("no-promise-in-sync", {
  valid: [
    `Effect.sync(async () => 1)`,
    `import { Effect } from "other"; Effect.sync(async () => 1)`,
    `${head}Effect.sync(() => 1)`,
    `${head}Effect.sync()`,
    `${head}Effect.sync(() => {})`,
    `${head}Effect.sync(() => async () => 1)`, // a function, to be called by somebody
    `${head}Effect.sync(() => { const later = async () => 1; return later })`,
    `${head}Effect.sync(() => { on("x", async () => { return fetch("x") }) })`,
    `${head}Effect.sync(() => { void fetch("x") })`, // said so
    `${head}Effect.sync(() => { fetch("x").catch(console.error) })`,
    `${head}Effect.sync(() => { fetch("x").then(use, console.error) })`,
    `${head}Effect.sync(() => { later = fetch("x") })`,
    `${head}Effect.sync(function* () { return fetch("x") })`,
    `${head}Effect.promise(async () => 1)`,
    `${head}Effect.tryPromise({ try: async () => 1, catch: (e) => e })`,
    `${head}Effect.map(a, (x) => x + 1)`,
    `${head}Effect.flatMap(a, (x) => Effect.promise(() => fetch(x)))`,
    `${head}Effect.succeed(async () => 1)`,
    `${head}Effect.succeed(...many)`,
    `${head}Effect.succeed()`,
    `${head}function f(Effect) { return Effect.sync(async () => 1) }`,
    `${head}{ const Effect = mine; Effect.sync(async () => 1) }`,
    `${head}function f(fetch) { return Effect.sync(() => fetch("x")) }`,
    `${head}const x = 1; Effect.sync(() => x.catch(1))`,
    `${head}Effect.gen(function* () { yield* Effect.void; log("x") })`,
    `${head}Effect.gen(function* () { const p = fetch("x"); yield* wait(p) })`,
    `${head}Effect.match(a, { onFailure: () => 1, onSuccess: (x) => x })`,
    `${head}const f = async () => 1; Effect.tap(a, f)`, // another rule's
    `${head}let f = async () => 1; f = g; Effect.sync(f)` // who knows
  ],
  invalid: [
    {
      code: `${head}const a = Effect.sync(async () => 1)`,
      errors: [
        {
          messageId: "promise",
          data: { callee: "Effect.sync", remedy: "fromAio(fn)()" },
          suggestions: [{ messageId: "fromAio", output: `${added}const a = fromAio(async () => 1)` }]
        }
      ]
    },
    {
      code: `import { Effect } from "effect"\nimport { Loop } from "effect-aio"\nEffect.try({ try: () => fetch("x"), catch: (e) => e })`,
      errors: [
        {
          ...promise,
          suggestions: [
            {
              messageId: "fromAio",
              output: `import { Effect } from "effect"\nimport { Loop, fromAio } from "effect-aio"\nfromAio({ try: () => fetch("x"), catch: (e) => e })`
            }
          ]
        }
      ]
    },
    {
      code: `import { Effect } from "effect"\nimport { fromAio as wrap } from "effect-aio"\nconst r = Effect.map(a, async (x) => x)`,
      errors: [
        {
          messageId: "promise",
          data: { callee: "Effect.map", remedy: "Effect.flatMap(fromAio(fn))" },
          suggestions: [
            {
              messageId: "flatMap",
              output: `import { Effect } from "effect"\nimport { fromAio as wrap } from "effect-aio"\nconst r = Effect.flatMap(a, wrap(async (x) => x))`
            }
          ]
        }
      ]
    },
    {
      // The name is taken: no suggestion.
      code: `${head}const fromAio = 1; Effect.sync(async () => 1)`,
      errors: [promise]
    },
    {
      code: `${head}function f(fromAio) { return Effect.sync(async () => 1) }`,
      errors: [promise]
    },
    {
      code: `${head}const r = a.pipe(Effect.map((x) => fetch(x)))`,
      errors: [
        {
          ...promise,
          suggestions: [
            {
              messageId: "flatMap",
              output: `${added}const r = a.pipe(Effect.flatMap(fromAio((x) => fetch(x))))`
            }
          ]
        }
      ]
    },
    {
      code: `${head}Effect.succeed(fetch("x"))`,
      errors: [
        {
          ...promise,
          suggestions: [{ messageId: "fromAio", output: `${added}fromAio(() => fetch("x"))` }]
        }
      ]
    },
    { code: `${head}async function f() { return Effect.succeed(fetch(await x)) }`, errors: [promise] },
    { code: `${head}Effect.as(a, Promise.resolve(1))`, errors: [promise] },
    { code: `${head}a.pipe(Effect.as(new Promise(() => {})))`, errors: [promise] },
    { code: `${head}Effect.match(a, { onFailure: async () => 1, onSuccess: (x) => x })`, errors: [promise] },
    {
      code: `${head}Effect.mapBoth(a, { onFailure: (x) => x, onSuccess: (x) => x.then(y) })`,
      errors: [promise]
    },
    { code: `${head}Effect.mapError(a, async (x) => x)`, errors: [promise] },
    { code: `${head}Effect.orElseSucceed(a, async () => 1)`, errors: [promise] },
    { code: `${head}Effect.zipWith(a, b, async (x, y) => x + y)`, errors: [promise] },
    { code: `${head}Stream.map(a, async (x) => x)`, errors: [promise] },
    { code: `${head}Layer.sync(Tag, async () => 1)`, errors: [promise] },
    {
      // Every way out of the function.
      code: `${head}Effect.map(a, (x) => { if (x) return 1; for (;;) return x ? 2 : (log(), fetch(x)) })`,
      errors: [
        {
          ...promise,
          line: 2,
          column: 73,
          suggestions: [
            {
              messageId: "flatMap",
              output: `${added}Effect.flatMap(a, fromAio((x) => { if (x) return 1; for (;;) return x ? 2 : (log(), fetch(x)) }))`
            }
          ]
        }
      ]
    },
    {
      code: `${head}async function load() {}\nEffect.map(a, load)`,
      errors: [
        {
          ...promise,
          line: 3,
          suggestions: [
            {
              messageId: "flatMap",
              output: `${added}async function load() {}\nEffect.flatMap(a, fromAio(load))`
            }
          ]
        }
      ]
    },
    {
      code: `${head}const load = async () => 1\nEffect.map(a, () => load())`,
      errors: [
        {
          ...promise,
          suggestions: [
            {
              messageId: "flatMap",
              output: `${added}const load = async () => 1\nEffect.flatMap(a, fromAio(() => load()))`
            }
          ]
        }
      ]
    },
    // What begins there, and is nobody's.
    { code: `${head}Effect.sync(() => { fetch("x") })`, errors: [{ messageId: "floating" }] },
    {
      code: `${head}Effect.acquireRelease(open, (pool) => Effect.sync(() => { if (pool) { pool.end().then(log) } }))`,
      errors: [{ messageId: "floating" }]
    },
    { code: `${head}Effect.gen(function* () { fetch("x") })`, errors: [{ messageId: "floating" }] },
    { code: `${head}Effect.gen(this, function* () { fetch("x") })`, errors: [{ messageId: "floating" }] },
    { code: `${head}Effect.fn("name")(function* () { fetch("x") })`, errors: [{ messageId: "floating" }] },
    { code: `${head}Effect.fnUntraced(function* () { fetch("x") })`, errors: [{ messageId: "floating" }] },
    {
      code: `import { allowAio } from "effect-aio"\nallowAio(function* ($) { fetch("x"); yield* $(fetch("y")) })`,
      errors: [{ messageId: "floating" }]
    },
    // However Effect is called.
    ...[
      [`import * as Effect from "effect/Effect"`, "Effect.sync"],
      [`import * as E from "effect/Effect"`, "E.sync"],
      [`import { Effect as E } from "effect"`, "E.sync"],
      [`import * as all from "effect"`, "all.Effect.sync"],
      [`import * as all from "effect"`, "all['Effect'][`sync`]"],
      [`import { sync } from "effect/Effect"`, "sync"],
      [`import { sync as now } from "effect/Effect"`, "now"],
      [`import { Effect } from "effect"`, "now", "const { sync: now } = Effect;"],
      [`import { Effect } from "effect"`, "now", "const now = Effect.sync;"],
      [`import * as all from "effect"`, "E.sync", "const { Effect: E } = all;"],
      [`import { Effect } from "effect"`, "F.sync", "const E = Effect; const F = E;"]
    ].map(([before, name, alias = ""]) => ({
      code: `${before}\n${alias}${name}(async () => 1)`,
      errors: [
        {
          ...promise,
          suggestions: [
            {
              messageId: "fromAio",
              output: `${before}\nimport { fromAio } from "effect-aio"\n${alias}fromAio(async () => 1)`
            }
          ]
        }
      ]
    })),
    {
      code: `import { Effect } from "effect"; Effect.sync(async () => 1)`,
      errors: [
        {
          ...promise,
          suggestions: [
            {
              messageId: "fromAio",
              output: `import { Effect } from "effect";\nimport { fromAio } from "effect-aio"\n fromAio(async () => 1)`
            }
          ]
        }
      ]
    },
    {
      code: `const { Effect } = require("effect"); Effect.succeed(fetch("x"))`,
      languageOptions: { sourceType: "commonjs" },
      errors: [promise]
    },
    {
      code: `const { Effect } = require("effect"), { fromAio } = require("effect-aio"); Effect.succeed(fetch("x"))`,
      languageOptions: { sourceType: "commonjs" },
      errors: [
        {
          ...promise,
          suggestions: [
            {
              messageId: "fromAio",
              output: `const { Effect } = require("effect"), { fromAio } = require("effect-aio"); fromAio(() => fetch("x"))`
            }
          ]
        }
      ]
    }
  ]
})

checkTypeScript("no-promise-in-sync", {
  valid: [`import type { Effect } from "effect"\nEffect.sync(async () => 1)`],
  invalid: [
    // A type is no value: by hand.
    {
      code: `import type { fromAio } from "effect-aio"\n${head}Effect.sync(async () => 1)`,
      errors: [promise]
    },
    {
      code: `import { type fromAio, Loop } from "effect-aio"\n${head}Effect.sync(async () => 1)`,
      errors: [promise]
    },
    { code: `${head}Effect.as<Promise<number>>(a, fetch("x") as Promise<number>)`, errors: [promise] }
  ]
})
