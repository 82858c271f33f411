import { AsyncLocalStorage } from "node:async_hooks"
import * as http from "node:http"
import * as net from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Logger, LogLevel, TestClock } from "effect"
import {
  fromAio,
  Handle,
  Loop,
  type LoopOptions,
  type Report,
  type ReportKind,
  type Task,
  runAioFuture,
  Server
} from "../../../src/index.js"
import { SocketTransport } from "../../../src/Loop/network/SocketTransport.js"
import { StreamReads } from "../../../src/Loop/network/Source.js"
import { capturing, collecting, forever, scoped, settle } from "../../support/scopedLoops.js"

const boom = new Error("boom")

/** One way to each kind. Under TestClock. */
const ways: Record<
  ReportKind,
  { readonly options?: LoopOptions; readonly run: Effect.Effect<unknown, unknown, Loop> }
> = {
  callback: {
    run: Effect.flatMap(Loop, (loop) => {
      loop.callSoon(function fails() {
        throw boom
      })
      return Loop.synchronize
    })
  },
  background: {
    run: Effect.flatMap(Loop, (loop) => {
      loop.runEffectTask(Effect.die(boom), { name: "poller" })
      return settle
    })
  },
  unretrieved: {
    run: Effect.flatMap(Loop, (loop) => {
      loop.createTask(() => Promise.reject(boom), { name: "lost" })
      return settle
    })
  },
  late: {
    run: Effect.flatMap(Loop, (loop) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(
          fromAio(async () => {
            await loop.sleep(1e9).catch(() => {
              throw boom
            })
          })()
        )
        yield* settle
        yield* Fiber.interrupt(fiber)
      })
    )
  },
  slowJoin: {
    options: { slowJoin: 50 },
    run: Effect.gen(function* () {
      let release: (() => void) | undefined
      const slow = () => new Promise<void>((resolve) => (release = resolve))
      const fiber = yield* Effect.fork(fromAio(slow, { name: "slow" })())
      yield* settle
      const joining = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(50)
      release?.()
      yield* Fiber.join(joining)
    })
  },
  slowCallback: {
    options: { debug: true, slowCallbackDuration: 5 },
    run: Effect.flatMap(Loop, (loop) =>
      Effect.gen(function* () {
        let now = 0
        // The clock of the test stands still inside a callback.
        const { host } = loop as unknown as { host: { now: () => number } }
        const real = host.now.bind(host)
        host.now = () => real() + now
        loop.callSoon(function slow() {
          now += 10
        })
        yield* Loop.synchronize
        host.now = real
      })
    )
  },
  connection: {
    run: Effect.flatMap(Loop, (loop) => {
      const protocol = {
        connectionMade: () => {
          throw boom
        }
      }
      loop.callSoon(() =>
        new SocketTransport(loop, new StreamReads(new net.Socket()), protocol, undefined)._begin()
      )
      return Loop.synchronize
    })
  },
  leftover: {
    options: { closeDeadline: 0 },
    run: Effect.flatMap(Loop, (loop) => {
      loop.createTask(forever, { name: "stuck" })
      return Loop.synchronize
    })
  },
  slowTask: {
    options: { slowTask: 40 },
    run: Effect.flatMap(Loop, (loop) => {
      const reply = loop.createFuture<void>()
      loop.createTask(async () => reply, { name: "stuck" })
      return Effect.promise(async () => {
        // The looks are in real time, and count on the clock of the loop, which the test moves.
        const { host } = loop as unknown as { host: { now: () => number } }
        const real = host.now.bind(host)
        host.now = () => real() + performance.now()
        await new Promise((resolve) => setTimeout(resolve, 150))
        host.now = real
        reply.setResult()
        await new Promise((resolve) => setImmediate(resolve))
      })
    })
  },
  circle: {
    run: Effect.flatMap(Loop, (loop) =>
      Effect.promise(async () => {
        let stop = (): void => {}
        const stopped = new Promise<void>((resolve) => (stop = resolve))
        const a: Task<void> = loop.createTask(async () => b, { name: "a" })
        const b: Task<void> = loop.createTask(() => Promise.race([a, stopped]), { name: "b" })
        await new Promise((resolve) => setImmediate(resolve))
        stop()
        await a
      })
    )
  },
  request: {
    run: Effect.flatMap(Server.handler(Effect.die(boom)), (handle) => {
      const request = new http.IncomingMessage(new net.Socket())
      request.url = "/"
      return Effect.promise(() => handle(request, new http.ServerResponse(request)))
    }).pipe(Effect.scoped)
  }
}

