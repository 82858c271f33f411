import { describe, expect, it } from "vitest"
import { WatchHandle } from "../../../src/Loop/kernel/WatchHandle.js"
import { manualLoop } from "../../support/closedLoops.js"

/** A handle on a manual loop, and what happened to it. */
const watching = (callback: (...args: Array<never>) => unknown, ...args: ReadonlyArray<unknown>) => {
  const { host, loop } = manualLoop()
  const log: Array<string> = []
  const handle = new WatchHandle(
    loop,
    "a thing",
    callback,
    args,
    undefined,
    () => log.push("dropped"),
    () => log.push(`ref ${handle.hasRef()}`)
  )
  return { handle, host, log, loop }
}

describe("WatchHandle", () => {
  it("runs its callback with its arguments, in a pass, every time that something happens", () => {
    const calls: Array<string> = []
    const { handle, host } = watching((a: string, b: string) => calls.push(a + b), "a", "b")
    handle._fire()
    expect([calls, handle._queued]).toEqual([[], true])
    host.runUntilIdle()
    expect([calls, handle._queued, handle.cancelled()]).toEqual([["ab"], false, false])
    handle._fire()
    handle._fire()
    host.runUntilIdle()
    expect(calls).toEqual(["ab", "ab", "ab"])
    handle.cancel()
  })

  it("L3 cancelled, drops its registration once and what is queued, and never runs again", () => {
    const calls: Array<string> = []
    const { handle, host, log } = watching(() => calls.push("ran"))
    handle._fire()
    handle.cancel()
    handle.cancel()
    handle._fire()
    host.runUntilIdle()
    expect([calls, log, handle.cancelled(), handle._queued]).toEqual([[], ["dropped"], true, false])
  })

  it("L8 may be cancelled by its own callback, between two runs that are queued", () => {
    const calls: Array<string> = []
    const { handle, host, log } = watching(() => {
      calls.push("ran")
      handle.cancel()
    })
    handle._fire()
    handle._fire()
    host.runUntilIdle()
    expect([calls, log]).toEqual([["ran"], ["dropped"]])
  })

  it("L6 reports a callback that throws, and goes on", () => {
    const wrong = new Error("wrong")
    const { handle, host, loop } = watching((n: number) => {
      throw Object.assign(wrong, { n })
    }, 5)
    const kinds: Array<unknown> = []
    loop.setExceptionHandler((_, { exception, kind, message }) => kinds.push([kind, exception, message]))
    handle._fire()
    host.runUntilIdle()
    handle._fire()
    host.runUntilIdle()
    expect(kinds).toHaveLength(2)
    expect(kinds[0]).toEqual(["callback", wrong, expect.stringContaining("(5)")])
    expect(wrong).toMatchObject({ n: 5 })
    handle.cancel()
  })

  it("tells once when it lets the process end, or not; cancelled, it never holds it", () => {
    const { handle, log } = watching(() => {})
    expect(handle.hasRef()).toBe(true)
    expect(handle.unref().unref()).toBe(handle)
    expect(handle.hasRef()).toBe(false)
    handle.ref()
    handle.cancel()
    expect(handle.hasRef()).toBe(false)
    expect(log).toEqual(["ref false", "ref true", "dropped"])
  })

  it("says what it watches", () => {
    const { handle } = watching(function named() {}, 1, "x")
    expect(String(handle)).toBe('<WatchHandle a thing named(1, "x")>')
    handle.cancel()
    expect(String(handle)).toBe("<WatchHandle cancelled a thing>")
  })
})
