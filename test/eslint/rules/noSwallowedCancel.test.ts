// Loops that take their cancel for an error like any other.
import { check } from "../../support/eslint/testers.js"

const head = `import { fromAio, runAioCoroutine } from "effect-aio"\n`
const inTask = (body: string): string => `${head}const f = fromAio(async (x) => { ${body} })`

check("no-swallowed-cancel", {
  valid: [
    `async function f() { for (;;) { try { await x } catch (e) { log(e) } } }`,
    `${head}async function f() { for (;;) { try { await x } catch (e) { log(e) } } }`, // nobody's task
    inTask(`try { await x } catch (e) { log(e) }`), // it ends after that
    inTask(`for (;;) { try { await x } catch (e) { if (bad(e)) throw e } }`),
    inTask(`for (;;) { try { await x } catch (e) { return undefined } }`),
    inTask(`for (;;) { try { await x } catch { break } }`),
    inTask(`for (;;) { try { await x } catch (e) { if (isCancelledError(e)) return; log(e) } }`),
    inTask(`while (!signal.aborted) { try { await x } catch (e) { log(e) } }`),
    inTask(`do { try { await x } catch (e) { log(e) } } while (!task.cancelling())`),
    inTask(`for (;;) { signal.throwIfAborted(); try { await x } catch (e) { log(e) } }`),
    inTask(`for (;;) { try { await x } catch (e) { log(e) } if (task.signal.aborted) break }`),
    inTask(`for (;;) { try { await x } catch (e) { if (e.name === "AbortError") stop = true } }`),
    inTask(`for (const a of b) { try { parse(a) } catch (e) { log(e) } }`), // nothing waits in it
    inTask(`for (const a of b) { try { on(async () => { await x }) } catch (e) { log(e) } }`),
    inTask(`for (const a of b) { try { await x } finally { log(e) } }`),
    inTask(`for (const a of b) { on("x", async () => { try { await a } catch (e) { log(e) } }) }`)
  ],
  invalid: [
    {
      code: inTask(`for (;;) { try { await x } catch (e) { log(e) } }`),
      errors: [
        {
          messageId: "swallowed",
          data: { error: "e" },
          suggestions: [
            {
              messageId: "rethrow",
              output: inTask(
                `for (;;) { try { await x } catch (e) { if (isCancelledError(e)) throw e; log(e) } }`
              ).replace("runAioCoroutine }", "runAioCoroutine, isCancelledError }")
            }
          ]
        }
      ]
    },
    {
      code: `import { runAioCoroutine } from "effect-aio"\nrunAioCoroutine(async () => {\n  while (true) {\n    try {\n      await x\n    } catch (error) {\n      log(error)\n    }\n  }\n})`,
      errors: [
        {
          messageId: "swallowed",
          line: 6,
          suggestions: [
            {
              messageId: "rethrow",
              output: `import { runAioCoroutine, isCancelledError } from "effect-aio"\nrunAioCoroutine(async () => {\n  while (true) {\n    try {\n      await x\n    } catch (error) {\n      if (isCancelledError(error)) throw error\n      log(error)\n    }\n  }\n})`
            }
          ]
        }
      ]
    },
    { code: inTask(`for (const a of b) { try { await a } catch {} }`), errors: [{ messageId: "swallowed" }] },
    {
      code: inTask(`for (const a in b) { try { await a } catch ({ code }) { log(code) } }`),
      errors: [{ messageId: "swallowed" }]
    },
    {
      code: inTask(`for await (const a of b) { try { for await (const c of a) use(c) } catch {} }`),
      errors: [{ messageId: "swallowed" }]
    },
    {
      code: `${head}runAioCoroutine(function* () { for (;;) { try { yield x } catch {} } })`,
      errors: [{ messageId: "swallowed" }]
    },
    {
      code: `${head}loop.createTask(async () => { for (;;) { try { await x } catch {} } })`,
      errors: [{ messageId: "swallowed" }]
    },
    {
      // Called by its name, in tasks only.
      code: `${head}const poll = async () => { for (;;) { try { await x } catch {} } }; fromAio(() => poll())`,
      errors: [{ messageId: "swallowed" }]
    },
    {
      code: inTask(`for (let i = 0; i < 3; i++) { try { await x } catch {} }`),
      errors: [{ messageId: "swallowed" }]
    }
  ]
})
