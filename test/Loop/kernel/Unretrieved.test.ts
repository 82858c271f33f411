// Failures at which nobody has looked: found when the Future is collected or when the loop closes, and reported once.
import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "vitest"
import { runningTask, type BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import type { Future } from "../../../src/Loop/kernel/Future.js"
import type { Report } from "../../../src/Loop/kernel/Report.js"
import type { Task } from "../../../src/Loop/kernel/Task.js"
import { openManualLoop, openNodeLoop } from "../../support/loops.js"
import { collect } from "../../support/closedLoops.js"

const rest = async () => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Makes garbage of what `make` makes, and gives what was reported until it was gone, and after the loop had closed. */
const drop = async (
  make: (loop: BaseEventLoop) => object | Promise<[object]>,
  options: { readonly debug?: boolean } = {}
): Promise<ReadonlyArray<Report>> => {
  const { loop, reports } = openNodeLoop(options)
  let gone = false
  const registry = new FinalizationRegistry<undefined>(() => (gone = true))
  await (async () => {
    const made = make(loop)
    registry.register(made instanceof Promise ? (await made)[0] : made, undefined)
  })()
  expect(await collect(() => gone)).toBe(true)
  await rest()
  const collected = [...reports]
  loop.close()
  expect(reports).toEqual(collected)
  expect(loop.statistics().unretrieved).toBe(0)
  return collected
}

const failed = (loop: BaseEventLoop, error: unknown): Future<unknown> => {
  const future = loop.createFuture()
  future.setException(error)
  return future
}

/** A task that has failed. In an array: a promise would follow it. */
const failedTask = async (loop: BaseEventLoop, error: unknown): Promise<[Task<never>]> => {
  const task = loop.createTask(async (): Promise<never> => {
    await loop.sleep(0)
    throw error
  })
  await rest()
  return [task]
}

describe("a failure that is collected", () => {
  it("errors-004 is reported once, when nobody has looked at it", async () => {
    const error = new Error("mine")
    const reports = await drop((loop) => failed(loop, error))
    expect(reports).toEqual([
      {
        kind: "unretrieved",
        message: expect.stringMatching(/^Future exception was never retrieved: <Future finished exception=/),
        exception: error
      }
    ])
  })

  it("errors-002 is not reported after cancel() was called on it", async () => {
    expect(
      await drop((loop) => {
        const future = failed(loop, new Error("mine"))
        expect(future.cancel()).toBe(false)
        return future
      })
    ).toEqual([])
  })

  it("errors-003 is not reported where there is a result, read or not", async () => {
    for (const read of [true, false]) {
      expect(
        await drop((loop) => {
          const future = loop.createFuture<number>()
          future.setResult(1)
          if (read) future.result()
          return future
        })
      ).toEqual([])
    }
  })

  it("is not reported where it was cancelled", async () => {
    expect(
      await drop((loop) => {
        const future = loop.createFuture<number>()
        future.cancel()
        return future
      })
    ).toEqual([])
  })

  it("errors-005 is not reported once exception() was called", async () => {
    expect(
      await drop((loop) => {
        const future = failed(loop, new Error("mine"))
        future.exception()
        return future
      })
    ).toEqual([])
  })

  it("is not reported once somebody waits for it, in whatever way", async () => {
    const looks: Array<(future: Future<unknown>) => unknown> = [
      (future) => thrown(future),
      (future) => future.addDoneCallback(() => {}),
      (future) => void future.then(null, () => {}),
      (future) => void (async () => await future)().catch(() => {})
    ]
    for (const look of looks) {
      expect(
        await drop((loop) => {
          const future = failed(loop, new Error("mine"))
          look(future)
          return future
        })
      ).toEqual([])
    }
  })

  it("errors-007 tells in debug mode where it was made", async () => {
    const reports = await drop((loop) => failed(loop, new Error("mine")), { debug: true })
    expect(reports.length).toBe(1)
    expect(reports[0]?.message).toMatch(/^Future exception was never retrieved/)
    expect(reports[0]?.sourceTraceback).toContain("Unretrieved.test.ts")
  })

  it("errors-012 is not reported for a task on which cancel() was called", async () => {
    expect(
      await drop(async (loop) => {
        const made = await failedTask(loop, new TypeError("mine"))
        expect(made[0].cancel()).toBe(false)
        return made
      })
    ).toEqual([])
  })

  it("errors-015 is reported by the default handler for a task that threw", async () => {
    const error = new Error("mine")
    const reports = await drop((loop) => failedTask(loop, error))
    expect(reports).toMatchObject([{ kind: "unretrieved", exception: error }])
    expect(reports[0]?.message).toMatch(/^Task exception was never retrieved: <Task finished exception=/)
  })

  it("is found for a generator, and reported with what its storages held", async () => {
    const local = new AsyncLocalStorage<string>()
    const seen: Array<unknown> = []
    const { loop } = openNodeLoop({
      exceptionHandler: (_, report) => seen.push(report.kind, local.getStore(), runningTask())
    })
    await (async () => {
      local.run("bar", () => {
        loop.createTask(async () => {
          await loop.sleep(0)
          throw new Error("async")
        })
        loop.createTask(function* () {
          yield* loop.sleep(0)
          throw new Error("generator")
        })
      })
      await rest()
    })()
    expect(await collect(() => seen.length === 6)).toBe(true)
    expect(seen).toEqual(["unretrieved", "bar", null, "unretrieved", "bar", null])
    loop.close()
  })

  it("is reported for what then() gave, and not for the Future behind it", async () => {
    const reports = await drop(async (loop) => {
      const chained = failed(loop, new Error("mine")).then(() => 1)
      await rest()
      return [chained]
    })
    expect(reports.map((report) => report.message)).toEqual([
      expect.stringMatching(/^Future exception was never retrieved: <Future finished exception=/)
    ])
  })

  it("holds the error and not the Future", async () => {
    const { loop, reports } = openNodeLoop()
    const error = new Error("mine")
    for (let i = 0; i < 100; i++) failed(loop, error)
    expect(loop.statistics().unretrieved).toBe(100)
    expect(await collect(() => loop.statistics().unretrieved === 0)).toBe(true)
    expect(reports.length).toBe(100)
    loop.close()
  })
})

describe("a failure that is still there when the loop closes", () => {
  it("is reported then, and not again when it is collected", async () => {
    const { loop, host } = openManualLoop()
    let gone = 0
    const registry = new FinalizationRegistry<undefined>(() => gone++)
    const error = new Error("mine")
    ;(() => {
      const future = failed(loop, error)
      registry.register(future, undefined)
      loop.close()
      expect(host.reports).toMatchObject([{ kind: "unretrieved", exception: error }])
      future.cancel()
    })()
    expect(await collect(() => gone === 1)).toBe(true)
    expect(host.reports.length).toBe(1)
  })

  it("is reported once where it fails after the close", async () => {
    const { loop, host } = openManualLoop()
    loop.close()
    failed(loop, new Error("mine"))
    await collect(() => host.reports.length > 0)
    expect(host.reports.length).toBe(1)
  })

  it("tasks-078 never becomes an unhandledRejection of Node, for tasks of any kind", async () => {
    const seen: Array<unknown> = []
    const listener = (reason: unknown) => void seen.push(reason)
    process.on("unhandledRejection", listener)
    try {
      const { loop, reports } = openNodeLoop()
      const error = new Error("mine")
      loop.createTask(async () => {
        throw error
      })
      loop.createTask(function* () {
        yield* loop.sleep(0)
        throw error
      })
      loop.createTask(() => Promise.reject(error))
      await rest()
      expect(loop.statistics().unretrieved).toBe(3)
      loop.close()
      await rest()
      expect(reports.map((report) => [report.kind, report.exception])).toEqual(
        Array.from({ length: 3 }, () => ["unretrieved", error])
      )
      expect(seen).toEqual([])
    } finally {
      process.off("unhandledRejection", listener)
    }
  })
})

const thrown = (future: Future<unknown>): unknown => {
  try {
    return future.result()
  } catch (error) {
    return error
  }
}
