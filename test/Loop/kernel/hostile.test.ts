// Values of the program that throw where the library looks at them: they end their own task or callback, never the pass.
// Covers: Context
import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "vitest"
import { copyContext } from "../../../src/Loop/host/AsyncContext.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { bounded, oneLine } from "../../../src/Loop/kernel/describe.js"
import { Future } from "../../../src/Loop/kernel/Future.js"
import type { Context } from "../../../src/Loop/kernel/Context.js"
import { shield } from "../../../src/Loop/kernel/shield.js"
import { manualLoop, nodeLoop } from "../../support/closedLoops.js"
import { inside, reportingLoop, thrown } from "../../support/trackingHost.js"

const boom = new Error("boom")
const fail = (): never => {
  throw boom
}

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

class BadThen extends Promise<number> {
  override then(): never {
    return fail()
  }
}

class BadText extends Future<unknown> {
  override toString(): string {
    return fail()
  }
}

/** How a task ends, and whether the loop ran on after it. */
const outcome = async (
  start: (loop: BaseEventLoop) => Future<unknown>
): Promise<{ readonly error: unknown; readonly goesOn: boolean }> => {
  const { loop, host } = reportingLoop()
  const ends = start(loop)
  await host.settle()
  let goesOn = false
  loop.callSoon(() => (goesOn = true))
  await host.settle()
  return { error: ends.done() ? ends.exception() : "pending", goesOn }
}

