// Covers: FrameContext, ResourceContext
import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "vitest"
import { framesWay } from "../../../src/Loop/host/FrameContext.js"
import { hasFrames, storage } from "../../../src/Loop/host/Mark.js"
import { resourcesWay } from "../../../src/Loop/host/ResourceContext.js"
import { slot } from "../../../src/Loop/kernel/current.js"
import type { Way } from "../../../src/Loop/host/Captured.js"
import type { Invocable } from "../../../src/Loop/kernel/ports.js"

const user = new AsyncLocalStorage<string>()
const loop = { name: "loop" }
const neighbour = { name: "neighbour" }
const task = { name: "task" }
const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Both are tried where both can be: what a Node without frames does must be the same. */
const ways: ReadonlyArray<readonly [string, Way, boolean]> = [
  ["frames", framesWay, hasFrames],
  ["resources", resourcesWay, true]
]

for (const [name, way, here] of ways) {
  describe.skipIf(!here)(`async-local state in ${name}`, () => {
    const handle = (f: () => void): Invocable => ({ _scheduler: loop, _invoke: f })
    const who = () => ({ ...way.mark() })

    it("L5 what is captured is visible inside, and what is entered inside does not leak", () => {
      user.enterWith("outer")
      const captured = user.run("captured", () => way.capture("owner"))
      expect(way.isCaptured(captured)).toBe(true)
      expect(way.isCaptured({ run: (f) => f() })).toBe(false)
      const seen = captured.run(() => {
        const before = user.getStore()
        user.enterWith("inside")
        return [before, user.getStore()]
      })
      expect(seen).toEqual(["captured", "inside"])
      expect(user.getStore()).toBe("outer")
      expect(() =>
        captured.run(() => {
          throw new Error("boom")
        })
      ).toThrow("boom")
      expect(user.getStore()).toBe("outer")
    })

    it("L5 a task is known after an await, a callback that it schedules is nobody's task", async () => {
      const log: Array<unknown> = []
      const captured = user.run("v", () => way.capture("owner"))
      await captured.call(
        loop,
        task,
        async () => {
          expect([slot.loop, slot.task, slot.owner]).toEqual([loop, task, "owner"])
          await null
          log.push(who(), user.getStore())
          const inner = way.capture("other")
          inner.callHandle(handle(() => log.push(slot.owner, who(), way.isMarked())))
          inner.call(loop, undefined, () => log.push(way.mark()?.owner, way.mark()?.task), undefined)
          log.push(way.mark()?.task)
        },
        undefined
      )
      const [mine, store, owner, callback, isMarked, ...rest] = log
      expect(mine).toMatchObject({ loop, task, owner: "owner" })
      expect([store, owner, isMarked]).toEqual(["v", "other", true])
      expect(callback).toMatchObject({ loop, task: undefined, owner: "other" })
      expect(rest).toEqual(["other", undefined, task])
      expect(way.isMarked()).toBe(false)
    })

    it("L5 a step in the task's own scope finds the mark of the step before; another loop's callback gets its own", () => {
      const marks: Array<unknown> = []
      way.capture(undefined).call(
        loop,
        task,
        () => {
          marks.push(way.mark())
          way.capture("ignored").call(loop, task, () => marks.push(way.mark()), undefined)
          way.callHere(neighbour, undefined, undefined, () => marks.push(way.mark()?.loop), undefined)
          way.callHandleHere(
            handle(() => marks.push(way.mark()?.task)),
            undefined
          )
          marks.push(way.mark())
        },
        undefined
      )
      expect(marks[1]).toBe(marks[0])
      expect(marks[2]).toBe(neighbour)
      expect(marks[3]).toBeUndefined()
    })

    it("L5 nobody's code is unmarked, detached code is a loop's and no task's, and both end", async () => {
      const log: Array<unknown> = []
      expect(way.unmarked(() => way.isMarked())).toBe(false)
      const captured = user.run("v", () => way.capture("owner"))
      await captured.call(
        loop,
        task,
        async () => {
          way.unmarked(() => log.push(way.mark(), user.getStore()))
          // With a storage of the program's entered on top of the mark.
          user.enterWith("w")
          way.unmarked(() => log.push(way.mark(), user.getStore()))
          way.detached(loop, () => {
            log.push(way.mark()?.loop, way.mark()?.task, slot.loop, user.getStore())
            user.enterWith("detached")
          })
          await tick()
          log.push(way.mark()?.task, user.getStore())
        },
        undefined
      )
      expect(log).toEqual([undefined, "v", undefined, "w", loop, undefined, undefined, "w", task, "w"])
    })

    it.skipIf(name !== "frames")("L5 a mark in front of a foreign frame is a flat copy of it", () => {
      const captured = user.run("v", () => way.capture(undefined))
      let task2: unknown
      captured.run(() => {
        storage.enterWith({ loop: neighbour, task: { name: "of another copy" }, owner: undefined })
        way.capture(undefined).call(loop, task, () => (task2 = way.mark()?.task), undefined)
      })
      expect(task2).toBe(task)
    })
  })
}
