// Promises/A+ as its own test suite has it, in a process of its own. The clauses by name are in FutureThen.test.ts.
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { compiled } from "../../support/compiled.js"

const adapter = compiled("test/support/aplus-adapter.mjs")

describe("Future as a Promises/A+ promise", () => {
  it("passes every case of promises-aplus-tests", { timeout: 120_000 }, async () => {
    const flags = ["--unhandled-rejections=none"]
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, adapter], { timeout: 110_000 })
    expect(JSON.parse(stdout.trim().split("\n").at(-1) as string)).toEqual({ passed: 872, failed: [] })
  })
})
