// What holds the thread is named after whose code it is.
import { AsyncResource } from "node:async_hooks"
import { readFile } from "node:fs"
import { readFile as readFilePromise } from "node:fs/promises"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { fromAio, Loop, type LoopOptions, type Report, SyncLoop } from "../../../../src/index.js"
import { collecting } from "../../../support/scopedLoops.js"

const spin = (ms: number): void => {
  const until = performance.now() + ms
  while (performance.now() < until);
}

const later = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Loops that report what takes 40 ms; what is given runs on the first one. */
const watching = async (
  body: (loop: SyncLoop) => unknown,
  options: LoopOptions = {}
): Promise<ReadonlyArray<Report>> => {
  const { exceptionHandler, reports } = collecting()
  const loop = SyncLoop.make({ name: "main", slowTurn: 40, exceptionHandler, ...options })
  await loop.runUntilComplete(async () => {
    await body(loop)
    await later(5)
  })
  await loop.close()
  expect(reports.every(({ kind }) => kind === "slowCallback")).toBe(true)
  return reports
}

const messages = (reports: ReadonlyArray<Report>): ReadonlyArray<string> =>
  reports.map(({ message }) => message.replace(/took \d+\.\d+ seconds$/, "took long"))

describe("slowTurn", () => {
  it("names a callback of the loop", async () => {
    const reports = await watching(async (loop) => {
      loop.callSoon(function parse() {
        spin(60)
      })
      await loop.sleep(1)
    })
    expect(messages(reports)).toEqual([expect.stringMatching(/^Executing <Handle parse\(\)> took long$/)])
    expect(reports[0]?.message).toMatch(/took 0\.0[6-9]\d seconds|took 0\.[1-9]/)
    expect(reports[0]?.handle).toBeDefined()
  })

  it("names the task whose first step it is, and where that was created as far as it is known", async () => {
    const reports = await watching((loop) =>
      loop.createTask(
        async () => {
          spin(60)
          await loop.sleep(1)
        },
        { name: "load" }
      )
    )
    expect(messages(reports)).toEqual([
      expect.stringMatching(/^Executing <Task pending name="load".*>, created at .*, took long$/)
    ])
    expect(reports[0]?.task?.getName()).toBe("load")
  })

  it("names the task whose code goes on after an await: of a Future, of a foreign promise, in a timer and in I/O", async () => {
    const reports = await watching(async (loop) => {
      const run = (name: string, work: () => unknown) =>
        loop.createTask(async () => void (await work()), { name })
      await run("of the loop", async () => {
        await loop.sleep(1)
        spin(50)
      })
      await run("foreign", async () => {
        await readFilePromise(import.meta.filename)
        spin(50)
      })
      await run("timer", () => new Promise<void>((done) => setTimeout(() => done(spin(50)), 1)))
      await run("io", () => new Promise<void>((done) => readFile(import.meta.filename, () => done(spin(50)))))
      await run("tick", () => new Promise<void>((done) => process.nextTick(() => done(spin(50)))))
    })
    // A machine with more to do may have been slow elsewhere, too.
    expect(reports.flatMap(({ task }) => task?.getName() ?? [])).toEqual([
      "of the loop",
      "foreign",
      "timer",
      "io",
      "tick"
    ])
  })

  it("says that it was outside the loop where it was, and what Node had called", async () => {
    const nobody = new AsyncResource("nobody")
    const reports = await watching((loop) => {
      const done = loop.createFuture<void>()
      nobody.runInAsyncScope(() => setTimeout(() => (spin(60), done.setResult()), 1))
      return done
    })
    expect(messages(reports)).toEqual(["Executing code outside the loop (Timeout) took long"])
  })

  it("names the pass where many callbacks together took long, with the longest", async () => {
    const reports = await watching(async (loop) => {
      for (let i = 0; i < 30; i++)
        loop.callSoon(function little() {
          spin(2)
        })
      await loop.sleep(1)
    })
    // How many turns they are is the machine's affair.
    expect(messages(reports).length).toBeGreaterThan(0)
    for (const message of messages(reports)) {
      expect(message).toMatch(
        /^Executing \d+ callbacks and steps of main one after another, the longest \(0\.\d+ seconds\) <Handle little\(\)> took long$|^Executing <Handle little/
      )
    }
  })

  it("tells of nothing twice: neither of what has run inside, nor in debug mode", async () => {
    const inside = await watching(async (loop) => {
      loop.callSoon(function outer() {
        AsyncResource.bind(function inner() {
          spin(60)
        })()
        spin(5)
      })
      await loop.sleep(1)
    })
    expect(inside.length).toBe(1)
    const debug = await watching(
      async (loop) => {
        loop.callSoon(function slow() {
          spin(60)
        })
        await loop.sleep(1)
      },
      { debug: true, slowCallbackDuration: 40 }
    )
    expect(debug.length).toBe(1)
  })

  it("goes on after an exception that has left callbacks without an end", async () => {
    const caught: Array<unknown> = []
    const others = process.rawListeners("uncaughtException").slice() as Array<(error: Error) => void>
    process.removeAllListeners("uncaughtException")
    process.on("uncaughtException", (error) => void caught.push(error))
    try {
      const reports = await watching(async (loop) => {
        setTimeout(() => {
          AsyncResource.bind(() => {
            throw new Error("boom")
          })()
        }, 1)
        await later(10)
        loop.callSoon(function after() {
          spin(60)
        })
        await loop.sleep(1)
      })
      expect(messages(reports)).toEqual(["Executing <Handle after()> took long"])
      expect(caught.length).toBe(1)
    } finally {
      process.removeAllListeners("uncaughtException")
      for (const other of others) process.on("uncaughtException", other)
    }
  })

  it("is each loop's own, and ends with it", async () => {
    const { exceptionHandler, reports } = collecting()
    const strict = SyncLoop.make({ name: "strict", slowTurn: 20, exceptionHandler })
    const lax = await watching(
      async () => {
        spin(0)
        await later()
      },
      { slowTurn: 1_000 }
    )
    expect(lax).toEqual([])
    strict.createTask(
      async () => {
        await later(1)
        spin(40)
      },
      { name: "mine" }
    )
    await strict.runUntilComplete(() => later(10))
    expect(reports.map(({ task }) => task?.getName())).toEqual(["mine"])
    await strict.close()
    spin(30)
    await later(5)
    expect(reports.length).toBe(1)
  })

  it.live("names a fiber by its span where a pass has resumed it, and says else that it was outside", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const work = Effect.gen(function* () {
        yield* fromAio(() => later(1))()
        spin(60)
      }).pipe(Effect.withSpan("reckon"))
      yield* Loop.scoped(Effect.zipRight(work, Effect.sleep(10)), { slowTurn: 40, exceptionHandler })
      // Effect 3 goes on in a turn of its own, Effect 4 in the pass that resumes it.
      expect(messages(reports).at(-1)).toMatch(
        /^Executing (fiber #\d+(, in span reckon,)?|code outside the loop .*) took long$/
      )
    })
  )

  it("is refused below a millisecond, and where it is no duration", () => {
    expect(() => SyncLoop.make({ slowTurn: 0 })).toThrow(new RangeError("slowTurn is 1ms or more, not 0"))
    expect(() => SyncLoop.make({ slowTurn: "long" as never })).toThrow(TypeError)
    expect(() => SyncLoop.make({ slowTurn: -1 })).toThrow(RangeError)
  })
})
