import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { whenStuck } from "../../../src/Loop/host/whenStuck.js"

describe("a clock that nobody moves", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
  afterEach(() => void vi.useRealTimers())

  const clock = (live = false) => {
    let now = 0
    return { live, now: () => now, after: () => () => {}, move: () => void now++ }
  }

  it("S2 is one that has not moved for two seconds; as long as it moves, nothing is said", () => {
    const moving = clock()
    const stuck = vi.fn()
    whenStuck(moving, stuck)
    for (let seconds = 0; seconds < 10; seconds++) {
      moving.move()
      vi.advanceTimersByTime(1_000)
    }
    expect(stuck).not.toHaveBeenCalled()
    vi.advanceTimersByTime(4_000)
    expect(stuck).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  it("S2 is never the live one, and is not looked at any more when that was taken back", () => {
    const stuck = vi.fn()
    whenStuck(clock(true), stuck)
    expect(vi.getTimerCount()).toBe(0)
    whenStuck(clock(), stuck)()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(10_000)
    expect(stuck).not.toHaveBeenCalled()
  })
})
