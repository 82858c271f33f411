// How much waits to be written, and what its sender is told.
import { describe, expect, it } from "vitest"
import { WriteLimits } from "../../../src/Loop/stream/WriteLimits.js"

const open = () => {
  const log: Array<string> = []
  const queued: Array<() => void> = []
  const limits = new WriteLimits({
    pauseWriting: () => void log.push("pause"),
    resumeWriting: () => void log.push("resume"),
    later: (f) => void queued.push(f)
  })
  const run = (): void => {
    for (const f of queued.splice(0)) f()
  }
  const add = (bytes: number): void => {
    limits.add(bytes)
    limits.check()
  }
  return { add, limits, log, run }
}

describe("WriteLimits", () => {
  it("tells the sender to stop above the high limit, once, and to go on at the low one, later", () => {
    const { add, limits, log, run } = open()
    limits.set({ high: 10, low: 4 })
    add(10)
    expect(log).toEqual([])
    add(1)
    add(1)
    expect([log, limits.size]).toEqual([["pause"], 12])
    limits.remove(7)
    run()
    expect(log).toEqual(["pause"])
    limits.remove(1)
    expect(log).toEqual(["pause"])
    run()
    expect(log).toEqual(["pause", "resume"])
  })

  it("does not go on where more has come meanwhile", () => {
    const { add, limits, log, run } = open()
    limits.set({ high: 10 })
    add(11)
    limits.remove(11)
    add(3)
    run()
    expect(log).toEqual(["pause"])
  })

  it("looks again when its limits change (streams-050)", () => {
    const { add, limits, log } = open()
    expect(limits.limits).toEqual({ low: 16384, high: 65536 })
    add(100)
    expect(() => limits.set({ high: 0, low: 1 })).toThrow(RangeError)
    limits.set({ high: 99 })
    limits.check()
    expect([log, limits.limits]).toEqual([["pause"], { low: 24, high: 99 }])
    limits.set({ low: 100 })
    expect([log, limits.limits]).toEqual([["pause", "resume"], { low: 100, high: 400 }])
  })

  it("tells nothing after its end", () => {
    const { add, limits, log, run } = open()
    limits.set({ high: 1 })
    add(2)
    limits.remove(2)
    limits.end()
    run()
    add(5)
    expect(log).toEqual(["pause"])
    limits.end()
    expect(limits.size).toBe(0)
  })
})
