// The example of the platform's services, run as its users run it: as a process under load that is told to end.
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

describe("examples/platform", () => {
  it("--once: every request is answered whole or refused, and a process that does not want to end does not outlive it", async () => {
    const output = await new Promise<string>((resolve, reject) => {
      execFile(
        process.execPath,
        [compiled("examples/platform/main.ts"), "--once"],
        { cwd: root, env: { ...process.env, NODE_OPTIONS: "" } },
        (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stdout + stderr)))
      )
    })
    expect(output).toMatch(/rendering in process \d+[^]*ratings closed after \d+ questions/)
    expect(output).toMatch(
      /requests of 10 clients were answered whole, 0 were not; exit code 143, \d+ ms after/
    )
  }, 60_000)
})
