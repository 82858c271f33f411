// Who is running is known up to the first await, on every way through a function.
import { check } from "../../support/eslint/testers.js"

const without = `import * as aio from "effect-aio"\nimport { currentSignal, currentTask, fromAio, getRunningLoop, sleep, allTasks } from "effect-aio"\naio.SyncLoop.make({ asyncContext: false })\n`
const inTask = (body: string): string => `${without}const f = fromAio(async (x) => { ${body} })`
const after = { messageId: "after" }

check("no-current-after-await", {
  valid: [
    `import { currentSignal } from "effect-aio"\nasync () => { await 1; currentSignal() }`,
    inTask(`const signal = currentSignal(); await fetch(x, { signal })`),
    inTask(`await fetch(x, { signal: currentSignal() })`), // asked before it waits
    inTask(`if (x) { await x; return } currentSignal()`), // not on this way
    inTask(`switch (x) { case 1: await x; break; default: currentSignal() }`),
    inTask(`if (x) { await x } else { currentSignal() }`),
    inTask(`const g = async () => { await x }; currentSignal()`),
    inTask(`await x; const g = () => currentSignal()`), // who knows when
    inTask(`await x; allTasks(loop)`),
    inTask(`await x; other.currentSignal()`),
    inTask(`try { currentSignal() } finally { await x }`)
  ],
  invalid: [
    {
      code: inTask(`await x; currentSignal()`),
      errors: [
        { messageId: "after", data: { callee: "currentSignal", remedy: "const signal = currentSignal()" } }
      ]
    },
    { code: inTask(`await x; aio.currentTask()`), errors: [{ messageId: "nothing" }] },
    { code: inTask(`await x; allTasks()`), errors: [after] },
    { code: inTask(`await x; await sleep(1)`), errors: [after] },
    { code: inTask(`const y = [await x, currentSignal()]`), errors: [after] },
    { code: inTask(`if (x) await x; currentSignal()`), errors: [after] },
    { code: inTask(`for (;;) { currentSignal(); await x }`), errors: [after] },
    { code: inTask(`while (await x) { getRunningLoop() }`), errors: [after] },
    { code: inTask(`for await (const y of x) { currentSignal() }`), errors: [after] },
    { code: inTask(`try { await x } catch { currentSignal() }`), errors: [after] },
    { code: inTask(`x ? await x : 1; currentSignal(); currentSignal()`), errors: [after, after] },
    {
      code: inTask(`await x; class A { b = currentSignal() }`)
        .replace("b = ", "[")
        .replace("() }", "()]() {} }"),
      errors: [after]
    },
    {
      code: `import { sleep } from "effect-aio"\nasync function f() { await 1; await sleep(1) }`,
      settings: { "effect-aio": { asyncContext: false } },
      errors: [after]
    }
  ]
})