describe("a value that throws where the library looks at it", () => {
  it("B2 a context that cannot be entered is refused before anything is scheduled", () => {
    const { loop, host } = manualLoop()
    const future = loop.createFuture()
    for (const context of [{}, 1, "run", new AsyncLocalStorage(), { run: 1 }, revoked()]) {
      const refusals = [
        thrown(() => loop.createTask(async () => 1, { context: context as Context })),
        thrown(() => future.addDoneCallback(() => {}, { context: context as Context }))
      ]
      for (const refusal of refusals) {
        expect(refusal).toBeInstanceOf(TypeError)
        expect((refusal as Error).message).toMatch(/^the context of (createTask|addDoneCallback) is what/)
      }
    }
    expect(loop.statistics()).toMatchObject({ tasks: 0, ready: 0 })
    expect(future.removeDoneCallback(() => {})).toBe(0)
    loop.createTask(() => 1, { context: copyContext() }).cancel()
    loop.createTask(() => 1, { context: null as never }).cancel()
    future.cancel()
    host.runUntilIdle()
  })

  it("B2 a class is refused as a coroutine, by its name, and a frozen function is not", async () => {
    const { loop } = manualLoop()
    class Job {}
    for (const wrong of [Job, class extends Job {}, Map, Promise]) {
      const refusal = thrown(() => loop.createTask(wrong as never)) as Error
      expect(refusal).toBeInstanceOf(TypeError)
      expect(refusal.message).toMatch(/^createTask takes an async function .* not the class /)
    }
    expect(loop.statistics()).toMatchObject({ tasks: 0, ready: 0 })
    const frozen = Object.freeze(function () {
      return 7
    })
    const { error, goesOn } = await outcome((on) => on.createTask(frozen))
    expect([error, goesOn]).toEqual([undefined, true])
  })

  it("B2 a name that is no text is refused before anything is scheduled", () => {
    const { loop } = manualLoop()
    const refusal = thrown(() => loop.createTask(async () => 1, { name: { toString: fail } }))
    expect(refusal).toBeInstanceOf(TypeError)
    expect((refusal as Error).cause).toBe(boom)
    expect(loop.statistics()).toMatchObject({ tasks: 0, ready: 0 })
  })

  it("L1 what a coroutine returns ends its task with a TypeError where it cannot be looked at", async () => {
    const tagged = {
      get [Symbol.toStringTag](): string {
        return fail()
      }
    }
    for (const value of [tagged, revoked()]) {
      const { error, goesOn } = await outcome((loop) => loop.createTask(() => value, { name: "odd" }))
      expect(error).toBeInstanceOf(TypeError)
      expect((error as Error).message).toMatch(
        /^task odd returned <\w+>, which cannot be looked at$|unprintable/
      )
      expect((error as Error).cause).toBeInstanceOf(Error)
      expect(goesOn).toBe(true)
    }
  })

  it("L1 a promise whose then throws, and a thenable whose then cannot be read, end the task with their own error", async () => {
    const unreadable = {
      get then(): never {
        return fail()
      }
    }
    for (const returned of [new BadThen(() => {}), unreadable]) {
      const { error, goesOn } = await outcome((loop) => loop.createTask(() => returned))
      expect([error, goesOn]).toEqual([boom, true])
    }
  })

  it("L1 a generator that yields a revoked proxy gets a TypeError there, and one that answers with nothing fails", async () => {
    const yields = await outcome((loop) =>
      loop.createTask(function* () {
        yield revoked()
      })
    )
    expect((yields.error as Error).message).toContain("which is not a Future")
    const fake = { [Symbol.toStringTag]: "Generator", next: () => undefined }
    const answers = await outcome((loop) => loop.createTask(() => fake as never))
    expect(answers.error).toBeInstanceOf(TypeError)
    expect([yields.goesOn, answers.goesOn]).toEqual([true, true])
  })

  it("L1 a context whose run throws ends its task with a TypeError, and its callback with a report", async () => {
    const context: Context = { run: fail }
    const task = await outcome((loop) => loop.createTask(async () => 1, { name: "odd", context }))
    expect(task.error).toBeInstanceOf(TypeError)
    expect(task.error).toMatchObject({
      message: "task odd could not be run in the context that it was given",
      cause: boom
    })
    const { loop, host, reports, log } = reportingLoop()
    const future = loop.createFuture<number>()
    future.addDoneCallback(() => log.push("never"), { context })
    future.addDoneCallback(() => log.push("next"))
    future.setResult(1)
    await host.settle()
    expect([task.goesOn, log]).toEqual([true, ["next"]])
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["callback", boom]])
  })

  it("L1 debug mode measures a task whose text cannot be made", async () => {
    const { loop, host, reports } = reportingLoop({ debug: true, slowCallbackDuration: 0 })
    const bad = new BadText(loop)
    const task = loop.createTask(function* () {
      yield bad
    })
    await host.settle()
    bad.cancel()
    await host.settle()
    expect(task.cancelled()).toBe(true)
    expect(reports.every(({ kind }) => kind === "slowCallback")).toBe(true)
  })

  it("L6 a Future whose toString throws is reported all the same, and fails its setter in no way", async () => {
    const { loop, reports } = nodeLoop()
    const bad = new BadText(loop)
    bad.setException(boom)
    const shielded = new BadText(loop)
    inside(loop, () => shield(shielded)).cancel()
    shielded.setException(boom)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
      ["late", "<unprintable> failed after the shield around it was cancelled"]
    ])
    bad.exception()
  })

  it("L6 a name of a megabyte, with line ends and escape sequences, is one short line in every text", async () => {
    const { loop, host } = reportingLoop()
    const name = `\u001b[31mred\nline${"x".repeat(1_000_000)}`
    const task = loop.createTask(() => loop.createFuture(), { name })
    const other = loop.createTask(function* () {
      yield task
    })
    await host.settle()
    expect(task.getName()).toBe(name)
    for (const text of [String(task), ...other.waitingOn(), String(other)]) {
      expect(text.length).toBeLessThan(700)
      // eslint-disable-next-line no-control-regex -- that they are not there is the point
      expect(text).not.toMatch(/[\u0000-\u001f]/)
    }
    other.cancel()
    await host.settle()
  })

  it("L6 messages are bounded, keep their own lines, and have nothing that a terminal obeys", () => {
    const { loop, host } = manualLoop()
    loop.callExceptionHandler({ message: `a table:\n\tone\u001b[2J row${"y".repeat(1_000_000)}` })
    const { message } = host.reports[0]!
    expect(message.startsWith("a table:\n\tone  rowyyy")).toBe(true)
    expect(message.length).toBeLessThan(50_000)
    expect(oneLine("plain")).toBe("plain")
    expect(oneLine("a\r\n\tb\u001b]0;title\u0007c\u2028d")).toBe("a b c d")
    expect(oneLine("z".repeat(201))).toBe(`${"z".repeat(200)}…`)
    expect(bounded(undefined as never)).toBeUndefined()
  })
})
