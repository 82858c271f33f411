// Signals on a loop: handlers and Streams, and what the process does for them.
// Covers: SignalListener, SignalSource, SignalStream, signalNames
import { AsyncLocalStorage } from "node:async_hooks"
import { constants } from "node:os"
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as fc from "fast-check"
import { afterEach } from "vitest"
import {
  type EventLoop,
  getRunningLoop,
  Loop,
  LoopClosedError,
  SignalError,
  SyncLoop,
  WatchHandle
} from "../../../src/index.js"
import { compiledUrl } from "../../support/compiled.js"
import { capturing, collecting, open, scoped, settle } from "../../support/scopedLoops.js"

const watched = ["SIGUSR2", "SIGWINCH", "SIGHUP", "SIGINT", "SIGCONT"] as const

/** How many listeners the process has for each of them. */
const counts = () => watched.map((name) => process.listenerCount(name))
const atStart = counts()

afterEach(() => {
  expect(counts(), "listeners at the end of the test").toEqual(atStart)
})

/** Sends the process a signal, and waits until Node has told of it. */
const send = (name: NodeJS.Signals): Promise<void> =>
  new Promise((resolve) => {
    process.once(name, () => resolve())
    process.kill(process.pid, name)
  })

const sent = (name: NodeJS.Signals) =>
  Effect.zipRight(
    Effect.promise(() => send(name)),
    settle
  )

const thrown = (f: () => unknown): unknown => {
  try {
    f()
  } catch (error) {
    return error
  }
  throw new Error("it did not throw")
}

const onLoop = (f: (loop: EventLoop) => Effect.Effect<void, unknown, Loop>) => () =>
  scoped(Effect.flatMap(Loop, f))

