// Jobs in worker threads: what can be run, what comes back, and who has a permit.
// Covers: ExecutorOptions, Executors, Job, JobQueue, Limiter, jobSlots, jobWorker, shipment, transfer
import { availableParallelism } from "node:os"
import threads, {
  MessageChannel,
  type MessagePort,
  threadId,
  type Worker,
  type WorkerOptions
} from "node:worker_threads"
import { afterEach, describe, expect, it } from "vitest"
import {
  type EventLoop,
  Executor,
  ExecutorClosedError,
  JobRefusedError,
  Limiter,
  LoopClosedError,
  type JobContext,
  type ModuleJob,
  transfer,
  WorkerDiedError
} from "../../../src/index.js"
import {
  Gate,
  hold,
  jobs,
  noThreadNamed,
  onLoop,
  settled,
  threadsNamed,
  until
} from "../../fixtures/executor/pool.js"

/** Runs aio code with a loop and an executor of one thread. */
const withOne = <A>(body: (loop: EventLoop, executor: Executor) => Promise<A>): Promise<A> =>
  onLoop(async (loop) => {
    await using executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
    return await body(loop, executor)
  })

afterEach(() => noThreadNamed("effect-aio", "aio-test"))

const secret = 41

describe("runInExecutor", () => {
  it("threads-006 executor-009 runs a function in another thread, with its arguments", async () => {
    await onLoop(async (loop) => {
      const work = async (text: string) => ({
        text: text + "!",
        threadId: (await import("node:worker_threads")).threadId
      })
      const result = await loop.runInExecutor(null, work, "yo")
      expect(result.text).toBe("yo!")
      expect(result.threadId).not.toBe(threadId)
      expect(
        await loop.runInExecutor(null, (...ns: Array<number>) => ns.reduce((a, b) => a + b), 40, 2)
      ).toBe(42)
    })
  })

  it("executor-001 runs again and again", async () => {
    await onLoop(async (loop) => {
      const work = (n: number) => n * 2
      expect(await loop.runInExecutor(null, work, 1)).toBe(2)
      expect(await loop.runInExecutor(null, work, 2)).toBe(4)
    })
  })

  it("executor-007 gives the results in the order of submission", async () => {
    await withOne(async (loop, executor) => {
      const fib = (n: number): number => {
        const go = (k: number): number => (k < 2 ? k : go(k - 1) + go(k - 2))
        return go(n)
      }
      const futures = Array.from({ length: 10 }, (_, n) => loop.runInExecutor(executor, fib, n))
      expect(await Promise.all(futures)).toEqual([0, 1, 1, 2, 3, 5, 8, 13, 21, 34])
    })
  })

  it("executor-011 runs each job once", async () => {
    await withOne(async (loop, executor) => {
      const count: ModuleJob<() => number> = { module: jobs, export: "count" }
      expect(await loop.runInExecutor(executor, count)).toBe(1)
      const ten = await Promise.all(Array.from({ length: 10 }, () => loop.runInExecutor(executor, count)))
      expect(ten).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    })
  })

  it("starts jobs in the order in which they were given, whatever they are given", async () => {
    await withOne(async (loop, executor) => {
      const count: ModuleJob<(what: unknown) => number> = { module: jobs, export: "count" }
      const before = await loop.runInExecutor(executor, count, 0)
      const given = [1, "text", { an: "object" }, "long ".repeat(1_000), undefined, new Uint8Array(8), -0]
      const futures = Array.from({ length: 400 }, (_, n) =>
        loop.runInExecutor(executor, count, given[n % given.length])
      )
      expect(await Promise.all(futures)).toEqual(futures.map((_, n) => before + n + 1))
    })
  })

  it("jobs behind a long one are not its prisoners: a thread that is free takes them", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 2, name: "aio-test" })
      const gate = new Gate()
      const long = loop.runInExecutor(executor, hold, gate.cells)
      await gate.entered()
      const echo = (what: unknown) => what
      const given = (n: number) => (n % 3 === 0 ? { n } : n)
      const futures = Array.from({ length: 500 }, (_, n) => loop.runInExecutor(executor, echo, given(n)))
      expect(await Promise.all(futures)).toEqual(futures.map((_, n) => given(n)))
      expect(long.done()).toBe(false)
      gate.open()
      expect(await long).toBe("let go")
    })
  })

  it("what JSON would change comes through as it is", async () => {
    await withOne(async (loop, executor) => {
      const given = [-0, NaN, Infinity, undefined, 1n, "\ud800", "é", null, "x".repeat(600), 1e21]
      const echo = (...what: ReadonlyArray<unknown>) => what.at(-1)
      for (const one of given) expect(await loop.runInExecutor(executor, echo, 1, one)).toBe(one)
    })
  })

  it("executor-012 names its threads effect-aio-1 and so on, in the system too", async () => {
    await onLoop(async (loop) => {
      function where(this: JobContext) {
        return { name: this.name, worker: this.worker, threadId: this.threadId }
      }
      const seen = await loop.runInExecutor(null, where)
      expect(seen).toEqual({ name: "where", worker: "effect-aio-1", threadId: seen.threadId })
      expect(seen.threadId).not.toBe(threadId)
      if (process.platform === "linux") expect(threadsNamed("effect-aio")).toContain("effect-aio-1")
    })
  })

  it("executor-015 lets jobs wait in line, and the loop go on meanwhile", async () => {
    await onLoop(async (loop) => {
      const block = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
      const futures = Array.from({ length: availableParallelism() * 3 }, () =>
        loop.runInExecutor(null, block)
      )
      const log: Array<string> = []
      void Promise.all(futures).then(() => log.push("jobs"))
      await loop.sleep(10)
      log.push("timer")
      expect(loop.statistics().jobs).toBe(futures.length)
      await Promise.all(futures)
      expect(log).toEqual(["timer", "jobs"])
      expect(loop.statistics().jobs).toBe(0)
    })
  })

  it("runs exports of modules, of packages, and of Node", async () => {
    await onLoop(async (loop) => {
      const parse: ModuleJob<(text: string) => Array<number>> = { module: jobs, export: "parse" }
      expect(await loop.runInExecutor(null, parse, "1,2")).toEqual([1, 2])
      expect(await loop.runInExecutor(null, { module: jobs.href }, 1, 2)).toBe(3)
      expect(await loop.runInExecutor(null, { module: jobs.pathname }, 1, 2)).toBe(3)
      expect(await loop.runInExecutor(null, { module: "node:path", export: "basename" }, "/a/b")).toBe("b")
      expect(await loop.runInExecutor(null, { module: "effect/Function", export: "identity" }, 7)).toBe(7)
      expect(await loop.runInExecutor(null, { module: jobs, export: "where" })).toMatchObject({
        name: "where of jobs.mjs"
      })
    })
  })

  it("10,000 small jobs and arguments of a megabyte come through", async () => {
    await onLoop(async (loop) => {
      const add = (n: number) => n + 1
      const futures = Array.from({ length: 10_000 }, (_, n) => loop.runInExecutor(null, add, n))
      let sum = 0
      for (const future of futures) sum += await future
      expect(sum).toBe(50_005_000)
      const size = (text: string, bytes: Uint8Array) => [text.length, bytes.length, bytes.at(-1)]
      const bytes = new Uint8Array(1 << 20).fill(7)
      expect(await loop.runInExecutor(null, size, "x".repeat(1 << 20), bytes)).toEqual([1 << 20, 1 << 20, 7])
    })
  })
})

