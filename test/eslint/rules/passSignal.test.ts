// Each call of Node's that takes a signal, and each way to give it one.
import type { RuleTester } from "eslint"
import { check, checkTypeScript } from "../../support/eslint/testers.js"

const head = `import { currentSignal, fromAio, Loop } from "effect-aio"\n`
const inTask = (body: string, before = head): string => `${before}const f = fromAio(async (x) => { ${body} })`
const missing = { messageId: "missing" }

/** A call as it is, and with the signal. */
const suggested = (call: string, fixed: string, before = ""): RuleTester.InvalidTestCase => ({
  code: inTask(call, before + head),
  errors: [
    {
      messageId: "missing",
      suggestions: [{ messageId: "add", output: inTask(fixed, before + head) }]
    }
  ]
})

const node = `import * as fs from "node:fs/promises"
import { setTimeout as after, scheduler } from "node:timers/promises"
import { execFile, spawn, exec } from "node:child_process"
import { once } from "node:events"
import { pipeline, finished } from "node:stream/promises"
`

check("pass-signal", {
  valid: [
    `fetch("x")`,
    `${head}fetch("x")`, // in no task
    `import { fromAio } from "other"; fromAio(() => fetch("x"))`,
    inTask(`await fetch(x, { signal: currentSignal() })`),
    inTask(`const signal = currentSignal(); await fetch(x, { method: "POST", signal })`),
    inTask(`await fetch(new Request(x, { signal: currentSignal() }))`),
    inTask(`await fetch(x, init)`), // who knows what is in it
    inTask(`await fetch(x, { ...init })`),
    inTask(`await fetch(...x)`),
    inTask(`await fetch(x, optionsOf(x))`),
    inTask(`await fetch(x, { "signal": AbortSignal.timeout(5) })`),
    inTask(`const fetch = mine; await fetch(x)`),
    inTask(`emitter.on("x", () => fetch(x))`), // at another time, of another task
    `${head}const load = (x) => fetch(x); export { load }; fromAio(() => load(1))`, // others call it, too
    `${head}const load = (x) => fetch(x); load(1); fromAio(() => load(1))`,
    `${head}function again() { again(); fetch("x") }`,
    { code: inTask(`await fetch(x)`), options: [{ ignore: ["fetch"] }] },
    { code: `${head}fromAio(fetch)`, options: [{ ignore: ["fetch"] }] },
    `${head}fromAio(load)`,
    // What it opens would stay open: what arrives late is closed.
    `import { acquireAio } from "effect-aio"\nacquireAio({ open: () => fetch("x"), close: () => 1 })`,
    `import { acquireAio } from "effect-aio"\nconst open = () => fetch("x"); acquireAio({ open: () => open(), close: () => 1 })`,
    inTask(`await fs.writeFile(x, "half of it is worse than a late end")`, node + head),
    inTask(
      `await fs.readFile(x, { signal: currentSignal() }); await fs.readdir(x); await fs.watch(x, options)`,
      node + head
    ),
    inTask(
      `spawn("ls", ["-l"], { signal: currentSignal() }); execFile("ls", { signal: currentSignal() })`,
      node + head
    ),
    inTask(`await pipeline(a, b, { signal: currentSignal() })`, node + head)
  ],
  invalid: [
    suggested(`await fetch(x)`, `await fetch(x, { signal: currentSignal() })`),
    suggested(`await fetch(x, {})`, `await fetch(x, { signal: currentSignal() })`),
    suggested(`await fetch(x, undefined)`, `await fetch(x, { signal: currentSignal() })`),
    suggested(
      `await fetch(x, { method: "GET" })`,
      `await fetch(x, { method: "GET", signal: currentSignal() })`
    ),
    suggested(`await globalThis.fetch(x)`, `await globalThis.fetch(x, { signal: currentSignal() })`),
    suggested(`await fs.readFile(x)`, `await fs.readFile(x, { signal: currentSignal() })`, node),
    suggested(
      `await fs.readFile(x, "utf8")`,
      `await fs.readFile(x, { encoding: "utf8", signal: currentSignal() })`,
      node
    ),
    suggested(`await after(1, 2)`, `await after(1, 2, { signal: currentSignal() })`, node),
    suggested(`await scheduler.wait(1)`, `await scheduler.wait(1, { signal: currentSignal() })`, node),
    suggested(`await once(x, "y")`, `await once(x, "y", { signal: currentSignal() })`, node),
    suggested(`await pipeline(x, y)`, `await pipeline(x, y, { signal: currentSignal() })`, node),
    suggested(
      `await pipeline(x, { end: false })`,
      `await pipeline(x, { end: false, signal: currentSignal() })`,
      node
    ),
    suggested(`await finished(x)`, `await finished(x, { signal: currentSignal() })`, node),
    suggested(`exec("ls")`, `exec("ls", { signal: currentSignal() })`, node),
    suggested(`spawn("ls", ["-l"])`, `spawn("ls", ["-l"], { signal: currentSignal() })`, node),
    suggested(`execFile("ls", { cwd })`, `execFile("ls", { cwd, signal: currentSignal() })`, node),
    // What stands before the options is not made up.
    { code: inTask(`await after(1)`, node + head), errors: [missing] },
    { code: inTask(`spawn("ls")`, node + head), errors: [missing] },
    { code: inTask(`await once()`, node + head), errors: [missing] },
    {
      code: `${head}fromAio(fetch)`,
      errors: [
        {
          messageId: "byName",
          data: { callee: "fetch", starter: "fromAio", remedy: "signal: currentSignal()" }
        }
      ]
    },
    {
      code: `${node}${head}fromAio(fs.readFile, { name: "read" })`,
      errors: [{ messageId: "byName" }]
    },
    {
      // The signal that is there already.
      code: `import { runAioCoroutine } from "effect-aio"\nrunAioCoroutine(({ signal }) => fetch("x"))`,
      errors: [
        {
          ...missing,
          suggestions: [
            {
              messageId: "add",
              data: { text: "{ signal }" },
              output: `import { runAioCoroutine } from "effect-aio"\nrunAioCoroutine(({ signal }) => fetch("x", { signal }))`
            }
          ]
        }
      ]
    },
    {
      code: `import { runAioCoroutine } from "effect-aio"\nrunAioCoroutine(async (task) => { await fetch("x") })`,
      errors: [
        {
          ...missing,
          suggestions: [
            {
              messageId: "add",
              output: `import { runAioCoroutine } from "effect-aio"\nrunAioCoroutine(async (task) => { await fetch("x", { signal: task.signal }) })`
            }
          ]
        }
      ]
    },
    {
      code: `import { fromAio } from "effect-aio"\nfromAio(() => fetch("x"))`,
      errors: [
        {
          ...missing,
          suggestions: [
            {
              messageId: "add",
              output: `import { fromAio, currentSignal } from "effect-aio"\nfromAio(() => fetch("x", { signal: currentSignal() }))`
            }
          ]
        }
      ]
    },
    {
      // It is not known there after an await.
      code: `import { fromAio } from "effect-aio"\nfromAio(() => fetch("x"))`,
      settings: { "effect-aio": { asyncContext: false } },
      errors: [missing]
    },
    {
      code: `import { fromAio } from "effect-aio"\nfromAio(fetch)`,
      settings: { "effect-aio": { asyncContext: false } },
      errors: [{ messageId: "byName", data: { callee: "fetch", starter: "fromAio", remedy: "signal" } }]
    },
    // Each place that a task is made of, and what is called in it.
    ...[
      `fromAio({ try: () => fetch("x"), catch: (e) => e })`,
      `runAioGenerator(async function* () { yield await fetch("x") })`,
      `loop.createTask(async () => { await fetch("x") })`,
      `group.createTask(() => fetch("x"))`,
      `loop.runUntilComplete(async () => { await fetch("x") })`,
      `waitFor(() => fetch("x"), 5)`,
      `timeout(5, async () => fetch("x"))`,
      `TaskGroup.run(async () => { await fetch("x") })`,
      `fromAio(async (xs) => Promise.all(xs.map((x) => fetch("x"))))`,
      `fromAio((x) => x.then(() => fetch("x")))`,
      `fromAio(async () => { await (async () => fetch("x"))() })`,
      `function load() { return fetch("x") }; fromAio(load)`,
      `const load = async () => fetch("x"); fromAio(async () => { await load() })`,
      `const load = () => fetch("x"); const twice = () => [load(), load()]; fromAio(() => twice())`
    ].map((text) => {
      const before = `import { acquireAio, currentSignal, fromAio, runAioGenerator, TaskGroup, timeout, waitFor } from "effect-aio"\n`
      return {
        code: before + text,
        errors: [
          {
            ...missing,
            suggestions: [
              {
                messageId: "add",
                output: before + text.replace(`fetch("x")`, `fetch("x", { signal: currentSignal() })`)
              }
            ]
          }
        ]
      }
    }),
    {
      code: `import got from "got"\n${head}fromAio(() => got("x"))`,
      options: [{ calls: [{ from: "got", name: "default", argument: 1 }] }],
      errors: [
        {
          ...missing,
          suggestions: [
            {
              messageId: "add",
              output: `import got from "got"\n${head}fromAio(() => got("x", { signal: currentSignal() }))`
            }
          ]
        }
      ]
    }
  ]
})

checkTypeScript("pass-signal", {
  valid: [`${head}fromAio(async (x: string) => (await fetch(x, { signal: currentSignal() })) as Response)`],
  invalid: [
    {
      code: `${head}fromAio(async (x: string) => fetch!(x as string, {} as RequestInit))`,
      errors: [
        {
          ...missing,
          suggestions: [
            {
              messageId: "add",
              output: `${head}fromAio(async (x: string) => fetch!(x as string, { signal: currentSignal() } as RequestInit))`
            }
          ]
        }
      ]
    }
  ]
})
