/** What a handle that is offered does to its process. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { compiled } from "../../support/compiled.js"

const programs = compiled("test/fixtures/threads/programs.ts")
const root = fileURLToPath(new URL("../../../", import.meta.url))

const children = new Set<ReturnType<typeof spawn>>()

afterAll(() => {
  // Only what a failed test has left behind.
  for (const child of children) child.kill("SIGKILL")
})

describe.concurrent("a handle that is offered, in a process of its own", { timeout: 60_000 }, () => {
  const run = (program: string): Promise<object> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [programs, program], {
        cwd: root,
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, NODE_OPTIONS: "", EFFECT_AIO_DEBUG: "" }
      })
      children.add(child)
      let output = ""
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString()
        if (output.endsWith("held\n")) child.kill("SIGTERM")
      })
      child.on("close", (code, signal) => {
        children.delete(child)
        resolve({ code, signal, said: output.trim().split("\n") })
      })
    })

  it("keeps the process alive", async () => {
    expect(await run("held")).toEqual({ code: null, signal: "SIGTERM", said: ["held"] })
  })

  it("does not when it is closed or unref'd, or its loop is closed", async () => {
    expect(await Promise.all(["closed", "unrefd", "loopClosed"].map(run))).toEqual([
      { code: 0, signal: null, said: ["closed", "exit"] },
      { code: 0, signal: null, said: ["unref'd", "exit"] },
      { code: 0, signal: null, said: ["loop closed", "exit"] }
    ])
  })
})
