// Each way to start the work that fromAio is to start, and what only looks like one.
import { check, checkTypeScript } from "../../support/eslint/testers.js"

const head = `import { fromAio } from "effect-aio"\n`
const started = "started"

check("no-started-work", {
  valid: [
    `fromAio(fetch("x"))`, // somebody else's
    `import { fromAio } from "other"; fromAio(fetch("x"))`,
    `${head}const f = fromAio(fetch); f("x")`,
    `${head}const f = fromAio(() => fetch("x"))`,
    `${head}const f = fromAio({ try: () => fetch("x"), catch: (e) => e })`,
    `${head}const f = fromAio(promise)`, // second best, and said so
    `${head}const f = fromAio(open("x"), { close: (c) => c.close() })`, // nobody knows what it gives
    `${head}const f = fromAio(createReadStream("x"))`,
    `${head}const f = fromAio(promisify(execFile))`,
    `${head}const f = fromAio((async function* () {})())`,
    `${head}const f = fromAio(...many)`,
    `${head}const f = fromAio()`,
    `${head}function g(fromAio) { return fromAio(fetch("x")) }`, // shadowed
    `${head}function g(fetch) { return fromAio(fetch("x")) }`,
    `${head}class Promise { static all() {} }; fromAio(new Promise()); fromAio(Promise.all())`,
    `import { watch } from "node:fs/promises"; ${head}fromAio(watch("x"))`,
    `import * as aio from "effect-aio"; aio["from" + "Aio"](fetch("x"))`
  ],
  invalid: [
    {
      code: `${head}const f = fromAio(fetch("x"))`,
      errors: [
        {
          messageId: started,
          data: { remedy: `fromAio(() => fetch("x"))` },
          suggestions: [{ messageId: "function", output: `${head}const f = fromAio(() => fetch("x"))` }]
        }
      ]
    },
    {
      // The program's own function can be wrapped as it is.
      code: `${head}const load = async (a, b) => a + b; const f = fromAio(load(1, g()), { name: "x" })`,
      errors: [
        {
          messageId: started,
          suggestions: [
            {
              messageId: "function",
              output: `${head}const load = async (a, b) => a + b; const f = fromAio(() => load(1, g()), { name: "x" })`
            },
            {
              messageId: "call",
              data: { remedy: `fromAio(load, { name: "x" })(1, g())` },
              output: `${head}const load = async (a, b) => a + b; const f = fromAio(load, { name: "x" })(1, g())`
            }
          ]
        }
      ]
    },
    {
      // Run where it is made: a function begins at the same moment.
      code: `${head}function* main() { const a = yield* fromAio(fetch("x")) }`,
      output: `${head}function* main() { const a = yield* fromAio(() => fetch("x")) }`,
      errors: [{ messageId: started }]
    },
    {
      // What waits there would not in a function of its own.
      code: `${head}async function f() { return fromAio(fetch(await url())) }`,
      errors: [{ messageId: started }]
    },
    {
      code: `${head}function* f() { return yield* fromAio(fetch(yield* url())) }`,
      errors: [{ messageId: started }]
    },
    ...[
      ["import * as aio from 'effect-aio'", "aio.fromAio"],
      ["import * as aio from 'effect-aio'", "aio['fromAio']"],
      ["import { fromAio as effectOf } from 'effect-aio'", "effectOf"],
      ["import { 'fromAio' as effectOf } from 'effect-aio'", "effectOf"],
      ["import * as aio from 'effect-aio'; const { fromAio: made } = aio", "made"],
      ["import * as aio from 'effect-aio'; const own = aio.fromAio; const again = own", "again"],
      ["const { fromAio } = require('effect-aio')", "fromAio"],
      ["const aio = require('effect-aio')", "aio.fromAio"]
    ].map(([before, name]) => ({
      code: `${before};\n${name}(fetch("x"))`,
      errors: [
        {
          messageId: started,
          suggestions: [{ messageId: "function", output: `${before};\n${name}(() => fetch("x"))` }]
        }
      ]
    })),
    ...[
      `new Promise(() => {})`,
      `Promise.all([a])`,
      `globalThis.fetch("x")`,
      `call("x").then((a) => a)`,
      `fetch("x").catch(() => 1).finally(done)`,
      `(async () => 1)()`,
      `(async function () {})()`,
      `import("x")`,
      `fs.readFile("x")`,
      `promises.readFile("x")`,
      `whole.promises.readFile("x")`,
      `sleep(1)`,
      `once(a, "b")`,
      `Promise.resolve(1)`
    ].map((work) => {
      const before =
        `import fs from "node:fs/promises"; import { promises } from "fs"; import * as whole from "node:fs"; ` +
        `import { setTimeout as sleep } from "node:timers/promises"; import { once } from "events"\n${head}`
      const call = /^(sleep|once)\((.*)\)$/.exec(work)
      return {
        code: `${before}fromAio(${work})`,
        errors: [
          {
            messageId: started,
            suggestions: [
              { messageId: "function", output: `${before}fromAio(() => ${work})` },
              ...(call === null
                ? []
                : [{ messageId: "call", output: `${before}fromAio(${call[1]})(${call[2]})` }])
            ]
          }
        ]
      }
    })
  ]
})

checkTypeScript("no-started-work", {
  valid: [`import type { fromAio } from "effect-aio"\ndeclare const x: typeof fromAio`],
  invalid: [
    {
      code: `${head}fromAio<Response>(fetch("x")! as Promise<Response>)`,
      errors: [
        {
          messageId: started,
          suggestions: [
            {
              messageId: "function",
              output: `${head}fromAio<Response>(() => fetch("x")! as Promise<Response>)`
            }
          ]
        }
      ]
    },
    {
      code: `import aio = require("effect-aio")\naio.fromAio(fetch("x"))`,
      errors: [
        {
          messageId: started,
          suggestions: [
            {
              messageId: "function",
              output: `import aio = require("effect-aio")\naio.fromAio(() => fetch("x"))`
            }
          ]
        }
      ]
    }
  ]
})