describe("arguments and results", () => {
  it("are copied as they were at the call, also where the job has to wait", async () => {
    await withOne(async (loop, executor) => {
      const gate = new Gate()
      const first = loop.runInExecutor(executor, hold, gate.cells)
      const data = { list: [1, 2], when: new Date(7), map: new Map([["a", 1n]]) }
      const second = loop.runInExecutor(executor, (d: typeof data) => d, data)
      data.list.push(3)
      gate.open()
      await first
      expect(await second).toEqual({ list: [1, 2], when: new Date(7), map: new Map([["a", 1n]]) })
    })
  })

  it("transfer moves an argument at once, and a result", async () => {
    await withOne(async (loop, executor) => {
      const bytes = new Uint8Array(8)
      const double = function (this: JobContext, given: Uint8Array<ArrayBuffer>) {
        return this.transfer(given.fill(2), [given.buffer])
      }
      const future = loop.runInExecutor(executor, double, transfer(bytes, [bytes.buffer]))
      expect(bytes.byteLength).toBe(0)
      expect(await future).toEqual(new Uint8Array(8).fill(2))
    })
  })

  it("a MessagePort moves there, and one comes back", async () => {
    await withOne(async (loop, executor) => {
      const { port1, port2 } = new MessageChannel()
      const said = new Promise((resolve) => port1.once("message", resolve))
      await loop.runInExecutor(
        executor,
        (port: MessagePort) => {
          port.postMessage("hello")
          port.close()
        },
        transfer(port2, [port2])
      )
      expect(await said).toBe("hello")
      port1.close()
      const back = await loop.runInExecutor(executor, async function (this: JobContext) {
        const { MessageChannel } = await import("node:worker_threads")
        const { port1, port2 } = new MessageChannel()
        port1.postMessage("from there")
        port1.unref()
        return this.transfer(port2, [port2])
      })
      expect(await new Promise((resolve) => back.once("message", resolve))).toBe("from there")
      back.close()
    })
  })

  it("an argument that cannot be cloned is refused by its number, and nothing is queued", async () => {
    await withOne(async (loop, executor) => {
      const job = function copy(..._: Array<unknown>) {}
      for (const [args, text] of [
        [[1, { f: () => 1 }], "argument 1 cannot be cloned"],
        [[Symbol("s")], "argument 0 cannot be cloned"],
        [[new Proxy({}, {}), 1], "argument 0 cannot be cloned"],
        [[transfer(1, [{} as ArrayBuffer])], "an argument that is to be transferred cannot be cloned"]
      ] as const) {
        expect(() => loop.runInExecutor(executor, job, ...args)).toThrow(JobRefusedError)
        expect(() => loop.runInExecutor(executor, job, ...args)).toThrow(
          `the job copy cannot run in another thread: ${text}`
        )
      }
      const buffer = new ArrayBuffer(8)
      expect(() => loop.runInExecutor(executor, job, transfer(buffer, [buffer]), () => 1)).toThrow(
        "argument 1"
      )
      expect(buffer.byteLength).toBe(8)
      expect(executor.statistics()).toMatchObject({ workers: 0, running: 0, queued: 0 })
      expect(loop.statistics().jobs).toBe(0)
      expect(() => transfer(1, buffer as never)).toThrow(TypeError)
    })
  })

  it("a result that cannot be cloned is JobRefusedError, and the thread lives", async () => {
    await withOne(async (loop, executor) => {
      const bads: ReadonlyArray<() => unknown> = [
        () => () => 1,
        () => ({ deep: [Symbol("s")] }),
        async () => new WeakMap()
      ]
      for (const job of bads) {
        const error = await settled(loop.runInExecutor(executor, job))
        expect(error).toBeInstanceOf(JobRefusedError)
        expect(String(error)).toContain("its result cannot be cloned")
      }
      const bad = function (this: JobContext) {
        return this.transfer(1, [{} as ArrayBuffer])
      }
      expect(await settled(loop.runInExecutor(executor, bad))).toBeInstanceOf(JobRefusedError)
      const noList = function (this: JobContext) {
        return this.transfer(1, undefined as never)
      }
      expect(await settled(loop.runInExecutor(executor, noList))).toMatchObject({
        name: "TypeError",
        message: "this.transfer takes an array of what is to move"
      })
      // It is looked at once: what it says the second time would end the thread.
      const changes = () => {
        let looked = 0
        return {
          get value() {
            if (looked++ > 0) throw new Error("looked at twice")
            return 7
          }
        }
      }
      expect(await loop.runInExecutor(executor, changes)).toEqual({ value: 7 })
      function worker(this: JobContext) {
        return this.worker
      }
      expect(await loop.runInExecutor(executor, worker)).toBe("aio-test-1")
    })
  })
})

