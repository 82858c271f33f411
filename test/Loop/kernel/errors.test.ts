// The only taxonomy: what our errors are, and what errors of any kind survive.
import { describe, expect, it } from "vitest"
import * as Errors from "../../../src/Loop/kernel/errors.js"
import { CancelledError, isAbortError, isCancelledError } from "../../../src/Loop/kernel/errors.js"
import { AioError, LoopCrash } from "../../../src/Loop/errors.js"
import { kinds, thrown, trackingLoop } from "../../support/trackingHost.js"

describe("CancelledError", () => {
  it("errors-013 is an Error that others take for an AbortError, and ends a task cancelled when it is rethrown", async () => {
    const error = new CancelledError("why")
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      _tag: "CancelledError",
      name: "AbortError",
      code: "ABORT_ERR",
      message: "why"
    })
    expect([isCancelledError(error), isCancelledError(new Error("why")), isAbortError(error)]).toEqual([
      true,
      false,
      true
    ])
    const { loop, host } = trackingLoop()
    for (const [, as] of kinds) {
      const task = loop.createTask(
        as(function* () {
          try {
            yield* loop.sleep(10)
          } catch (caught) {
            yield* loop.sleep(0)
            throw caught
          }
        })
      )
      await host.settle()
      task.cancel()
      await host.settle()
      expect(task.cancelled()).toBe(true)
    }
  })

  it("costs no stack, and leaves the stacks of others as long as they were", () => {
    const limit = Error.stackTraceLimit
    expect(new CancelledError("why").stack).not.toContain("\n")
    expect(Error.stackTraceLimit).toBe(limit)
  })

  it("is known across copies of the library, and its cause is kept", () => {
    class Copy extends Error {
      readonly _tag = "CancelledError"
      override readonly name = "AbortError"
    }
    expect(isCancelledError(new Copy())).toBe(true)
    const cause = new Error("cause")
    expect(new CancelledError("why", { cause }).cause).toBe(cause)
  })

  it("takes a message of any type, also one without a text", () => {
    const unprintable = Object.create(null) as object
    const cases: Array<[unknown, string, unknown]> = [
      [undefined, "cancelled", undefined],
      [null, "cancelled", undefined],
      ["", "cancelled", ""],
      [5, "5", 5],
      [Symbol.for("s"), "Symbol(s)", Symbol.for("s")],
      [unprintable, "<unprintable>", unprintable]
    ]
    for (const [message, text, reason] of cases) {
      expect(new CancelledError(message)).toMatchObject({ message: text, reason })
    }
    const error = new Error("inner")
    expect(new CancelledError(error)).toMatchObject({ message: "inner", reason: error })
  })
})

describe("every error class", () => {
  it("has a _tag that is its name, as B2 says", () => {
    const made = [
      new Errors.InvalidStateError("m"),
      new Errors.LoopClosedError("m"),
      new Errors.NoRunningLoopError("m"),
      new Errors.WrongLoopError("m"),
      new Errors.QueueFullError(5),
      new AioError({ cause: "m", task: "t" }),
      new LoopCrash({ cause: "m", loop: "l", source: "s" })
    ]
    for (const error of made) {
      expect(error).toBeInstanceOf(Error)
      expect(error._tag).toBe(error.constructor.name)
      expect(error.name).toBe(error._tag)
      expect(error.message).not.toBe("")
    }
  })

  it("AioError and LoopCrash carry any cause, also circular and unreadable ones", () => {
    const circular = new Error("one")
    circular.cause = circular
    const hostile = new Error("x")
    for (const key of ["stack", "message"]) {
      Object.defineProperty(hostile, key, {
        get: () => {
          throw new Error("no")
        }
      })
    }
    for (const cause of [
      circular,
      hostile,
      undefined,
      null,
      Object.create(null),
      Object.freeze(new Error("f"))
    ]) {
      expect(Object.is(new AioError({ cause, task: "t" }).cause, cause)).toBe(true)
      expect(Object.is(new LoopCrash({ cause, loop: "l", source: "s" }).cause, cause)).toBe(true)
    }
  })

  it("the guards answer for anything, also for a proxy that throws when it is asked", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const u of [undefined, null, 5, "AbortError", {}, proxy]) {
      expect([isCancelledError(u), isAbortError(u)]).toEqual([false, false])
    }
    expect(isAbortError({ code: "ABORT_ERR" })).toBe(true)
  })
})

describe("errors of tasks", () => {
  it("a task ends that throws a proxy which throws when it is asked", async () => {
    const { loop, host } = trackingLoop()
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const [, as] of kinds) {
      const task = loop.createTask(
        as(function* () {
          yield* loop.sleep(0)
          throw proxy
        })
      )
      await host.settle()
      expect(task.exception() === proxy).toBe(true)
    }
  })

  it("errors-008 stay the same object with the same stack, however often they are awaited", async () => {
    const { loop, host } = trackingLoop()
    for (const [, as] of kinds) {
      const failed = loop.createTask(
        as(function* () {
          yield* loop.sleep(0)
          throw new Error("mine")
        })
      )
      await host.settle()
      const error = failed.exception() as Error
      const stack = error.stack
      const seen = loop.createTask(
        as(function* () {
          const caught: Array<unknown> = []
          for (let i = 0; i < 5; i++) {
            try {
              yield* failed
            } catch (e) {
              caught.push(e)
            }
          }
          return caught
        })
      )
      await host.settle()
      expect((seen.result() as Array<unknown>).every((e) => e === error)).toBe(true)
      expect((seen.result() as Array<unknown>).length).toBe(5)
      expect([error.stack, error.cause]).toEqual([stack, undefined])
      expect(thrown(() => failed.result())).toBe(error)
    }
  })

  it("errors-010 keep the stack of the function that threw them", async () => {
    const { loop, host } = trackingLoop()
    const error: Array<Error> = []
    const throwsHere = () => {
      error.push(new Error("mine"))
      throw error[0]
    }
    const task = loop.createTask(async () => {
      await loop.sleep(0)
      throwsHere()
    })
    await host.settle()
    expect(task.exception()).toBe(error[0])
    expect((task.exception() as Error).stack).toContain("throwsHere")
  })
})
