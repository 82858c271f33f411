// What the rules see with types, which they do not see without: in one file, as the compiler reads Effect's types once.
// Covers: Types, promises, signals
import { ESLint } from "eslint"
import tseslint from "typescript-eslint"
import { beforeAll, describe, expect, it } from "vitest"
import plugin from "../../src/eslint/index.js"
import { checkTyped, typedFile, typedFolder } from "../support/eslint/testers.js"

const head = `import { Effect, Stream } from "effect"\nimport { currentSignal, fromAio, Loop, runAioCoroutine, runEffect } from "effect-aio"\nimport type { EventLoop, Task } from "effect-aio"\ndeclare const loop: EventLoop\n`
const withFlag = head + `Loop.layer({ asyncContext: false })\n`
const client = `declare const client: { get(path: string, options?: { signal?: AbortSignal | null; retries?: number }): Promise<string> }\n`
const query = `interface Query extends PromiseLike<number> { where(): Query }\ndeclare const select: () => Query\n`

/** The rules with `recommended-type-checked`, on a text that stands for the file. */
const lint = async (code: string, parserOptions: object): Promise<ReadonlyArray<string>> => {
  const eslint = new ESLint({
    cwd: typedFolder,
    overrideConfigFile: true,
    overrideConfig: [
      { files: ["**/*.ts"], languageOptions: { parser: tseslint.parser } },
      plugin.configs["recommended-type-checked"],
      { languageOptions: { parserOptions: { tsconfigRootDir: typedFolder, ...parserOptions } } }
    ]
  })
  const [result] = await eslint.lintText(code, { filePath: typedFile })
  return result?.messages.map(({ ruleId, message }) => ruleId ?? message) ?? []
}

// The first one reads Effect's types.
beforeAll(() => lint(head, {}), 120_000)

checkTyped("no-promise-in-sync", {
  valid: [
    `${head}Effect.sync(() => loop.createTask(async () => 1))`, // the loop owns it
    `${head}Effect.map(Effect.void, () => runEffect(Effect.void))`,
    `${head}${query}Effect.map(Effect.void, () => select())`, // it begins when it is awaited
    `${head}declare const make: () => () => Promise<number>; Effect.sync(() => make())`,
    `${head}declare const f: (a: number) => number; Effect.map(Effect.succeed(1), f)`,
    `${head}declare const x: { then(a: number): number }; Effect.succeed(x.then(1))`
  ],
  invalid: [
    {
      code: `${head}declare const pool: { end(): Promise<void> }\nEffect.acquireRelease(Effect.void, () => Effect.sync(() => pool.end()))`,
      errors: [
        {
          messageId: "promise",
          line: 6,
          suggestions: [
            {
              messageId: "fromAio",
              output: `${head}declare const pool: { end(): Promise<void> }\nEffect.acquireRelease(Effect.void, () => fromAio(() => pool.end()))`
            }
          ]
        }
      ]
    },
    {
      code: `${head}declare const pool: { end(): Promise<void> }\nEffect.sync(() => { pool.end() })`,
      errors: [{ messageId: "floating" }]
    },
    {
      code: `${head}declare const load: (a: number) => Promise<string>\nEffect.map(Effect.succeed(1), load)`,
      errors: [
        {
          messageId: "promise",
          suggestions: [
            {
              messageId: "flatMap",
              output: `${head}declare const load: (a: number) => Promise<string>\nEffect.flatMap(Effect.succeed(1), fromAio(load))`
            }
          ]
        }
      ]
    },
    {
      code: `${head}declare const promise: Promise<string> | undefined\nEffect.as(Effect.void, promise)`,
      errors: [{ messageId: "promise" }]
    }
  ]
})

checkTyped("no-abandoned-promise", {
  valid: [
    `${head}Effect.tap(Effect.void, () => Effect.void)`,
    `${head}Effect.andThen(Effect.void, Effect.void)`
  ],
  invalid: [
    {
      code: `${head}declare const load: () => Promise<string>\nEffect.tap(Effect.void, load as any as typeof load)`,
      errors: [{ messageId: "given" }]
    }
  ]
})

checkTyped("no-outliving-fiber", {
  valid: [`${head}Effect.forkScoped(Effect.void)`],
  invalid: []
})