describe("errors of jobs", () => {
  it("executor-010 arrive with name, message, stack, cause, code and own fields", async () => {
    await withOne(async (loop, executor) => {
      const fails = () => {
        const cause = Object.assign(new RangeError("deep"), { code: "E_DEEP" })
        throw Object.assign(new TypeError("test", { cause }), { code: "E_TEST", detail: { rows: [1] } })
      }
      const error = (await settled(loop.runInExecutor(executor, fails))) as TypeError &
        Record<string, unknown>
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({
        name: "TypeError",
        message: "test",
        code: "E_TEST",
        detail: { rows: [1] }
      })
      expect(error.cause).toBeInstanceOf(RangeError)
      expect(error.cause).toMatchObject({ message: "deep", code: "E_DEEP" })
      expect(error.stack).toContain("fails")
      const value = await settled(loop.runInExecutor(executor, () => Promise.reject("a string")))
      expect(value).toBe("a string")
    })
  })

  it("that throw when they are looked at still end their job", async () => {
    await withOne(async (loop, executor) => {
      const job = () => {
        const throws = () => {
          throw new Error("do not look")
        }
        throw new Proxy({}, { get: throws, has: throws, getPrototypeOf: throws })
      }
      expect(await settled(loop.runInExecutor(executor, job))).toBe("<unprintable>")
      expect(executor.statistics()).toMatchObject({ workers: 1, running: 0 })
    })
  })

  it("an AbortError of a job that nobody cancelled is its error", async () => {
    await withOne(async (loop, executor) => {
      const error = await settled(loop.runInExecutor(executor, () => AbortSignal.abort().throwIfAborted()))
      expect(error).toMatchObject({ name: "AbortError" })
      expect(error).not.toHaveProperty("_tag")
    })
  })
})

