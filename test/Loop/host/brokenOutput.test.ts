import { describe, expect, it, vi } from "vitest"
import { onBrokenOutput } from "../../../src/Loop/host/brokenOutput.js"

const broken = Object.assign(new Error("write EPIPE"), { code: "EPIPE" })

describe("output that cannot be written any more", () => {
  it("S7 is told of once for each of the two, and silent from then on", () => {
    const told = vi.fn()
    const off = onBrokenOutput(told)
    for (const stream of [process.stdout, process.stdout, process.stderr]) stream.emit("error", broken)
    off()
    expect(told.mock.calls).toEqual([
      ["stdout", broken],
      ["stderr", broken]
    ])
  })

  it("S7 is the program's where that listens as well", () => {
    const told = vi.fn()
    const theirs = vi.fn()
    const off = onBrokenOutput(told)
    process.stdout.on("error", theirs)
    process.stdout.emit("error", broken)
    process.stdout.off("error", theirs)
    off()
    expect(told).not.toHaveBeenCalled()
    expect(theirs).toHaveBeenCalledOnce()
  })

  it("S5 leaves no listener", () => {
    const before = process.stdout.listenerCount("error")
    onBrokenOutput(() => {})()
    expect(process.stdout.listenerCount("error")).toBe(before)
  })
})