describe("signal handlers", () => {
  it.live(
    "signals-003 one runs once for a delivery, as a callback of the loop, with its arguments; then it is removed",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const handle = loop.addSignalHandler(
          "SIGINT",
          (a: number, b: string) => log.push(a, b, getRunningLoop() === loop),
          1,
          "two"
        )
        expect(handle).toBeInstanceOf(WatchHandle)
        yield* sent("SIGINT")
        expect(log).toEqual([1, "two", true])
        expect(loop.removeSignalHandler("SIGINT")).toBe(true)
        expect(handle.cancelled()).toBe(true)
        expect(counts()).toEqual(atStart)
        expect(loop.removeSignalHandler("SIGINT")).toBe(false)
        expect(loop.statistics().signals).toBe(0)
      })
    )
  )

  it.live(
    "never runs inside the event of Node, and in the order of the deliveries",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        loop.addSignalHandler("SIGUSR2", () => log.push("handler"))
        const listener = (): void => void log.push("listener")
        process.on("SIGUSR2", listener)
        process.emit("SIGUSR2")
        process.emit("SIGUSR2")
        expect(log).toEqual(["listener", "listener"])
        yield* Loop.synchronize
        expect(log).toEqual(["listener", "listener", "handler", "handler"])
        process.off("SIGUSR2", listener)
      })
    )
  )

  it.live(
    "S3 is queued before what listeners that were there earlier start, as Loop.run does with its interruption",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const listener = (): void => void Promise.resolve().then(() => log.push("started by the listener"))
        process.on("SIGUSR2", listener)
        loop.addSignalHandler("SIGUSR2", () => log.push("handler"))
        yield* sent("SIGUSR2")
        process.off("SIGUSR2", listener)
        expect(log).toEqual(["handler", "started by the listener"])
      })
    )
  )

  it("signals-002 SIGKILL and SIGSTOP are refused with a SignalError, and never have a handler to remove", async () => {
    await using loop = SyncLoop.make()
    for (const signal of [
      "SIGKILL",
      "SIGSTOP",
      constants.signals.SIGKILL,
      constants.signals.SIGSTOP
    ] as const) {
      const error = thrown(() => loop.addSignalHandler(signal, () => {})) as SignalError
      expect(error).toBeInstanceOf(SignalError)
      expect(error.message).toContain("cannot be caught")
      expect(loop.removeSignalHandler(signal)).toBe(false)
    }
    expect(loop.statistics().signals).toBe(0)
  })

  it("what is no signal is a SignalError, and what cannot be one a TypeError; nothing is registered", async () => {
    await using loop = SyncLoop.make()
    const none = ["SIGNOPE", "sigint", "INT", "", "toString", "__proto__", 0, -1, 99, 1.5, NaN, Infinity]
    for (const signal of none) {
      for (const call of [
        () => loop.addSignalHandler(signal as never, () => {}),
        () => loop.removeSignalHandler(signal as never)
      ]) {
        const error = thrown(call)
        expect(error, String(signal)).toBeInstanceOf(SignalError)
        expect((error as SignalError).signal).toBe(signal)
      }
    }
    for (const signal of [undefined, null, {}, ["SIGINT"], 2n, Symbol("SIGINT"), true, () => {}]) {
      expect(() => loop.addSignalHandler(signal as never, () => {})).toThrow(TypeError)
      expect(() => loop.removeSignalHandler(signal as never)).toThrow(TypeError)
      expect(() => Loop.signal(signal as never)).toThrow(TypeError)
    }
    expect(loop.statistics().signals).toBe(0)
  })

  it("faults of the machine are refused, because a handler would hang the process", async () => {
    await using loop = SyncLoop.make()
    for (const signal of ["SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"] as const) {
      expect(() => loop.addSignalHandler(signal, () => {})).toThrow(SignalError)
      expect(process.listenerCount(signal)).toBe(0)
    }
  })

  it("signals-011 coroutine functions, promises, Effects and what is no function are TypeErrors", async () => {
    await using loop = SyncLoop.make()
    const wrong: ReadonlyArray<unknown> = [
      async () => {},
      function* () {},
      async function* () {},
      Promise.resolve(),
      Effect.void,
      undefined,
      "reload",
      {}
    ]
    for (const callback of wrong) {
      expect(() => loop.addSignalHandler("SIGUSR2", callback as never)).toThrow(TypeError)
    }
    expect(() => loop.addSignalHandler("SIGUSR2", async function reload() {})).toThrow(/reload.*createTask/)
    expect(loop.statistics().signals).toBe(0)
  })

  it.live(
    "a signal is the same by its number and by its other names",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        loop.addSignalHandler(constants.signals.SIGUSR2, () => log.push("by number"))
        expect(process.listenerCount("SIGUSR2")).toBe(1)
        yield* sent("SIGUSR2")
        expect(log).toEqual(["by number"])
        loop.addSignalHandler("SIGIOT", () => {})
        expect([loop.removeSignalHandler("SIGABRT"), loop.removeSignalHandler("SIGUSR2")]).toEqual([
          true,
          true
        ])
        loop.addSignalHandler("SIGPOLL", () => {})
        expect(loop.removeSignalHandler(constants.signals.SIGIO)).toBe(true)
      })
    )
  )

  it.live(
    "signals-014 a second handler replaces the first: only the second runs",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const first = loop.addSignalHandler("SIGUSR2", () => log.push("first"))
        const second = loop.addSignalHandler("SIGUSR2", () => log.push("second"))
        expect([first.cancelled(), second.cancelled()]).toEqual([true, false])
        yield* sent("SIGUSR2")
        expect(log).toEqual(["second"])
        // The first one is no registration any more.
        first.cancel()
        yield* sent("SIGUSR2")
        expect(log).toEqual(["second", "second"])
        expect([loop.removeSignalHandler("SIGUSR2"), loop.removeSignalHandler("SIGUSR2")]).toEqual([
          true,
          false
        ])
      })
    )
  )

  it.live(
    "signals-014 a delivery that the first had not seen yet goes to the second",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        loop.addSignalHandler("SIGUSR2", () => log.push("first"))
        process.emit("SIGUSR2")
        loop.addSignalHandler("SIGUSR2", () => log.push("second"))
        yield* Loop.synchronize
        expect(log).toEqual(["second"])
      })
    )
  )

  it.live(
    "signals-008 a cancelled Handle ends its registration, and drops what is queued",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const handle = loop.addSignalHandler("SIGUSR2", () => log.push("never"))
        process.emit("SIGUSR2")
        process.emit("SIGUSR2")
        handle.cancel()
        expect(counts()).toEqual(atStart)
        handle.cancel()
        expect(loop.removeSignalHandler("SIGUSR2")).toBe(false)
        yield* Loop.synchronize
        expect(log).toEqual([])
        expect(loop.statistics()).toMatchObject({ ready: 0, signals: 0 })
      })
    )
  )

  it.live(
    "handlers of several loops for one signal all run, in the order of the loops; each is its own",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const loops = yield* Effect.all([open(), open(), open()])
        loops.forEach((loop, i) => loop.addSignalHandler("SIGUSR2", () => log.push(`loop ${i}`)))
        expect(process.listenerCount("SIGUSR2")).toBe(1)
        yield* sent("SIGUSR2")
        expect(log).toEqual(["loop 0", "loop 1", "loop 2"])
        expect(loops[1].removeSignalHandler("SIGUSR2")).toBe(true)
        yield* sent("SIGUSR2")
        expect(log.slice(3)).toEqual(["loop 0", "loop 2"])
      }).pipe(Effect.scoped)
  )

  it.live("30 loops with handlers for one signal do not make Node warn of a leak", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const warned = (warning: Error): void => void warnings.push(warning.name)
      process.on("warning", warned)
      const loops = yield* Effect.all(Array.from({ length: 30 }, () => open()))
      for (const loop of loops) loop.addSignalHandler("SIGUSR2", () => {})
      yield* settle
      process.off("warning", warned)
      expect(warnings).toEqual([])
    }).pipe(Effect.scoped)
  )

  it.live(
    "context-008 (L5) a handler runs with the async-local value of its registration, whoever the signal comes from",
    onLoop((loop) =>
      Effect.gen(function* () {
        const storage = new AsyncLocalStorage<string>()
        const log: Array<unknown> = []
        storage.run("v", () => loop.addSignalHandler("SIGUSR2", () => log.push(storage.getStore())))
        storage.run("other", () => process.emit("SIGUSR2"))
        yield* Loop.synchronize
        yield* sent("SIGUSR2")
        expect(log).toEqual(["v", "v"])
      })
    )
  )

  it.live(
    "a handler may remove itself, remove or replace another, and add one for another signal",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const itself = loop.addSignalHandler("SIGUSR2", () => {
          log.push("itself")
          itself.cancel()
        })
        process.emit("SIGUSR2")
        process.emit("SIGUSR2")
        yield* Loop.synchronize
        expect(log).toEqual(["itself"])
        loop.addSignalHandler("SIGUSR2", () => {
          log.push("adds")
          loop.addSignalHandler("SIGWINCH", () => log.push("added"))
          loop.addSignalHandler("SIGUSR2", () => {
            log.push("replaced")
            loop.removeSignalHandler("SIGWINCH")
          })
        })
        process.emit("SIGUSR2")
        yield* Loop.synchronize
        process.emit("SIGWINCH")
        process.emit("SIGUSR2")
        process.emit("SIGWINCH")
        yield* Loop.synchronize
        expect(log).toEqual(["itself", "adds", "added", "replaced"])
      })
    )
  )

  it.live("C1 a handler that throws is reported as a callback, and stays; by default the loop crashes", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const loop = yield* open({ exceptionHandler })
      const handle = loop.addSignalHandler("SIGUSR2", function reload() {
        throw new Error("boom")
      })
      yield* sent("SIGUSR2")
      yield* sent("SIGUSR2")
      expect(reports).toMatchObject([
        {
          kind: "callback",
          message: "Exception in callback reload()",
          handle,
          exception: { message: "boom" }
        },
        { kind: "callback" }
      ])
      const exit = yield* Effect.exit(
        scoped(
          Effect.flatMap(Loop, (crashing) => {
            crashing.addSignalHandler("SIGUSR2", () => {
              throw new Error("crash")
            })
            process.emit("SIGUSR2")
            return Effect.never
          }),
          { exceptionHandler: (l, report) => l.defaultExceptionHandler({ ...report, message: "quiet" }) }
        )
      )
      expect(Exit.isFailure(exit)).toBe(true)
    }).pipe(Effect.scoped, Effect.provide(capturing().layer))
  )

  it.live(
    "signals-013 closing the loop takes all of them off, also one that is queued, after it has run",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(open(), scope)
        const handles = [
          loop.addSignalHandler("SIGHUP", () => log.push("SIGHUP")),
          loop.addSignalHandler("SIGUSR2", () => log.push("SIGUSR2"))
        ]
        expect(counts()).not.toEqual(atStart)
        expect(loop.statistics().signals).toBe(2)
        process.emit("SIGHUP")
        yield* Scope.close(scope, Exit.void)
        expect(log).toEqual(["SIGHUP"])
        expect(counts()).toEqual(atStart)
        expect(handles.map((handle) => handle.cancelled())).toEqual([true, true])
        expect(loop.statistics()).toMatchObject({ state: "closed", signals: 0 })
        expect(() => loop.addSignalHandler("SIGHUP", () => {})).toThrow(LoopClosedError)
        expect(loop.removeSignalHandler("SIGHUP")).toBe(false)
        for (const handle of handles) handle.cancel()
      })
  )

  it.live("S1 cleanup may still add and remove handlers while the loop closes; outsiders may not", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open(), scope)
      loop.addSignalHandler("SIGHUP", () => log.push("SIGHUP in cleanup"))
      loop.createTask(async () => {
        try {
          await loop.sleep(1e6)
        } finally {
          log.push("cleanup")
          process.emit("SIGHUP")
          loop.addSignalHandler("SIGWINCH", () => log.push("SIGWINCH in cleanup"))
          process.emit("SIGWINCH")
          await loop.sleep(0)
          loop.removeSignalHandler("SIGWINCH")
        }
      })
      yield* Loop.synchronize.pipe(Effect.provideService(Loop, loop))
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow()
      expect(thrown(() => loop.addSignalHandler("SIGCONT", () => {}))).toBeInstanceOf(LoopClosedError)
      yield* Fiber.join(closing)
      expect(log).toEqual(["cleanup", "SIGHUP in cleanup", "SIGWINCH in cleanup"])
    })
  )

  it.live("C3 closed at once, nothing of it is left and nothing runs", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const loop = yield* open()
      const handle = loop.addSignalHandler("SIGUSR2", () => log.push("never"))
      process.emit("SIGUSR2")
      loop.close()
      expect(counts()).toEqual(atStart)
      expect([handle.cancelled(), loop.statistics().signals]).toEqual([true, 0])
      yield* settle
      expect(log).toEqual([])
    }).pipe(Effect.scoped)
  )

  it("S1 a SyncLoop at rest that is closed runs what is queued first", async () => {
    const loop = SyncLoop.make()
    const log: Array<string> = []
    loop.addSignalHandler("SIGUSR2", () => log.push("in the closing"))
    process.emit("SIGUSR2")
    await loop.close()
    expect(log).toEqual(["in the closing"])
    expect(loop.statistics().signals).toBe(0)
  })

  it("a SyncLoop at rest queues: what came runs in its next run", async () => {
    await using loop = SyncLoop.make()
    const log: Array<string> = []
    loop.addSignalHandler("SIGUSR2", () => log.push("handler"))
    await send("SIGUSR2")
    await send("SIGUSR2")
    expect(log).toEqual([])
    await loop.runUntilComplete(async () => {})
    expect(log).toEqual(["handler", "handler"])
    process.emit("SIGUSR2")
    loop.removeSignalHandler("SIGUSR2")
    await loop.runUntilComplete(async () => {})
    expect(log).toHaveLength(2)
  })

  it("a full queue refuses no handler, and loses no signal", async () => {
    await using loop = SyncLoop.make({ queueLength: 1 })
    const log: Array<string> = []
    loop.callSoon(() => log.push("callback"))
    loop.addSignalHandler("SIGUSR2", () => log.push("handler"))
    process.emit("SIGUSR2")
    await loop.runForever({ signal: AbortSignal.timeout(1) }).catch(() => {})
    expect(log).toEqual(["callback", "handler"])
  })

  it("begins unref'd: its Handle says so, and ref() holds the process until it is cancelled", async () => {
    await using loop = SyncLoop.make()
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const before = timers()
    const handle = loop.addSignalHandler("SIGUSR2", () => {})
    expect(handle.hasRef()).toBe(false)
    expect(timers()).toBe(before)
    expect(handle.ref().hasRef()).toBe(true)
    expect(timers()).toBe(before + 1)
    handle.unref()
    expect(timers()).toBe(before)
    handle.ref()
    loop.addSignalHandler("SIGUSR2", () => {}).ref()
    expect(handle.hasRef()).toBe(false)
    expect(timers()).toBe(before + 1)
    loop.removeSignalHandler("SIGUSR2")
    expect(timers()).toBe(before)
  })

  it("survives process.removeAllListeners: the next registration watches again", async () => {
    await using loop = SyncLoop.make()
    const log: Array<string> = []
    loop.addSignalHandler("SIGCONT", () => log.push("first"))
    process.removeAllListeners("SIGCONT")
    loop.addSignalHandler("SIGWINCH", () => {})
    await using other = SyncLoop.make()
    other.addSignalHandler("SIGCONT", () => log.push("second"))
    process.emit("SIGCONT")
    await loop.runUntilComplete(async () => {})
    await other.runUntilComplete(async () => {})
    expect(log).toEqual(["first", "second"])
  })

  it("S2 says in reports which signals are watched, and by what", async () => {
    const { exceptionHandler, reports } = collecting()
    const loop = SyncLoop.make({ closeDeadline: 20, slowJoin: "1 hour", exceptionHandler })
    loop.addSignalHandler("SIGHUP", function reload() {})
    await loop.runUntilComplete(async () => {
      void loop.createTask(() => new Promise(() => {}), { name: "stuck" })
      await loop.sleep(0)
    })
    await loop.close()
    expect(reports).toHaveLength(1)
    expect(reports[0]?.message).toMatch(/1 left over/)
    expect(reports[0]?.message).toMatch(
      /signal +SIGHUP reload +\d+ms +watching +the signal +addSignalHandler/
    )
  })

  it("20,000 pairs of add and remove leave nothing", async () => {
    await using loop = SyncLoop.make()
    for (let i = 0; i < 20_000; i++) {
      loop.addSignalHandler("SIGUSR2", () => {})
      loop.removeSignalHandler("SIGUSR2")
    }
    expect(counts()).toEqual(atStart)
    expect(loop.statistics().signals).toBe(0)
  })

  it("property: deliveries are handled in their order, each by the handler that is there when its turn comes", async () => {
    const names = ["SIGUSR2", "SIGWINCH", "SIGHUP"] as const
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant("signal" as const), name: fc.constantFrom(...names) })
      },
      fc.record({ do: fc.constantFrom("add" as const, "remove" as const), name: fc.constantFrom(...names) }),
      fc.record({ do: fc.constant("run" as const), name: fc.constantFrom(...names) })
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await using loop = SyncLoop.make({ asyncContext: false })
        const log: Array<string> = []
        const expected: Array<string> = []
        // The model: which handler each signal has, and what is queued for it.
        const handlers = new Map<string, number>()
        let queue: Array<[name: string, handler: number]> = []
        // Whoever else listens keeps a signal without handler from ending the process.
        let next = 0
        for (const { do: what, name } of steps) {
          if (what === "signal") {
            process.emit(name)
            const handler = handlers.get(name)
            if (handler !== undefined) queue.push([name, handler])
          } else if (what === "add") {
            const id = next++
            const old = handlers.get(name)
            const waits = queue.some(([, handler]) => handler === old)
            handlers.set(name, id)
            loop.addSignalHandler(name, () => log.push(`${name} ${id}`))
            queue = queue.filter(([, handler]) => handler !== old)
            if (waits) queue.push([name, id])
          } else if (what === "remove") {
            expect(loop.removeSignalHandler(name)).toBe(handlers.has(name))
            queue = queue.filter(([, handler]) => handler !== handlers.get(name))
            handlers.delete(name)
          } else {
            await loop.runUntilComplete(async () => {})
            expected.push(...queue.map(([signal, handler]) => `${signal} ${handler}`))
            queue = []
          }
          expect(loop.statistics().signals).toBe(handlers.size)
        }
        expect(log).toEqual(expected)
      }),
      { numRuns: 100 }
    )
    expect(counts()).toEqual(atStart)
  })
})