describe("functions that cannot be sent", () => {
  it("are refused at the call", async () => {
    await withOne(async (loop, executor) => {
      const object = {
        method() {},
        async later() {},
        ["computed"]() {}
      }
      for (const [job, why] of [
        [Math.max, "native or bound"],
        [object.method.bind(object), "native or bound"],
        [object.method, "is it a method?"],
        [object.later, "is it a method?"],
        [object.computed, "is it a method?"],
        [class A {}, "it is a class"],
        [function* () {}, "generator"],
        [async function* () {}, "generator"]
      ] as const) {
        expect(() => loop.runInExecutor(executor, job as () => void)).toThrow(JobRefusedError)
        expect(() => loop.runInExecutor(executor, job as () => void)).toThrow(why)
      }
      expect(executor.statistics()).toMatchObject({ workers: 0, queued: 0 })
    })
  })

  it("a name from outside is told, where the function comes to use it", async () => {
    await withOne(async (loop, executor) => {
      const error = await settled(loop.runInExecutor(executor, () => secret + 1))
      expect(error).toBeInstanceOf(JobRefusedError)
      expect(String(error)).toContain("it uses secret, which is not there")
      expect(String(error)).toContain("{ module, export }")
      expect((error as Error).cause).toBeInstanceOf(ReferenceError)
    })
  })

  it("what esbuild and vite put into functions is there", async () => {
    await withOne(async (loop, executor) => {
      const f = new Function(
        "return (n) => { const inner = __name((m) => m * 2, 'inner'); return inner.name + inner(n) }"
      )
      expect(await loop.runInExecutor(executor, f() as (n: number) => string, 4)).toBe("inner8")
      const g = new Function("return async () => (await __vite_ssr_dynamic_import__('node:path')).sep")
      expect(await loop.runInExecutor(executor, g() as () => Promise<string>)).toBe("/")
      const sloppy = new Function("return () => { 'x'; return typeof this }")
      expect(await loop.runInExecutor(executor, sloppy() as () => string)).toBe("undefined")
    })
  })
})

