import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { compiled } from "../../support/compiled.js"

const fixture = compiled("test/fixtures/executor/program.ts")
const root = fileURLToPath(new URL("../../../", import.meta.url))

/** Generous: a process takes a second or two to start on a busy machine. */
const options = { timeout: 60_000 }

/** Runs one program of the fixture; `signal` is sent when it has printed "ready". */
const run = (program: string, signal?: NodeJS.Signals, limits = "") =>
  new Promise<{ readonly code: number | null; readonly said: ReadonlyArray<string> }>((resolve) => {
    const child = spawn("sh", ["-c", `${limits} exec "$0" "$@"`, process.execPath, fixture, program], {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "", EFFECT_AIO_DEBUG: "" }
    })
    let output = ""
    let due = signal
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      if (due === undefined || !output.includes("ready")) return
      child.kill(due)
      // A second one may come when nobody handles it any more.
      due = undefined
    })
    child.on("close", (code) => resolve({ code, said: output.split("\n").filter((line) => line !== "") }))
  })

describe.concurrent("an executor, in a process of its own", () => {
  it("idle threads of one that nobody closes do not keep the process", options, async () => {
    expect(await run("idle")).toEqual({ code: 0, said: ["7", "1"] })
  })

  it("a running job keeps the process until it has ended", options, async () => {
    expect(await run("running")).toEqual({ code: 0, said: ["run ended", "job ended"] })
  })

  it("a loop that is closed at once leaves nothing that keeps the process", options, async () => {
    expect(await run("closed")).toEqual({
      code: 0,
      said: [expect.stringContaining("LoopClosedError")]
    })
  })

  it("S3 a signal cancels the jobs, joins them, and ends the process", options, async () => {
    expect(await run("signal", "SIGTERM")).toEqual({ code: 143, said: ["ready", "joined"] })
  })

  it("too few descriptors for a thread fail its own job, and the next job has one", options, async () => {
    expect(await run("noDescriptors", undefined, "ulimit -n 500;")).toEqual({
      code: 0,
      said: ["all told true"]
    })
  })

  it("the pool is loaded with the first job", options, async () => {
    expect(await run("lazy")).toEqual({ code: 0, said: ["false", "true"] })
  })
})
