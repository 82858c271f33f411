import { describe, expect, it } from "vitest"
import { isAftermath, isEcho, remember, wasTold } from "../../../src/Loop/closing/told.js"
import { AioError, CancelledError, LoopClosedError, LoopCrash, TaskGroupError } from "../../../src/index.js"

const abortError = (more: object) => Object.assign(new Error("aborted"), { name: "AbortError" }, more)

describe("what is told once", () => {
  it("S7 the library's own cancellation and closing are echoes, wrapped, as a reason, as a cause, in a group", () => {
    const ours = new CancelledError("closing")
    for (const error of [
      ours,
      new LoopClosedError("closed"),
      new AioError({ cause: ours, task: "query" }),
      abortError({ cause: ours }),
      abortError({ reason: ours }),
      Object.assign(new Error(), { code: "ABORT_ERR", reason: abortError({ cause: ours }) }),
      new TaskGroupError([ours, abortError({ cause: ours })])
    ]) {
      expect(isEcho(error)).toBe(true)
    }
  })

  it("S7 other errors are none, whatever they are", () => {
    const ours = new CancelledError("closing")
    const circle = abortError({})
    circle.cause = circle
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const error of [
      new Error("a bug"),
      new Error("a bug", { cause: ours }),
      abortError({}),
      circle,
      new TaskGroupError([ours, new Error("a bug")]),
      new AggregateError([]),
      new LoopCrash({ cause: ours, loop: "main", source: "a callback" }),
      proxy,
      "CancelledError",
      undefined,
      null
    ]) {
      expect(isEcho(error)).toBe(false)
    }
  })

  it("S7 a late error is aftermath and told, one of another kind is told only; by identity, also in its wrapper", () => {
    const late = new Error("late")
    const unretrieved = new Error("unretrieved")
    remember({ kind: "late", message: "", exception: late })
    remember({ kind: "unretrieved", message: "", exception: unretrieved })
    remember({ message: "of the program's own", exception: "shown" })
    expect([late, new AioError({ cause: late, task: "query" })].map(isAftermath)).toEqual([true, true])
    expect([late, unretrieved].map(wasTold)).toEqual([true, true])
    expect([unretrieved, new Error("late")].map(isAftermath)).toEqual([false, false])
    expect([new Error("late"), "shown"].map(wasTold)).toEqual([false, false])
  })

  it("S7 what is no object is remembered as well, the newest only", () => {
    for (let i = 0; i < 150; i++) remember({ kind: "late", message: "", exception: `late ${i}` })
    expect(["late 149", "late 50"].map(isAftermath)).toEqual([true, true])
    expect(isAftermath("late 0")).toBe(false)
  })
})