describe("modules that cannot be run", () => {
  it("are JobRefusedError, with what went wrong as the cause", async () => {
    await withOne(async (loop, executor) => {
      const broken = new URL("../../fixtures/executor/broken.mjs", import.meta.url)
      const legacy = new URL("../../fixtures/executor/legacy.cjs", import.meta.url)
      expect(await loop.runInExecutor(executor, { module: legacy, export: "twice" }, 4)).toBe(8)
      for (const [job, why] of [
        [{ module: new URL("./nothing.mjs", jobs) }, "could not be loaded"],
        [{ module: "no-such-package" }, "Cannot find package 'no-such-package'"],
        [{ module: "no/such", export: "x" }, "could not be loaded"],
        [{ module: broken }, "could not be loaded: RangeError: broken on purpose"],
        [{ module: jobs, export: "nothing" }, "has no export nothing; it has count, default, heeds"],
        [{ module: jobs, export: "notAFunction" }, "exports notAFunction, which is no function"],
        [{ module: legacy, export: "broken" }, "throws when its export broken is read: RangeError: broken on"]
      ] as const) {
        const error = await settled(loop.runInExecutor(executor, job))
        expect(error).toBeInstanceOf(JobRefusedError)
        expect(String(error)).toContain(why)
      }
      expect(executor.statistics()).toMatchObject({ workers: 1 })
    })
  })

  it("what is no job or executor is a TypeError, and nothing is queued", async () => {
    await withOne(async (loop, executor) => {
      const run = loop.runInExecutor.bind(loop) as (...args: ReadonlyArray<unknown>) => unknown
      for (const args of [
        [executor],
        [executor, 7],
        [executor, {}],
        [executor, { module: 7 }],
        [executor, { module: "" }],
        [executor, { module: "./jobs.mjs" }],
        [executor, { module: "../jobs.mjs" }],
        [executor, { module: jobs, export: 7 }],
        [undefined, () => 1],
        [() => 1],
        [{}, () => 1]
      ]) {
        expect(() => run(...args)).toThrow(TypeError)
      }
      expect(() => run(executor, { module: "./jobs.mjs" })).toThrow(
        'use new URL("./jobs.mjs", import.meta.url)'
      )
      expect(() => run(() => 1)).toThrow("runInExecutor takes an Executor, or null")
    })
  })
})

