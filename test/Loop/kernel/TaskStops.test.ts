// `cancel` and `cancelled`: how the work of a task is stopped, and which error is the echo of that.
// Covers: echoes
import { describe, expect, it } from "vitest"
import { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { isKnownAbort, knownAborts } from "../../../src/Loop/kernel/echoes.js"
import { CancelledError } from "../../../src/Loop/kernel/errors.js"
import type { Task, TaskOptions } from "../../../src/Loop/kernel/Task.js"
import { waitFor } from "../../../src/Loop/kernel/timeouts.js"
import { ManualHost } from "../../support/loops.js"
import { inside, reportingLoop, thrown } from "../../support/trackingHost.js"

const boom = new Error("boom")

/** A call that no signal reaches: it ends when `end` is called, or `fail`. */
const deaf = () => {
  let end = (): void => {}
  let fail = (_: unknown): void => {}
  const promise = new Promise<void>((yes, no) => {
    end = yes
    fail = no
  })
  return { promise, end: () => end(), fail: (error: unknown) => fail(error) }
}

/** A task at work that no signal reaches. */
const atWork = async (options: TaskOptions = {}, reads = false) => {
  const made = reportingLoop()
  const work = deaf()
  const task = made.loop.createTask(
    (self) => {
      if (reads) void self.signal
      return work.promise
    },
    { name: "query", ...options }
  )
  await made.host.settle()
  return { ...made, work, tasks: [task] as [Task<unknown>] }
}

describe("J11 the cancel of a task", () => {
  it("is called once, with the reason and the task, after the signal was aborted and what it awaits was cancelled", async () => {
    const { loop, host, log } = reportingLoop()
    const awaited = loop.createFuture()
    const seen: Array<unknown> = []
    const task = loop.createTask(
      async (self) => {
        self.signal.addEventListener("abort", () => log.push("aborted"))
        try {
          await awaited
        } catch {
          await loop.sleep(5)
        }
      },
      {
        cancel: (reason, of) => {
          log.push(`cancel, awaited cancelled: ${awaited.cancelled()}`)
          seen.push(reason, of)
        }
      }
    )
    await host.settle()
    task.cancel("why")
    expect(log).toEqual(["aborted", "cancel, awaited cancelled: true"])
    expect([seen[0] instanceof CancelledError, seen[1] === task, seen.length]).toEqual([true, true, 2])
    expect((seen[0] as CancelledError).reason).toBe("why")
    await host.pass(1)
    task.cancel("again")
    await host.pass(10)
    expect(log).toHaveLength(2)
  })

  it("ends a call that no signal reaches, and the task ends when both have", async () => {
    const stopping = deaf()
    const { host, log, tasks, work } = await atWork({
      cancel: () => {
        work.fail(boom)
        return stopping.promise
      },
      cancelled: (error) => error === boom
    })
    const [task] = tasks
    task.cancel("why")
    await host.settle()
    log.push(task.done(), task.waitingOn())
    stopping.end()
    await host.settle()
    log.push(task.cancelled())
    expect(log).toEqual([false, ["its cancel"], true])
    expect(thrown(() => task.result())).toMatchObject({ reason: "why", cause: boom })
  })

  it("waits for the coroutine where its cancel has ended first, and may use the loop", async () => {
    const log: Array<string> = []
    const { host, loop, tasks, work } = await atWork({
      cancel: async () => {
        await loop.sleep(5)
        log.push("disconnected")
      }
    })
    tasks[0].cancel()
    await host.pass(6)
    expect([log, tasks[0].done()]).toEqual([["disconnected"], false])
    work.end()
    await host.settle()
    expect(tasks[0].cancelled()).toBe(true)
  })

  it("is the same for a task that another one awaits, for a generator, and for a deadline", async () => {
    const { loop, host, log } = reportingLoop()
    const options = (name: string): TaskOptions => ({ name, cancel: () => void log.push(name) })
    const child = loop.createTask(() => loop.sleep(1e6), options("child"))
    const parent = loop.createTask(function* () {
      yield child
    }, options("parent"))
    await host.settle()
    parent.cancel()
    await host.settle()
    const late = inside(loop, () => waitFor(() => loop.sleep(1e6), 5, options("late")))
    await host.pass(6)
    expect([parent.cancelled(), child.cancelled(), late.exception()]).toMatchObject([
      true,
      true,
      { _tag: "TimeoutError" }
    ])
    expect([...log].sort()).toEqual(["child", "late", "parent"])
  })

  it("is never called for a task that has not started, or is done", async () => {
    const { loop, host, log } = reportingLoop()
    const options: TaskOptions = { cancel: () => void log.push("called") }
    loop.createTask(() => loop.sleep(1), options).cancel()
    const done = loop.createTask(() => 1, options)
    await host.settle()
    done.cancel()
    await host.settle()
    expect(log).toEqual([])
  })

  it.each([
    [
      "throws",
      (): never => {
        throw boom
      }
    ],
    ["rejects", () => Promise.reject(boom)]
  ])("that %s is reported, and changes nothing else", async (_, cancel) => {
    const { host, reports, tasks, work } = await atWork({ cancel })
    tasks[0].cancel()
    work.end()
    await host.settle()
    expect(tasks[0].cancelled()).toBe(true)
    expect(reports.map(({ exception, kind, message }) => [kind, message, exception])).toEqual([
      ["late", "cancelling query failed", boom]
    ])
  })

  it("that never settles keeps the task, which says so, until the loop gives it up", async () => {
    const { host, loop, reports, tasks, work } = await atWork({ cancel: () => new Promise(() => {}) })
    tasks[0].cancel()
    work.fail(boom)
    await host.settle()
    expect([tasks[0].done(), tasks[0].waitingOn()]).toEqual([false, ["its cancel"]])
    loop.close()
    expect(tasks[0].exception()).toMatchObject({ _tag: "LoopClosedError" })
    expect(reports).toEqual([])
  })

  it("may come from the loop; that of the task goes first", async () => {
    const log: Array<string> = []
    const host = new ManualHost()
    const loop = new BaseEventLoop(host, {
      cancel: (_, task) => void log.push(`loop: ${task.getName()}`),
      cancelled: (error) => error === boom
    })
    loop._start()
    const work = deaf()
    const one = loop.createTask(() => work.promise, { name: "one" })
    const two = loop.createTask(() => work.promise, {
      cancel: () => void log.push("own"),
      cancelled: () => false
    })
    await host.settle()
    one.cancel()
    two.cancel()
    work.fail(boom)
    await host.settle()
    expect(log).toEqual(["loop: one", "own"])
    expect([one.cancelled(), two.exception()]).toEqual([true, boom])
    loop.close()
  })

  it("B2 what is no function is refused before anything is scheduled", () => {
    const { loop } = reportingLoop()
    for (const options of [{ cancel: 1 }, { cancelled: "57014" }]) {
      expect(thrown(() => loop.createTask(() => 1, options as never))).toBeInstanceOf(TypeError)
    }
    expect(loop.statistics()).toMatchObject({ tasks: 0, ready: 0 })
  })
})

describe("J11 an error that answers our cancel", () => {
  /** Errors as the libraries of the table make them. */
  const examples: ReadonlyArray<readonly [string, object]> = [
    ["axios", { name: "CanceledError", code: "ERR_CANCELED", message: "canceled" }],
    ["openai", new (class e extends Error {})("Request was aborted.")],
    ["@anthropic-ai/sdk", { name: "APIUserAbortError", message: "Request was aborted." }],
    ["@grpc/grpc-js", { code: 1, message: "1 CANCELLED: Cancelled on client" }],
    ["undici", { code: "UND_ERR_ABORTED", message: "Request aborted" }],
    [
      "undici",
      { name: "ClientDestroyedError", code: "UND_ERR_DESTROYED", message: "The client is destroyed" }
    ],
    ["mongodb", { name: "MongoClientClosedError" }],
    ["pg", { code: "57014", message: "canceling statement due to statement timeout" }],
    ["pg", { message: "canceling statement due to user request" }],
    ["pg", { message: "Connection terminated" }],
    ["ioredis", { message: "Connection is closed." }]
  ].map(([library, like]) => [
    library as string,
    like instanceof Error ? like : Object.assign(new Error(), like)
  ])

  it.each(examples)(
    "of %s is a cancellation where its signal was read, or its cancel called",
    async (_, error) => {
      for (const [options, reads] of [
        [{}, true],
        [{ cancel: () => {} }, false]
      ] as const) {
        const { host, tasks, work } = await atWork(options, reads)
        tasks[0].cancel("why")
        work.fail(error)
        await host.settle()
        expect(thrown(() => tasks[0].result())).toMatchObject({
          _tag: "CancelledError",
          reason: "why",
          cause: error
        })
      }
    }
  )

  it.each(examples)(
    "of %s is an error where nobody has stopped the work, or nobody cancelled",
    async (_, error) => {
      const unread = await atWork()
      unread.tasks[0].cancel()
      unread.work.fail(error)
      await unread.host.settle()
      const uncancelled = await atWork({ cancel: () => {} }, true)
      uncancelled.work.fail(error)
      await uncancelled.host.settle()
      expect([unread.tasks[0].exception(), uncancelled.tasks[0].exception()]).toEqual([error, error])
    }
  )

  it("every library of the table has an example here", () => {
    expect([...new Set(knownAborts.map(({ library }) => library))].sort()).toEqual(
      [...new Set(examples.map(([library]) => library))].sort()
    )
    for (const [, error] of examples) expect(isKnownAbort(error)).toBe(true)
    const expired = Object.assign(new Error("expired"), { name: "MongoOperationTimeoutError" })
    for (const error of [new Error("boom"), { code: 1 }, null, "Connection is closed.", expired]) {
      expect(isKnownAbort(error)).toBe(false)
    }
  })

  it("is what `cancelled` says, which never swallows an error of a task that nobody cancelled", async () => {
    const { host, reports, tasks, work } = await atWork({ cancelled: () => true })
    work.fail(boom)
    await host.settle()
    expect(tasks[0].exception()).toBe(boom)
    const said = await atWork({ cancelled: () => false }, true)
    said.tasks[0].cancel()
    const known = Object.assign(new Error("canceled"), { name: "CanceledError", code: "ERR_CANCELED" })
    said.work.fail(known)
    await said.host.settle()
    expect(said.tasks[0].exception()).toBe(known)
    expect([...reports, ...said.reports]).toEqual([])
  })

  it("counts as an error where `cancelled` throws, which is reported", async () => {
    const bug = new Error("bug")
    const { host, reports, tasks, work } = await atWork({
      cancelled: () => {
        throw bug
      }
    })
    tasks[0].cancel()
    work.fail(boom)
    await host.settle()
    expect(tasks[0].exception()).toBe(boom)
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", bug]])
  })
})
