// What a task cannot see on a loop without async-local state.
import { check } from "../../support/eslint/testers.js"

const without = `import { currentTask, fromAio, Loop, runEffect, sleep } from "effect-aio"\nLoop.layer({ asyncContext: false })\n`
const settings = { "effect-aio": { asyncContext: false } }

check("link-awaits", {
  valid: [
    `import { fromAio, sleep } from "effect-aio"\nfromAio(async () => { await sleep(1) })`,
    `import { fromAio, sleep } from "effect-aio"\n// asyncContext: false\nfromAio(async () => { await sleep(1) })`,
    `import { fromAio, sleep } from "effect-aio"\nlog("asyncContext: false"); fromAio(async () => { await sleep(1) })`,
    `import { Loop, fromAio, sleep } from "effect-aio"\nLoop.layer({ asyncContext: true }); fromAio(async () => { await sleep(1) })`,
    `import { sleep } from "other"\nawait sleep(1, { asyncContext: false })`,
    `${without}fromAio(async () => { const task = currentTask(); await task.link(sleep(1)) })`,
    `${without}fromAio(async () => { await fetch("x") })`, // a foreign promise is given the signal
    `${without}async function f() { await sleep(1) }`, // nobody's task, as far as can be seen
    `${without}fromAio(async () => { await other })`,
    `${without}loop.createTask(function* () { yield loop.createFuture() })`, // generators need none
    {
      code: `${without}fromAio(async () => { await sleep(1) })`,
      settings: { "effect-aio": { asyncContext: true } }
    }
  ],
  invalid: [
    {
      code: `${without}fromAio(async () => { await sleep(1) })`,
      errors: [{ messageId: "unlinked", data: { task: "task" } }]
    },
    {
      code: `import { fromAio, sleep } from "effect-aio"\nfromAio(async () => { await sleep(1) })`,
      settings,
      errors: [{ messageId: "unlinked" }]
    },
    {
      code: `${without}loop.createTask(async (task) => { await loop.createFuture() })`,
      errors: [
        {
          messageId: "unlinked",
          suggestions: [
            {
              messageId: "link",
              data: { task: "task" },
              output: `${without}loop.createTask(async (task) => { await task.link(loop.createFuture()) })`
            }
          ]
        }
      ]
    },
    {
      code: `${without}fromAio(async () => { const future = loop.createFuture(); later(future); await future })`,
      errors: [{ messageId: "unlinked" }]
    },
    { code: `${without}fromAio(async () => { await runEffect(a) })`, errors: [{ messageId: "unlinked" }] },
    {
      code: `${without}fromAio(async () => { await loop.runInExecutor(null, job) })`,
      errors: [{ messageId: "unlinked" }]
    }
  ]
})
