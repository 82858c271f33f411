import { getMaxListeners } from "node:events"
import { setTimeout as after } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { manyListeners } from "../../../src/Loop/host/manyListeners.js"
import { TaskAbort } from "../../../src/Loop/host/TaskAbort.js"

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe("the signal of a task", () => {
  it("J10 is Node's: it fires once, has its reason, and is found aborted by who looks", async () => {
    const log: Array<string> = []
    const abort = new TaskAbort(() => log.push("spins"))
    const { signal } = abort
    expect([signal.aborted, signal instanceof AbortSignal]).toEqual([false, true])
    signal.throwIfAborted()
    signal.addEventListener("abort", () => log.push(`fired ${signal.aborted}`))
    abort.abort("why")
    abort.abort("again")
    expect([signal.aborted, signal.reason, log]).toEqual([true, "why", ["fired true"]])
    expect(() => signal.throwIfAborted()).toThrow("why")
    expect(AbortSignal.any([signal]).aborted).toBe(true)
    await expect(after(60_000, undefined, { signal })).rejects.toMatchObject({ name: "AbortError" })
  })

  it("can be asked for its limit of listeners, as undici does before it listens", () => {
    const { signal } = new TaskAbort(() => {})
    expect([getMaxListeners(signal), getMaxListeners(manyListeners(new AbortController().signal))]).toEqual([
      Infinity,
      Infinity
    ])
  })

  it("S2 says that it is not aborted to who asks a thousand times in one turn, until the next", async () => {
    const log: Array<string> = []
    const abort = new TaskAbort(() => log.push("spins"))
    const { signal } = abort
    abort.abort("why")
    await turn()
    for (let i = 0; i < 1_000; i++) if (!signal.aborted) log.push(`not aborted at ${i}`)
    expect(log).toEqual([])
    expect([signal.aborted, signal.aborted, log]).toEqual([false, false, ["spins"]])
    expect(() => signal.throwIfAborted()).not.toThrow()
    await turn()
    expect([signal.aborted, log]).toEqual([true, ["spins"]])
  })
})
