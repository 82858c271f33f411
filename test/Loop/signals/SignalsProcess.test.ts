/** Signal handlers of real processes, which get real signals. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { compiled } from "../../support/compiled.js"
import { perLine } from "../../support/effect/line.js"

const fixture = compiled("test/fixtures/signals/programs.ts")
const root = fileURLToPath(new URL("../../../", import.meta.url))

/** Generous: a process takes a second or two to start on a busy machine. */
const options = { timeout: 60_000 }

const children = new Set<ReturnType<typeof spawn>>()

afterAll(() => {
  // Only what a failed test has left behind.
  for (const child of children) child.kill("SIGKILL")
})

/** Runs one program of the fixture. Each step waits for a line that the program prints, and sends a signal then. */
const run = (program: string, ...steps: ReadonlyArray<readonly [line: string, signal: NodeJS.Signals]>) =>
  new Promise<object>((resolve) => {
    const child = spawn(process.execPath, [fixture, program], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "", EFFECT_AIO_DEBUG: "" }
    })
    children.add(child)
    const left = [...steps]
    let output = ""
    let rest = ""
    let errors = ""
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      rest += chunk.toString()
      const [line, signal] = left[0] ?? []
      if (signal === undefined || !rest.includes(`${line}\n`)) return
      left.shift()
      rest = ""
      child.kill(signal)
    })
    child.on("close", (code, signal) => {
      children.delete(child)
      const said = output
        .split("\n")
        .filter((line) => line !== "" && !/^(timestamp=|\s|\[|what |effect |signal )/.test(line))
      resolve({ code, signal, said, ...(code === null || said.length > 0 ? {} : { errors }) })
    })
  })

describe.concurrent("signals, in a process of its own", () => {
  it(
    "signals-015 a handler removes another one: the first signal then does what it did before",
    options,
    async () => {
      expect(
        await run(
          "removesTheOther",
          ["ready", "SIGHUP"],
          ["first", "SIGHUP"],
          ["first", "SIGUSR2"],
          ["removed true", "SIGHUP"]
        )
      ).toEqual({ code: null, signal: "SIGHUP", said: ["ready", "first", "first", "removed true"] })
    }
  )

  it("signals-018 a loop without handler installs none: SIGINT ends the process", options, async () => {
    expect(
      await Promise.all([run("noHandler", ["ready", "SIGINT"]), run("scopedNoHandler", ["ready", "SIGINT"])])
    ).toEqual([
      { code: null, signal: "SIGINT", said: ["ready"] },
      { code: null, signal: "SIGINT", said: ["ready"] }
    ])
  })

  it("signals-003 signals-008 a handler that was cancelled leaves the default behind", options, async () => {
    expect(await run("removed", ["ready", "SIGTERM"])).toEqual({
      code: null,
      signal: "SIGTERM",
      said: ["ready"]
    })
  })

  it(
    "S3 under Loop.run the handler of the program runs, then the finalizers in their order, and the code is the signal's",
    options,
    async () => {
      const said = (name: string) => [
        "ready",
        `handler ${name}`,
        "inner finalizer",
        "outer finalizer",
        "exit Failure"
      ]
      expect(
        await Promise.all([
          run("runWithHandlers", ["ready", "SIGTERM"]),
          run("runWithHandlers", ["ready", "SIGINT"])
        ])
      ).toEqual([
        { code: 143, signal: null, said: said("SIGTERM") },
        { code: 130, signal: null, said: said("SIGINT") }
      ])
    }
  )

  it("S3 S1 a busy loop runs the handler all the same before it closes", options, async () => {
    const ended = (await run("runBusy", ["ready", "SIGTERM"])) as { said: Array<string> }
    expect(ended).toMatchObject({ code: 143, signal: null })
    expect([...ended.said].sort()).toEqual(
      ["exit Failure", "fiber", "handler SIGTERM", "inner finalizer", "outer finalizer", "ready"].sort()
    )
    expect(ended.said.indexOf("handler SIGTERM")).toBeLessThan(ended.said.indexOf("fiber"))
  })

  it("S3 SIGHUP reloads, as often as it comes, and SIGTERM ends in order", options, async () => {
    expect(
      await run(
        "runWithStream",
        ["ready", "SIGHUP"],
        ["reload SIGHUP", "SIGHUP"],
        ["reload SIGHUP", "SIGTERM"]
      )
    ).toEqual({
      code: 143,
      signal: null,
      said: ["ready", "reload SIGHUP", "reload SIGHUP", "inner finalizer", "outer finalizer", "exit Failure"]
    })
  })

  it("S3 a second signal leaves at once, with a handler as without", options, async () => {
    expect(await run("runSlowly", ["ready", "SIGINT"], ["closing", "SIGTERM"])).toMatchObject({
      code: 143,
      signal: null,
      // The signal ends the body, and calls the handler: on line 4 the former is there before the latter has its turn.
      said: [
        "ready",
        ...perLine("E5", { 3: ["handler SIGINT", "closing"], 4: ["closing", "handler SIGINT"] })
      ]
    })
  })

  it("sync-loop-023 handlers keep no process alive, unless their Handle is told to", options, async () => {
    expect(await Promise.all([run("holdsNothing"), run("holds", ["ready", "SIGHUP"])])).toEqual([
      { code: 0, signal: null, said: ["exit, 1 watched"] },
      { code: 0, signal: null, said: ["ready", "handler"] }
    ])
  })

  it("runs a handler for what came at rest in the next run", options, async () => {
    expect(await run("atRest", ["ready", "SIGUSR2"])).toEqual({
      code: 0,
      signal: null,
      said: ["ready", "at rest ", "after the run handler"]
    })
  })

  it("signals-003 leaves ignored what Node ignores from its start", options, async () => {
    expect(await run("stillIgnored")).toEqual({
      code: 0,
      signal: null,
      said: ["ignored before true", "survived"]
    })
  })

  it("signals-020 SIGCHLD may have a handler: children are heard of, during and after", options, async () => {
    expect(await run("child")).toEqual({ code: 0, signal: null, said: ["during 0, after 0, handler true"] })
  })

  it("handles 200 signals that come one by one, in their order", options, async () => {
    expect(await run("many")).toEqual({ code: 0, signal: null, said: ["in order"] })
  })
})