describe("threads that die", () => {
  it("fail their job, and nothing else", async () => {
    const reports: Array<unknown> = []
    await onLoop(
      async (loop) => {
        await using executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
        const exits = loop.runInExecutor(executor, function stops() {
          process.exit(3)
        })
        const after = loop.runInExecutor(executor, (n: number) => n, 1)
        const left = loop.runInExecutor(executor, () => {
          setTimeout(() => {
            throw new RangeError("in a timer")
          })
          return new Promise(() => {})
        })
        const rejects = loop.runInExecutor(executor, () => {
          void Promise.reject(new Error("nobody waits"))
          return new Promise(() => {})
        })
        const last = loop.runInExecutor(executor, (n: number) => n, 2)
        const error = (await settled(exits)) as WorkerDiedError
        expect(error).toBeInstanceOf(WorkerDiedError)
        expect(error.message).toBe("the worker thread that ran stops died: Error: worker exited with code: 3")
        expect(error.job).toBe("stops")
        expect(await after).toBe(1)
        const inTimer = (await settled(left)) as WorkerDiedError
        expect(inTimer).toBeInstanceOf(WorkerDiedError)
        expect(inTimer.cause).toMatchObject({ name: "RangeError", message: "in a timer" })
        expect(await settled(rejects)).toBeInstanceOf(WorkerDiedError)
        expect(await last).toBe(2)
      },
      { exceptionHandler: (_, report) => void reports.push(report) }
    )
    expect(reports).toEqual([])
  })

  it("fail it once they have ended, with whatever was thrown, also null", async () => {
    const log: Array<string> = []
    const onWorker = (worker: Worker) => worker.once("exit", () => log.push("exit"))
    process.on("worker", onWorker)
    try {
      await withOne(async (loop, executor) => {
        for (const thrown of [new RangeError("in a timer"), null, undefined]) {
          const future = loop.runInExecutor(
            executor,
            (what: unknown) => {
              setTimeout(() => {
                throw what
              })
              return new Promise(() => {})
            },
            thrown
          )
          const error = (await settled(future)) as WorkerDiedError
          log.push("failed")
          expect(error).toBeInstanceOf(WorkerDiedError)
          expect(error.message).toMatch(thrown ? /died: RangeError: in a timer$/ : /died: (null|undefined)$/)
          expect(executor.statistics().workers).toBe(0)
        }
      })
    } finally {
      process.off("worker", onWorker)
    }
    expect(log).toEqual(["exit", "failed", "exit", "failed", "exit", "failed"])
  })

  it("out of memory is one of these", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({
        maxWorkers: 1,
        name: "aio-test",
        resourceLimits: { maxOldGenerationSizeMb: 16 }
      })
      const error = await settled(
        loop.runInExecutor(executor, () => {
          let list: unknown = null
          for (;;) list = { list, more: [1, 2, 3] }
        })
      )
      expect(error).toBeInstanceOf(WorkerDiedError)
      expect((error as Error).cause).toMatchObject({ code: "ERR_WORKER_OUT_OF_MEMORY" })
      expect(await loop.runInExecutor(executor, () => 1)).toBe(1)
    })
  })

  it("a thread that cannot start fails the job that waits for it, and does not hang it", async () => {
    const { Worker } = threads
    let starts = 0
    // What the pool makes its threads with: the first three fail before they are ready.
    threads.Worker = class extends Worker {
      constructor(file: string | URL, options?: WorkerOptions) {
        if (++starts > 3) super(file, options)
        else super("throw new RangeError('cannot start')", { ...options, eval: true })
      }
    }
    try {
      await onLoop(async (loop) => {
        await using executor = Executor.make({ maxWorkers: 2, name: "aio-test" })
        const futures = Array.from({ length: 6 }, (_, n) => loop.runInExecutor(executor, (m: number) => m, n))
        const ends = await Promise.all(futures.map(settled))
        const failed = ends.filter((end) => end instanceof WorkerDiedError)
        expect(failed.length).toBeGreaterThan(0)
        expect(failed.length).toBeLessThan(4)
        for (const { cause } of failed) expect(cause).toMatchObject({ message: "cannot start" })
        expect(ends.filter((end) => typeof end === "number")).toHaveLength(6 - failed.length)
        expect(executor.statistics()).toMatchObject({ running: 0, queued: 0 })
      })
    } finally {
      threads.Worker = Worker
    }
  })

  it("a thread that cannot even be made fails its own job, with what the system said, and nothing else", async () => {
    const { Worker } = threads
    const refused: ReadonlyArray<ReadonlyArray<number>> = [
      [1],
      [2],
      [3],
      [1, 2],
      [2, 3],
      [1, 2, 3],
      [1, 3, 4, 5]
    ]
    for (const which of refused) {
      let starts = 0
      threads.Worker = class extends Worker {
        constructor(file: string | URL, options?: WorkerOptions) {
          // As Node says it where there are no more threads.
          if (which.includes(++starts))
            throw Object.assign(new Error("EAGAIN"), { code: "ERR_WORKER_INIT_FAILED" })
          super(file, options)
        }
      }
      try {
        await onLoop(async (loop) => {
          await using executor = Executor.make({ maxWorkers: 3, name: "aio-test", grace: 0 })
          const gates = Array.from({ length: 3 }, () => new Gate())
          const first = gates.map((gate) => loop.runInExecutor(executor, hold, gate.cells))
          const ends = Promise.all(first.map(settled))
          // One that nobody lets go is ended by force, while what could not start is forgotten.
          gates[0]?.open()
          gates[1]?.open()
          first[2]?.cancel()
          const failed = (await ends).filter((end) => end instanceof WorkerDiedError)
          expect(failed).toHaveLength(which.filter((start) => start <= 3).length)
          for (const { cause, message } of failed) {
            expect(message).toContain("no thread could be started for it (cause: Error: EAGAIN)")
            expect(cause).toMatchObject({ cause: { code: "ERR_WORKER_INIT_FAILED" } })
          }
          expect(executor.statistics()).toMatchObject({ running: 0, queued: 0 })
          starts = 10
          expect(await loop.runInExecutor(executor, (n: number) => n, 42)).toBe(42)
        })
      } finally {
        threads.Worker = Worker
      }
    }
  })

  it("what a job left behind is reported when it fails between jobs, and the next job has a new thread", async () => {
    const reports: Array<{ kind?: string; message: string }> = []
    await onLoop(
      async (loop) => {
        await using executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
        await loop.runInExecutor(executor, function leaves() {
          setTimeout(() => {
            throw new Error("left behind")
          }, 5)
        })
        await until(() => reports.length > 0)
        expect(reports).toMatchObject([
          {
            kind: "late",
            message: "what the job leaves left behind failed in its thread of aio-test, which is gone",
            exception: { message: "left behind" }
          }
        ])
        function worker(this: JobContext) {
          return this.worker
        }
        expect(await loop.runInExecutor(executor, worker)).toBe("aio-test-2")
      },
      { exceptionHandler: (_, report) => void reports.push(report as never) }
    )
  })
})

