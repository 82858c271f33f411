// What of a process can be seen before it is asked.
import { createServer } from "node:net"
import { describe, expect, it } from "vitest"
import { checkTarget, listeningPorts } from "../../src/cli/target.js"

describe("the process that is looked at", () => {
  it("is another one than that which looks", () => {
    expect(() => checkTarget(process.pid, false)).toThrow("that is this command itself")
  })

  it("is there", () => {
    // Linux numbers processes up to 2^22.
    expect(() => checkTarget(2 ** 22 + 1, true)).toThrow("there is no process 4194305")
  })

  it.runIf(process.platform === "linux")("has ports on which it listens, and no others", async () => {
    const before = listeningPorts(process.pid)
    const server = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    const { port } = server.address() as { readonly port: number }
    expect([...listeningPorts(process.pid)].filter((one) => !before.has(one))).toEqual([port])
    await new Promise((resolve) => server.close(resolve))
    expect(listeningPorts(process.pid).has(port)).toBe(false)
    expect(listeningPorts(2 ** 22 + 1)).toEqual(new Set())
  })
})
