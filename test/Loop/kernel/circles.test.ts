// Tasks that wait for each other in a circle are named when it forms.
// Covers: Task
import { describe, expect, it } from "vitest"
import type { Report, Task } from "../../../src/index.js"
import { openNodeLoop } from "../../support/loops.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Tasks of which each awaits the next, and the last one the first; those of `firstWaits` first. */
const ring = (
  loop: BaseEventLoop,
  count: number,
  coroutine: (next: () => Task<unknown>) => () => unknown
) => {
  const tasks: Array<Task<unknown>> = []
  for (let i = 0; i < count; i++) {
    tasks.push(
      loop.createTask(
        coroutine(() => tasks[(i + 1) % count] as Task<unknown>),
        { name: `t${i}` }
      )
    )
  }
  return tasks
}

const asyncRing = (next: () => Task<unknown>) => async (): Promise<void> => void (await next())
const generatorRing = (next: () => Task<unknown>) =>
  function* () {
    yield* next()
  }

const circles = (reports: ReadonlyArray<Report>) => reports.filter(({ kind }) => kind === "circle")

describe("a circle of waits", () => {
  it.each([
    ["async functions", asyncRing],
    ["generators", generatorRing]
  ])("is reported once, when the last wait of it begins: %s", async (_, coroutine) => {
    const { loop, reports } = openNodeLoop()
    ring(loop, 3, coroutine)
    await turn()
    await turn()
    expect(circles(reports).map(({ message }) => message)).toEqual([
      "they wait for each other, for ever: task t2 -> task t0 -> task t1 -> task t2"
    ])
    expect(circles(reports)[0]?.task?.getName()).toBe("t2")
    loop.close()
  })

  it("of two is one", async () => {
    const { loop, reports } = openNodeLoop()
    ring(loop, 2, asyncRing)
    await turn()
    expect(circles(reports).length).toBe(1)
    loop.close()
  })

  it("of which one waits for something else as well is none", async () => {
    const { loop, reports } = openNodeLoop()
    const tasks = ring(loop, 2, (next) => async () => void (await Promise.race([next(), loop.sleep(1)])))
    await Promise.all(tasks)
    expect(reports).toEqual([])
    loop.close()
  })

  it("is none where the chain ends at a Future, or at a task that is done", async () => {
    const { loop, reports } = openNodeLoop()
    const future = loop.createFuture<void>()
    const last = loop.createTask(async () => future)
    const middle = loop.createTask(async () => last)
    const first = loop.createTask(async () => middle)
    await turn()
    future.setResult()
    await first
    expect(reports).toEqual([])
    loop.close()
  })

  it("is looked for along 64 waits, so that a chain that is built from its end is not walked from each link", async () => {
    const { loop, reports } = openNodeLoop()
    const future = loop.createFuture<void>()
    let last: Task<unknown> = loop.createTask(async () => future)
    for (let i = 0; i < 20_000; i++) {
      const next = last
      last = loop.createTask(async () => next)
    }
    await turn()
    future.setResult()
    await last
    ring(loop, 200, asyncRing)
    await turn()
    expect(circles(reports)).toEqual([])
    loop.close()
  })
})