const run = (kind: ReportKind, options: LoopOptions) => {
  const way = ways[kind]
  return Effect.gen(function* () {
    const fiber = yield* Effect.fork(Effect.exit(scoped(way.run, { ...way.options, ...options, name: "L" })))
    yield* settle
    yield* settle
    yield* TestClock.adjust(0)
    return yield* Fiber.join(fiber)
  })
}

const fields = (report: Report | undefined) =>
  Object.keys(report ?? {})
    .filter((key) => key !== "kind" && key !== "message")
    .sort()

describe("the exception handler", () => {
  const expected: Record<ReportKind, { readonly fields: Array<string>; readonly message: RegExp }> = {
    callback: { fields: ["exception", "handle"], message: /^Exception in callback fails\(\)$/ },
    background: { fields: ["exception", "handle"], message: /^background effect poller failed$/ },
    unretrieved: { fields: ["exception"], message: /^Task exception was never retrieved: .*lost/ },
    late: { fields: ["exception", "future", "task"], message: /failed after it was cancelled$/ },
    slowJoin: { fields: ["future", "task"], message: /waited 50ms for slow \(age \d+ms, created at / },
    slowCallback: {
      fields: ["handle", "sourceTraceback"],
      message: /^Executing <Handle slow\(\).*> took 0\.010 seconds$/
    },
    connection: {
      fields: ["exception", "protocol", "transport"],
      message: /^connectionMade\(\) of the protocol failed: a socket$/
    },
    leftover: {
      fields: [],
      message: /^1 left over on L at the deadline of 0ms for closing L:\nwhat .*\ntask +stuck/
    },
    slowTask: {
      fields: ["task"],
      message: /^1 task has made no progress for 40ms on L:\nwhat .*\ntask +stuck .*<Future pending/
    },
    circle: { fields: ["task"], message: /^they wait for each other, for ever: task b -> task a -> task b$/ },
    request: { fields: ["exception"], message: /^GET \/ from unix failed$/ }
  }

  for (const kind of Object.keys(ways) as Array<ReportKind>) {
    it.effect(`is given a report of kind ${kind}, once, with its documented fields (L6)`, () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        yield* run(kind, { exceptionHandler })
        expect(reports.map((report) => report.kind)).toEqual([kind])
        expect(reports[0]?.message).toMatch(expected[kind].message)
        expect(fields(reports[0])).toEqual(expected[kind].fields)
        if ("exception" in (reports[0] ?? {})) expect(reports[0]?.exception).toBe(boom)
        if (reports[0]?.handle !== undefined) expect(reports[0].handle).toBeInstanceOf(Handle)
      })
    )
  }

  const levels: Record<ReportKind, string> = {
    callback: "ERROR",
    background: "ERROR",
    unretrieved: "ERROR",
    late: "WARN",
    slowJoin: "WARN",
    slowCallback: "WARN",
    connection: "ERROR",
    leftover: "WARN",
    slowTask: "WARN",
    circle: "ERROR",
    request: "ERROR"
  }

  for (const kind of Object.keys(levels) as Array<ReportKind>) {
    it.effect(`logs ${kind} by default, once, at its level, with the Effect logger (L6)`, () =>
      Effect.gen(function* () {
        const { layer, logged } = capturing()
        yield* run(kind, {}).pipe(Effect.provide(layer))
        expect(logged.map(({ annotations, level }) => ({ level, annotations }))).toEqual([
          { level: levels[kind], annotations: { loop: "L", kind } }
        ])
        expect(logged[0]?.message).toMatch(new RegExp(expected[kind].message.source.replace(/\$$/, "")))
      })
    )
  }

  it.live("of a loop logs with the loggers, annotations and minimum level of whoever opened it (L6)", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      const report = Effect.map(Loop, (loop) => loop.callExceptionHandler({ kind: "late", message: "late" }))
      yield* scoped(report, { name: "L" }).pipe(Effect.annotateLogs("request", 7), Effect.provide(layer))
      yield* scoped(report).pipe(Logger.withMinimumLogLevel(LogLevel.Error), Effect.provide(layer))
      expect(logged.map(({ annotations }) => annotations)).toEqual([{ request: 7, loop: "L", kind: "late" }])
    })
  )

  it.live("that fails is reported itself, once, with what it was given (L6)", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      let calls = 0
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callSoon(() => {
            throw boom
          })
          yield* Loop.synchronize
        }),
        {
          exceptionHandler: () => {
            calls++
            throw new Error("the handler")
          }
        }
      ).pipe(Effect.provide(layer))
      expect(calls).toBe(1)
      expect(logged).toHaveLength(1)
      expect(logged[0]?.message).toMatch(
        /^Unhandled error in exception handler\nwhile handling: Exception in callback/
      )
      expect(logged[0]?.message).toContain("boom")
      expect(logged[0]?.cause).toContain("the handler")
    })
  )

  it.live("is not called for reports that it causes itself: those are logged (L6)", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      const given: Array<string> = []
      yield* scoped(
        Effect.map(Loop, (loop) => loop.callExceptionHandler({ message: "outer" })),
        {
          exceptionHandler: (loop, report) => {
            given.push(report.message)
            loop.callExceptionHandler({ message: "inner" })
          }
        }
      ).pipe(Effect.provide(layer))
      expect(given).toEqual(["outer"])
      expect(logged.map(({ message }) => message)).toEqual(["inner"])
    })
  )

  it.live("is the loop's own again after setExceptionHandler(null) (L6)", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.map(Loop, (loop) => {
          expect(loop.getExceptionHandler()).toBeNull()
          loop.setExceptionHandler(exceptionHandler)
          expect(loop.getExceptionHandler()).toBe(exceptionHandler)
          loop.callExceptionHandler({ message: "one" })
          loop.setExceptionHandler(null)
          loop.callExceptionHandler({ message: "two" })
          expect(() => loop.setExceptionHandler("x" as never)).toThrow(TypeError)
          expect(loop.getExceptionHandler()).toBeNull()
        })
      ).pipe(Effect.provide(layer))
      expect(reports.map(({ message }) => message)).toEqual(["one"])
      expect(logged.map(({ message }) => message)).toEqual(["two"])
    })
  )

  it.live("sees the async-local state of the callback that failed, and the loop as running (L6, L5)", () =>
    Effect.gen(function* () {
      const storage = new AsyncLocalStorage<string>()
      const seen: Array<unknown> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          storage.run("of the callback", () =>
            loop.callSoon(() => {
              throw boom
            })
          )
          yield* Loop.synchronize
        }),
        { exceptionHandler: (loop) => void seen.push(storage.getStore(), loop.isRunning()) }
      )
      expect(seen).toEqual(["of the callback", true])
    })
  )

  it.live("takes a report of the program's own, which crashes nothing (L6)", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      const value = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callExceptionHandler({ message: "mine", exception: boom })
          yield* runAioFuture(loop.sleep(0))
          return 1
        })
      ).pipe(Effect.provide(layer))
      expect(value).toBe(1)
      expect(logged.map(({ level, message }) => [level, message])).toEqual([["ERROR", "mine"]])
      expect(logged[0]?.cause).toContain("boom")
    })
  )

  it.live("still gets its report to people where the logger fails (L6)", () =>
    Effect.gen(function* () {
      const printed: Array<unknown> = []
      const real = console.error
      console.error = (...args: Array<unknown>) => void printed.push(args[0])
      yield* scoped(Effect.map(Loop, (loop) => loop.callExceptionHandler({ message: "lost?" }))).pipe(
        Effect.provide(
          Logger.replace(
            Logger.defaultLogger,
            Logger.make(() => {
              throw new Error("no disk")
            })
          )
        ),
        Effect.ensuring(Effect.sync(() => (console.error = real)))
      )
      expect(printed).toEqual(["lost?"])
    })
  )

  it.effect("prints what does not stop where the fiber has no logger, and nothing else (L6, S2)", () =>
    Effect.gen(function* () {
      const printed: Array<string> = []
      const real = console.error
      console.error = (text: string) => void printed.push(text)
      yield* Effect.ensuring(
        Effect.zipRight(run("leftover", {}), run("late", {})),
        Effect.sync(() => (console.error = real))
      )
      expect(printed).toEqual([
        expect.stringMatching(/^1 left over on L at the deadline of 0ms.*\n.*\ntask +stuck/)
      ])
    })
  )

  it.effect("logs the message of a report whose task cannot be shown (L6)", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      yield* scoped(
        Effect.map(Loop, (loop) => {
          const task = loop.createTask(async () => {}, { name: "hostile" })
          task.toString = () => {
            throw new Error("no words")
          }
          loop.callExceptionHandler({ message: "mine", task })
        })
      ).pipe(Effect.provide(layer))
      expect(logged.map(({ message }) => message)).toEqual(["mine: <unprintable>"])
    })
  )
})
