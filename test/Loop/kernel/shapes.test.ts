import { describe, expect, it } from "vitest"
import { keepShapes } from "../../../src/Loop/kernel/shapes.js"
import { Steps, Stopping } from "../../../src/Loop/kernel/Task.js"
import { Mark } from "../../../src/Loop/host/Mark.js"
import { nodeLoop } from "../../support/closedLoops.js"
import { haveSameLayout } from "../../support/layout.js"

type Kept = [object, object, object, object, object, object, object, object, object, object, object, object]

describe("one object of each class, kept", () => {
  it("callbacks, timers, Futures, reactions and tasks of a loop have the layout of those that are kept", async () => {
    const { loop } = nodeLoop()
    const kept = keepShapes() as Kept
    const [handle, timer, future, awaits, reaction, task, , cancelled, forReason, , stopping, steps] = kept
    expect(keepShapes()).toBe(keepShapes())
    const made = loop.createFuture<void>()
    expect(haveSameLayout(made, future)).toBe(true)
    expect(
      haveSameLayout(
        loop.callSoon(() => {}),
        handle
      )
    ).toBe(true)
    expect(
      haveSameLayout(
        loop.callLater(1, () => {}),
        timer
      )
    ).toBe(true)
    expect(
      haveSameLayout(
        made.then(() => {}),
        reaction
      )
    ).toBe(true)
    // The functions of a promise are what an await gives.
    await new Promise<void>((resolve, reject) => {
      expect(haveSameLayout(made.then(resolve, reject), awaits)).toBe(true)
      loop.callSoon(() => made.setResult())
    })
    expect(
      haveSameLayout(
        loop.createTask(async () => 1),
        task
      )
    ).toBe(true)
    expect(
      haveSameLayout(
        loop.createTask(function* () {}, { name: "named" }),
        task
      )
    ).toBe(true)
    const dropped = loop.createFuture<void>()
    dropped.cancel("not needed")
    expect(haveSameLayout(dropped._error() as object, cancelled)).toBe(true)
    expect(haveSameLayout(forReason, cancelled)).toBe(true)
    expect(haveSameLayout(new Stopping(undefined), stopping)).toBe(true)
    expect(haveSameLayout(new Steps(undefined), steps)).toBe(true)
    expect(haveSameLayout(new Mark(undefined, loop, made, made), Mark.kept)).toBe(true)
    expect(haveSameLayout(made, task)).toBe(false)
    await loop.sleep(2)
  })
})