describe("Executor", () => {
  it("starts no thread before its first job", async () => {
    await withOne(async (loop, executor) => {
      expect(executor.statistics()).toEqual({
        name: "aio-test",
        state: "open",
        workers: 0,
        maxWorkers: 1,
        running: 0,
        queued: 0
      })
      expect(String(executor)).toBe("<Executor aio-test open workers=0/1 running=0 queued=0>")
      expect(JSON.stringify(executor)).toContain('"_id":"Executor"')
      const gate = new Gate()
      const futures = [1, 2].map(() => loop.runInExecutor(executor, hold, gate.cells))
      await gate.entered()
      expect(executor.statistics()).toMatchObject({ workers: 1, running: 1, queued: 1 })
      gate.open()
      await Promise.all(futures)
    })
  })

  it("idle threads end after idleTimeout, and another starts when there is a job", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", idleTimeout: "1 millis" })
      expect(await loop.runInExecutor(executor, () => 1)).toBe(1)
      await until(() => executor.statistics().workers === 0)
      expect(await loop.runInExecutor(executor, () => 2)).toBe(2)
    })
  })

  it("refuses options that are none", () => {
    for (const options of [
      { maxWorkers: "2" },
      { limiter: {} },
      { name: 7 },
      { idleTimeout: {} },
      { grace: "soon" },
      { resourceLimits: 7 }
    ]) {
      expect(() => Executor.make(options as never)).toThrow(TypeError)
    }
    for (const options of [
      { maxWorkers: 0 },
      { maxWorkers: 1.5 },
      { maxWorkers: 1e9 },
      { limiter: 0 },
      { grace: -1 },
      { idleTimeout: NaN }
    ]) {
      expect(() => Executor.make(options)).toThrow(RangeError)
    }
    expect(() => Executor.make(7 as never)).toThrow("the options of an executor are an object, not 7")
    expect(() => Executor.scoped({ maxWorkers: 0 })).toThrow("maxWorkers is a whole number from 1 on, not 0")
  })

  it("executor-003 is the default one where setDefaultExecutor was given it", async () => {
    const executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
    await onLoop(async (loop) => {
      loop.setDefaultExecutor(executor)
      function worker(this: JobContext) {
        return this.worker
      }
      expect(await loop.runInExecutor(null, worker)).toBe("aio-test-1")
      for (const wrong of [null, undefined, {}, () => 1]) {
        expect(() => loop.setDefaultExecutor(wrong as never)).toThrow(TypeError)
      }
    })
    expect(executor.statistics()).toMatchObject({ state: "closed", workers: 0 })
  })

  it("serves several loops, and ends with none of them", async () => {
    await using executor = Executor.make({ maxWorkers: 2, name: "aio-test" })
    const run = (n: number) => onLoop((loop) => loop.runInExecutor(executor, (m: number) => m, n) as never)
    expect(await Promise.all([run(1), run(2), run(3)])).toEqual([1, 2, 3])
    expect(executor.statistics().state).toBe("open")
  })

  it("refuses jobs on a closed loop", async () => {
    await using executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
    const loop = await onLoop(async (loop) => loop)
    expect(() => loop.runInExecutor(executor, () => 1)).toThrow(LoopClosedError)
    expect(() => loop.runInExecutor(null, () => 1)).toThrow(LoopClosedError)
    expect(() => loop.setDefaultExecutor(executor)).toThrow(LoopClosedError)
    expect(() => loop.shutdownDefaultExecutor()).toThrow(LoopClosedError)
  })
})