describe("Loop.signal", () => {
  const collected = (log: Array<string>, name: NodeJS.Signals) =>
    Stream.runForEach(Loop.signal(name), (signal) => Effect.sync(() => log.push(signal)))

  it.live(
    "emits the name for every delivery, beside handlers and other Streams, and ends its watch when it is left",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        loop.addSignalHandler("SIGHUP", () => log.push("handler"))
        const fibers = [
          yield* Effect.fork(collected(log, "SIGHUP")),
          yield* Effect.fork(Stream.runCollect(Stream.take(Loop.signal(1), 2)))
        ] as const
        yield* settle
        expect(loop.statistics().signals).toBe(1)
        yield* sent("SIGHUP")
        expect([...log].sort()).toEqual(["SIGHUP", "handler"])
        loop.removeSignalHandler("SIGHUP")
        yield* sent("SIGHUP")
        expect([...log].sort()).toEqual(["SIGHUP", "SIGHUP", "handler"])
        expect(Chunk.toReadonlyArray(yield* Fiber.join(fibers[1]))).toEqual(["SIGHUP", "SIGHUP"])
        yield* Fiber.interrupt(fibers[0])
        expect(loop.statistics().signals).toBe(0)
        expect(counts()).toEqual(atStart)
      })
    )
  )

  it.live(
    "keeps what comes while its consumer is busy, all of it and in bounded memory",
    onLoop(() =>
      Effect.gen(function* () {
        let seen = 0
        const fiber = yield* Effect.fork(
          Stream.runForEach(Stream.take(Loop.signal("SIGUSR2"), 10_000), () => Effect.sync(() => seen++))
        )
        yield* settle
        for (let i = 0; i < 10_000; i++) process.emit("SIGUSR2")
        yield* Fiber.join(fiber)
        expect(seen).toBe(10_000)
      })
    )
  )

  it.live(
    "fails with a SignalError for what cannot be watched, and watches nothing before it is run",
    onLoop((loop) =>
      Effect.gen(function* () {
        const stream = Loop.signal("SIGUSR2")
        expect(loop.statistics().signals).toBe(0)
        expect(stream).toBeDefined()
        for (const signal of ["SIGKILL", "SIGSEGV", "SIGNOPE", 0] as Array<NodeJS.Signals>) {
          expect(yield* Effect.flip(Stream.runDrain(Loop.signal(signal)))).toBeInstanceOf(SignalError)
        }
        expect(loop.statistics().signals).toBe(0)
      })
    )
  )

  it.live("C3 fails with LoopClosedError when its loop closes, and at once on a closed one", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open(), scope)
      const on = Effect.provideService(Loop, loop)
      const log: Array<string> = []
      const fiber = yield* Effect.fork(Effect.flip(on(collected(log, "SIGUSR2"))))
      yield* settle
      process.emit("SIGUSR2")
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(fiber)).toBeInstanceOf(LoopClosedError)
      expect(log).toEqual(["SIGUSR2"])
      expect(counts()).toEqual(atStart)
      expect(yield* Effect.flip(on(collected(log, "SIGUSR2")))).toBeInstanceOf(LoopClosedError)
    })
  )

  it.live("C3 fails with LoopClosedError when its loop is closed at once", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const fiber = yield* Effect.fork(
        Effect.flip(Stream.runDrain(Loop.signal("SIGUSR2"))).pipe(Effect.provideService(Loop, loop))
      )
      yield* settle
      expect(loop.statistics().signals).toBe(1)
      loop.close()
      expect(yield* Fiber.join(fiber)).toBeInstanceOf(LoopClosedError)
    }).pipe(Effect.scoped)
  )

  it.live(
    "is left while deliveries wait, interrupted before its first pull, or while it takes: no listener stays",
    onLoop((loop) =>
      Effect.gen(function* () {
        for (let turns = 0; turns < 12; turns++) {
          const fiber = yield* Effect.fork(
            Stream.runForEach(Loop.signal("SIGUSR2"), () => Effect.sleep("1 hour"))
          )
          for (let i = 0; i < turns; i++) {
            yield* Effect.yieldNow()
            if (process.listenerCount("SIGUSR2") > 0) process.emit("SIGUSR2")
          }
          yield* Fiber.interrupt(fiber)
          expect([loop.statistics().signals, counts()]).toEqual([0, atStart])
        }
      })
    )
  )

  it("waits for the next run of a SyncLoop", async () => {
    await using loop = SyncLoop.make()
    const log: Array<string> = []
    const future = loop.effectAsFuture(collected(log, "SIGUSR2"))
    await loop.runUntilComplete(() => loop.sleep(5))
    expect(process.listenerCount("SIGUSR2")).toBe(1)
    process.emit("SIGUSR2")
    expect(log).toEqual([])
    await loop.runUntilComplete(() => loop.sleep(0))
    expect(log).toEqual(["SIGUSR2"])
    future.cancel()
    await loop.runUntilComplete(async () => {
      await future.catch(() => {})
    })
  })
})

describe("signals in a worker thread", () => {
  it("are refused with a SignalError that says what to do", { timeout: 60_000 }, async () => {
    const worker = new Worker(compiledUrl("test/fixtures/signals/worker.ts"))
    const message = await new Promise((resolve, reject) => {
      worker.once("message", resolve)
      worker.once("error", reject)
    })
    await worker.terminate()
    expect(message).toEqual({
      tag: "SignalError",
      message: expect.stringMatching(/main thread.*LoopHandle/) as string,
      removed: false,
      stream: "SignalError",
      signals: 0
    })
  })
})
