import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { inRealTime } from "../../../src/Loop/host/inRealTime.js"

describe("a deadline in real time", () => {
  /** How long the process was held up so far: the clock goes on, the timers do not. */
  let heldUp = 0

  beforeEach(() => {
    heldUp = 0
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
    const now = performance.now.bind(performance)
    vi.spyOn(performance, "now").mockImplementation(() => now() + heldUp)
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  /** When it passed, in steps of a timer's time. */
  const passedAt = (ms: number, step: (elapsed: number) => void) => {
    let passed: number | undefined
    let elapsed = 0
    inRealTime(ms, () => (passed = elapsed))
    for (; passed === undefined && elapsed < 60_000; elapsed += 50) {
      step(elapsed)
      vi.advanceTimersByTime(50)
    }
    return passed
  }

  it("S2 passes when it should", () => {
    expect(passedAt(1_000, () => {})).toBe(950)
  })

  it("S2 gives the time once more that the process was stopped for, and no more than there was", () => {
    const stopAt = (at: number, ms: number) => (elapsed: number) => {
      if (elapsed === at) heldUp += ms
    }
    expect(passedAt(5_000, stopAt(4_000, 3_000))).toBe(7_950)
    expect(passedAt(2_000, stopAt(1_000, 50_000))).toBe(3_950)
  })

  it("S2 passes although the process is held up again and again", () => {
    expect(passedAt(2_000, () => void (heldUp += 40))).toBeLessThan(4_000)
  })

  it("S2 is taken back", () => {
    const passed = vi.fn()
    inRealTime(10, passed)()
    vi.advanceTimersByTime(100)
    expect(passed).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })
})
