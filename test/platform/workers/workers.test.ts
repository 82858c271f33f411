// How workers are named and what they work on, in words.
// Covers: WorkerOptions, RpcJobs, jobText
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "vitest"
import { workText } from "../../../src/platform/workers/jobText.js"
import { RpcJobs } from "../../../src/platform/workers/RpcJobs.js"
import { checkWorkerOptions, settingsFor } from "../../../src/platform/workers/WorkerOptions.js"

describe("settingsFor", () => {
  const of = (spawn: unknown, name?: string) => settingsFor({ grace: 5, name }, spawn)

  it("names workers by what was said, by the file in the source of their function, by its name", () => {
    const startOne = (id: number) => id
    expect(of(() => new Worker(new URL("./deep/runner.mjs", import.meta.url)))).toEqual({
      grace: 5,
      name: "./deep/runner.mjs"
    })
    expect(of(() => new Worker("runner.js"), "sums")).toEqual({ grace: 5, name: "sums" })
    expect(of(startOne).name).toBe("startOne")
    expect(of((id: number) => id).name).toBe("worker")
    expect(of(undefined).name).toBe("worker")
  })

  it("has a grace of one second where nothing was said", () => {
    expect(checkWorkerOptions("x", {})).toEqual({ grace: 1_000, name: undefined })
    expect(checkWorkerOptions("x", { grace: "2 seconds" })).toEqual({ grace: 2_000, name: undefined })
  })
})

describe("workText", () => {
  it("shows the oldest job by its tag or as a value, how many there are, and what was interrupted", () => {
    const sum = { request: { _tag: "Sum" }, since: 2 }
    expect(workText([], [], 9)).toBe("")
    expect(workText([sum], [], 9)).toBe("Sum for 7ms")
    expect(workText([], [sum], 9)).toBe("interrupted: Sum for 7ms")
    const others = [
      { request: 41, since: 1.4 },
      { request: null, since: 5 }
    ]
    expect(workText(others, [sum], 9)).toBe("2 jobs, the oldest 41 for 8ms; interrupted: Sum for 7ms")
  })

  it("shows a request that cannot be looked at as what it is", () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error("no")
        },
        getPrototypeOf: () => {
          throw new Error("no")
        }
      }
    )
    expect(workText([{ request: hostile, since: 0 }], [], 1)).toBe("<unprintable> for 1ms")
  })
})

describe("RpcJobs", () => {
  it("knows requests from when they are sent until they end", () => {
    const jobs = new RpcJobs()
    jobs.sent({ _tag: "Request", id: "1", tag: "Sum" }, 1)
    jobs.sent({ _tag: "Request", id: "2", tag: "Count" }, 2)
    jobs.received({ _tag: "Chunk", requestId: "2" })
    expect(jobs.text(5)).toBe("2 jobs, the oldest Sum for 4ms")
    jobs.sent({ _tag: "Interrupt", requestId: "1" }, 3)
    jobs.sent({ _tag: "Interrupt", requestId: "7" }, 3)
    expect(jobs.text(5)).toBe("Count for 3ms; interrupted: Sum for 4ms")
    expect(jobs.abandoned).toBe(false)
    jobs.sent({ _tag: "Interrupt", requestId: "2" }, 4)
    expect(jobs.abandoned).toBe(true)
    jobs.received({ _tag: "Exit", requestId: "1" })
    expect(jobs.text(5)).toBe("interrupted: Count for 3ms")
    jobs.received({ _tag: "Defect", defect: "no" })
    expect(jobs.text(5)).toBe("")
    expect(jobs.abandoned).toBe(false)
  })

  it("does not mind other messages", () => {
    const jobs = new RpcJobs()
    for (const other of [undefined, null, 1, "Request", [], { _tag: 1 }]) {
      jobs.sent(other, 0)
      jobs.received(other)
    }
    expect(jobs.text(1)).toBe("")
  })
})
