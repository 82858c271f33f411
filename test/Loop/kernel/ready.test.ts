// What counts as ready.
import { describe, expect, it } from "vitest"
import { QueueFullError } from "../../../src/Loop/kernel/errors.js"
import { manualLoop } from "../../support/closedLoops.js"
import { thrown } from "../../support/trackingHost.js"

describe("a cancelled handle", () => {
  it("L3 is neither counted as ready nor against queueLength", () => {
    const { loop, host } = manualLoop({ queueLength: 2 })
    const first = loop.callSoon(() => {})
    loop.callSoon(() => {})
    expect(thrown(() => loop.callSoon(() => {}))).toBeInstanceOf(QueueFullError)
    first.cancel()
    expect(loop.statistics().ready).toBe(1)
    loop.callSoon(() => {})
    expect(loop.statistics().ready).toBe(2)
    expect(thrown(() => loop.callSoon(() => {}))).toBeInstanceOf(QueueFullError)
    host.runUntilIdle()
  })
})
