// The list of the loops of a thread.
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Loop, SyncLoop } from "../../../src/index.js"
import { openLoops } from "../../../src/Loop/inspect/openLoops.js"

const names = (): ReadonlyArray<string> => openLoops().map(({ name }) => name)

describe("the open loops of a thread", () => {
  it("are listed from their beginning to their end, in the order in which they were opened", async () => {
    const before = names()
    const first = SyncLoop.make({ name: "first" })
    const second = SyncLoop.make({ name: "second" })
    const scoped = await Effect.runPromise(Loop.scoped(Effect.sync(names), { name: "scoped" }))
    expect(scoped).toEqual([...before, "first", "second", "scoped"])
    await first.close()
    expect(names()).toEqual([...before, "second"])
    await second.close()
    await second.close()
    expect(names()).toEqual(before)
  })

  it("are not kept by the list: a thousand that were forgotten without a close are looked through now and then", async () => {
    for (let i = 0; i < 1_000; i++) {
      SyncLoop.make()
      if (i % 100 === 0) await new Promise(setImmediate)
    }
    const last = SyncLoop.make({ name: "last" })
    expect(names().at(-1)).toBe("last")
    await last.close()
    expect(names()).not.toContain("last")
  })
})
