// node:test as a runner of TestLoop.aio.
import { spawn } from "node:child_process"
import { expect, it } from "vitest"
import { compiled } from "../support/compiled.js"

it("node:test runs tests on loops: a leak fails, a hang tells what is on its loop", async () => {
  const child = spawn(
    process.execPath,
    ["--test-reporter=tap", compiled("test/fixtures/testing/nodeTest.ts")],
    {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 15_000,
      killSignal: "SIGKILL"
    }
  )
  let output = ""
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (data: string) => (output += data))
  const code = await new Promise((resolve) => child.once("close", resolve))
  expect(output).toMatch(/^ok 1 - passes/m)
  expect(output).toMatch(/^not ok 2 - leaks/m)
  expect(output).toMatch(/timer +setInterval\(/)
  expect(output).toMatch(/^not ok 3 - hangs/m)
  expect(output).toMatch(/"hangs" has not ended in its time; 2 left on loop-\d+:/)
  expect(code).toBe(1)
})
