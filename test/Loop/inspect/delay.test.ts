import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { delayNow } from "../../../src/Loop/inspect/delay.js"

/** Holds the thread up. */
const block = (ms: number): void => {
  for (const until = performance.now() + ms; performance.now() < until;);
}
/** By Node's own clock: what is measured is time. */
const { setTimeout: timeout } = globalThis
const pause = (ms: number) => new Promise((resolve) => timeout(resolve, ms))

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
afterEach(() => {
  // What it remembers of the looks is the thread's: so much later it has forgotten them.
  vi.advanceTimersByTime(15_000)
  vi.useRealTimers()
})

describe("how late callbacks are", () => {
  it("is measured from the second look on, and each look tells of the time since the one before", async () => {
    expect([delayNow(), delayNow()]).toEqual([undefined, undefined])
    await pause(50)
    block(120)
    await pause(50)
    const late = delayNow()
    expect(late?.max).toBeGreaterThan(60)
    expect(late?.max).toBeGreaterThan(late?.mean ?? Infinity)
    await pause(100)
    expect(delayNow()?.max).toBeLessThan(late?.max ?? 0)
  })

  it("does not count what a look takes itself", async () => {
    delayNow()
    delayNow()
    await pause(50)
    delayNow()
    block(200)
    await pause(100)
    expect(delayNow()?.max).toBeLessThan(150)
  })

  it("is measured for some seconds without a look", async () => {
    delayNow()
    delayNow()
    await pause(50)
    expect(delayNow()).toBeDefined()
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(14_000)
    delayNow()
    vi.advanceTimersByTime(14_000)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1_000)
    expect(vi.getTimerCount()).toBe(0)
  })
})