describe("a limiter", () => {
  it("executor-008 of one: a job takes one permit, also where a job is given from the end of another", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 2, limiter: 1, name: "aio-test" })
      const add = (n: number) => n + 1
      const nested = loop.createTask(async () => {
        const one = await loop.runInExecutor(executor, add, 0)
        return await Promise.all([
          loop.runInExecutor(executor, add, one),
          loop.runInExecutor(executor, add, one).then((two) => loop.runInExecutor(executor, add, two))
        ])
      })
      expect(await nested).toEqual([2, 3])
    })
  })

  it("bounds what runs at once in all its executors, first come, first served", async () => {
    await onLoop(async (loop) => {
      const limiter = Limiter.make(1)
      await using a = Executor.make({ maxWorkers: 2, limiter, name: "aio-test-a" })
      await using b = Executor.make({ maxWorkers: 2, limiter, name: "aio-test-b" })
      const order: Array<string> = []
      const gate = new Gate()
      const give = (executor: Executor, name: string) =>
        loop.runInExecutor(executor, hold, gate.cells, name).then((said) => order.push(said))
      const futures = [give(a, "a1"), give(b, "b1"), give(a, "a2"), give(b, "b2")]
      await gate.entered()
      expect(limiter.statistics()).toEqual({ total: 1, taken: 1, waiting: 3 })
      expect(String(limiter)).toBe("<Limiter 1/1 taken, 3 waiting>")
      expect([a, b].map((executor) => executor.statistics().running)).toEqual([1, 0])
      expect([a, b].map((executor) => executor.statistics().queued)).toEqual([1, 2])
      gate.open()
      await Promise.all(futures)
      expect(order).toEqual(["a1", "b1", "a2", "b2"])
      expect(limiter.statistics()).toEqual({ total: 1, taken: 0, waiting: 0 })
    })
  })

  it("refuses a total that is none", () => {
    expect(() => Limiter.make("2" as never)).toThrow(TypeError)
    expect(() => Limiter.make(0)).toThrow(RangeError)
    expect(() => Executor.make({ limiter: 1.5 })).toThrow("limiter is a whole number from 1 on, not 1.5")
  })
})

describe("a closed executor", () => {
  it("takes no more jobs", async () => {
    await onLoop(async (loop) => {
      const executor = Executor.make({ name: "aio-test" })
      await executor.shutdown()
      expect(() => loop.runInExecutor(executor, () => 1)).toThrow(ExecutorClosedError)
      expect(() => loop.runInExecutor(executor, () => 1)).toThrow(
        "aio-test was shut down, and takes no more jobs"
      )
    })
  })
})
