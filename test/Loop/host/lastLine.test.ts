import { spawn } from "node:child_process"
import { describe, expect, it } from "vitest"
import { compiledUrl } from "../../support/compiled.js"

/** A process that says so much as its last line and exits with 9: its code, and what was read of it. */
const ending = (letters: number, read: boolean) =>
  new Promise<readonly [number | null, string]>((resolve) => {
    const program =
      `import { lastLine } from ${JSON.stringify(compiledUrl("src/Loop/host/lastLine.ts").href)}\n` +
      `lastLine("x".repeat(${letters}))\nprocess.exit(9)`
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "ignore", "pipe"]
    })
    let text = ""
    if (read) child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()))
    child.on(read ? "close" : "exit", (code) => {
      child.stderr.destroy()
      resolve([code, text])
    })
  })

describe("the last line of a process", { timeout: 60_000 }, () => {
  it("S7 is there when the process has exited, however long it is", async () => {
    expect(await ending(1_000_000, true)).toEqual([9, `${"x".repeat(1_000_000)}\n`])
  })

  it("S7 does not hold the process where nobody reads it", async () => {
    expect(await ending(4_000_000, false)).toEqual([9, ""])
  })
})