checkTyped("no-started-work", {
  valid: [
    `${head}fromAio(loop.createFuture<number>())`,
    `${head}declare const open: () => AsyncIterable<number>; fromAio(open())`,
    // It begins when it is awaited, as the queries of many libraries do.
    `${head}interface Query extends PromiseLike<number> { where(): Query }; declare const select: () => Query; fromAio(select())`,
    `${head}declare const make: () => () => Promise<number>; fromAio(make())`
  ],
  invalid: [
    {
      code: `${head}declare const client: { get(path: string): Promise<string> }; fromAio(client.get("/"))`,
      errors: [
        {
          messageId: "started",
          suggestions: [
            {
              messageId: "function",
              output: `${head}declare const client: { get(path: string): Promise<string> }; fromAio(() => client.get("/"))`
            }
          ]
        }
      ]
    },
    {
      // A class that extends Promise, as those of the openai SDK do.
      code: `${head}class Answer<A> extends Promise<A> { asResponse(): void {} }; declare const ask: { create(): Answer<string> | undefined }; fromAio(ask.create()!)`,
      errors: [
        {
          messageId: "started",
          suggestions: [
            {
              messageId: "function",
              output: `${head}class Answer<A> extends Promise<A> { asResponse(): void {} }; declare const ask: { create(): Answer<string> | undefined }; fromAio(() => ask.create()!)`
            }
          ]
        }
      ]
    },
    {
      // Nothing is known of its type: the text is asked.
      code: `${head}declare const client: any; fromAio(client.get("/").then((a: number) => a))`,
      errors: [
        {
          messageId: "started",
          suggestions: [
            {
              messageId: "function",
              output: `${head}declare const client: any; fromAio(() => client.get("/").then((a: number) => a))`
            }
          ]
        }
      ]
    }
  ]
})

checkTyped("link-awaits", {
  valid: [
    `${withFlag}fromAio(async () => { await fetch("x") })`,
    `${withFlag}declare const task: Task<void>; fromAio(async () => { await task.link(loop.createFuture<number>()) })`,
    // Somebody else's, in spite of its name.
    `${withFlag}declare const timers: { sleep(ms: number): Promise<void> }; fromAio(async () => { await timers.sleep(1) })`
  ],
  invalid: [
    {
      code: `${withFlag}declare const next: () => ReturnType<typeof loop.createFuture>; fromAio(async () => { await next() })`,
      errors: [{ messageId: "unlinked" }]
    },
    {
      code: `${withFlag}runAioCoroutine(async (task) => { const future = loop.createFuture(); await future })`,
      errors: [
        {
          messageId: "unlinked",
          suggestions: [
            {
              messageId: "link",
              output: `${withFlag}runAioCoroutine(async (task) => { const future = loop.createFuture(); await task.link(future) })`
            }
          ]
        }
      ]
    }
  ]
})

const everyCall = [{ everyCall: true }]

checkTyped("pass-signal", {
  valid: [
    `${head}${client}fromAio(() => client.get("/"))`, // asked for by everyCall
    {
      code: `${head}${client}fromAio(() => client.get("/", { signal: currentSignal() }))`,
      options: everyCall
    },
    { code: `${head}${client}fromAio((options: object) => client.get("/", options))`, options: everyCall },
    { code: `${head}${client}client.get("/")`, options: everyCall },
    { code: `${head}fromAio(() => runEffect(Effect.void))`, options: everyCall }, // its Future is cancelled with the task
    {
      code: `${head}fromAio(async () => { new EventTarget().addEventListener("x", () => 1) })`,
      options: everyCall
    },
    {
      code: `${head}declare const f: (options?: { signal?: string }) => Promise<void>; fromAio(() => f())`,
      options: everyCall
    },
    { code: `${head}declare const f: any; fromAio(() => f())`, options: everyCall },
    {
      code: `${head}${client}fromAio(() => client.get("/"))`,
      options: [{ everyCall: true, ignore: ["client.get"] }]
    }
  ],
  invalid: [
    {
      code: `${head}${client}fromAio(() => client.get("/"))`,
      options: everyCall,
      errors: [
        {
          messageId: "missing",
          data: { callee: "client.get", remedy: "{ signal: currentSignal() }" },
          suggestions: [
            {
              messageId: "add",
              output: `${head}${client}fromAio(() => client.get("/", { signal: currentSignal() }))`
            }
          ]
        }
      ]
    },
    {
      code: `${head}${client}fromAio(() => client.get("/", { retries: 2 }))`,
      options: everyCall,
      errors: [
        {
          messageId: "missing",
          suggestions: [
            {
              messageId: "add",
              output: `${head}${client}fromAio(() => client.get("/", { retries: 2, signal: currentSignal() }))`
            }
          ]
        }
      ]
    },
    {
      // The second of two signatures.
      code: `${head}declare function ask(a: string): Promise<string>\ndeclare function ask(a: string, b: { signal: AbortSignal }): Promise<string>\nfromAio(() => ask("a"))`,
      options: everyCall,
      errors: [
        {
          messageId: "missing",
          suggestions: [
            {
              messageId: "add",
              output: `${head}declare function ask(a: string): Promise<string>\ndeclare function ask(a: string, b: { signal: AbortSignal }): Promise<string>\nfromAio(() => ask("a", { signal: currentSignal() }))`
            }
          ]
        }
      ]
    }
  ]
})

describe("recommended-type-checked", () => {
  it("asks for types, and the rules use them", async () => {
    expect(await lint(`${head}${client}fromAio(() => client.get("/"))`, {})).toEqual([
      "effect-aio/pass-signal"
    ])
  })

  it("says what to do where there are none", async () => {
    await expect(lint(`${head}`, { projectService: false })).rejects.toThrow(
      /effect-aio\/pass-signal with everyCall needs types, which .*file\.ts was parsed without: set languageOptions\.parser/
    )
  })
})
