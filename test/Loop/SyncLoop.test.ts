import { describe, expect, it } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import { getEventListeners } from "node:events"
import { Context, Effect, Exit, Fiber, TestClock } from "effect"
import {
  CancelledError,
  currentTask,
  Event,
  EventLoop,
  fromAio,
  getRunningLoop,
  InvalidStateError,
  Loop,
  LoopClosedError,
  type LoopOptions,
  LoopStoppedError,
  NoRunningLoopError,
  QueueFullError,
  type Report,
  runAioFuture,
  runEffect,
  SyncLoop,
  WrongLoopError
} from "../../src/index.js"
import { capturing, collecting, forever, open, settle as settled, track } from "../support/scopedLoops.js"

/** A loop that must have been closed, and be empty, when its test ends. */
const make = (options?: LoopOptions): SyncLoop => {
  const loop = SyncLoop.make(options)
  track(loop)
  return loop
}

/** What a promise rejects with. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => {
      throw new Error(`it gave ${String(value)}`)
    },
    (error: unknown) => error
  )

const settle = (): Promise<void> => Effect.runPromise(settled)

/** Waits until no run is going on, in the async-local state of the caller. */
const atRest = async (loop: SyncLoop): Promise<void> => {
  do await new Promise((resolve) => setTimeout(resolve, 1))
  while (loop.isRunning())
}

const nobody = { ready: 0, timers: 0, tasks: 0, effects: 0, crossings: 0, unretrieved: 0 }

describe("runUntilComplete", () => {
  it("sync-loop-002 sync-loop-021 runs again and again; closed, it refuses without calling the program", async () => {
    const loop = make()
    const foo = async (): Promise<string> => {
      await loop.sleep(1)
      return "bar"
    }
    const bar = async (): Promise<string> => "baz"
    expect(await loop.runUntilComplete(foo)).toBe("bar")
    expect(loop.isRunning()).toBe(false)
    expect(await loop.runUntilComplete(bar)).toBe("baz")
    await loop.close()
    expect(loop.isClosed()).toBe(true)
    await loop.close()
    let called = false
    const program = (): void => void (called = true)
    const error = await rejection(loop.runUntilComplete(program))
    expect(error).toBeInstanceOf(LoopClosedError)
    expect((error as Error).message).toContain("SyncLoop.make()")
    expect(await rejection(loop.runUntilComplete("blah" as never))).toBeInstanceOf(LoopClosedError)
    expect(await rejection(loop.runForever())).toBeInstanceOf(LoopClosedError)
    expect(called).toBe(false)
  })

  it("sync-loop-002 takes Futures, promises, thenables, coroutines of each kind, and Effects", async () => {
    await using loop = make()
    const future = loop.createFuture<number>()
    loop.callLater(1, () => future.setResult(1))
    expect(await loop.runUntilComplete(future)).toBe(1)
    // Done already: one trip round the loop.
    expect(await loop.runUntilComplete(future)).toBe(1)
    expect(await loop.runUntilComplete(Promise.resolve(2))).toBe(2)
    const thenable: PromiseLike<number> = {
      then: (f) => Promise.resolve(f ? (f(3) as never) : (3 as never))
    }
    expect(await loop.runUntilComplete(thenable)).toBe(3)
    expect(await loop.runUntilComplete(loop.createTask(async () => 4))).toBe(4)
    expect(await loop.runUntilComplete(async (task) => (await loop.sleep(1), task.getName()))).toMatch(
      /^Task-/
    )
    expect(
      await loop.runUntilComplete(function* () {
        return (yield* loop.sleep(1, 5)) as number
      })
    ).toBe(5)
    expect(await loop.runUntilComplete(() => 6)).toBe(6)
    expect(await loop.runUntilComplete(Effect.delay(Effect.succeed(7), 1))).toBe(7)
    // The loop is in the Effect's Context.
    expect(await loop.runUntilComplete(Loop)).toBe(loop)
    // A function that is an Effect too is taken as the Effect.
    expect(await loop.runUntilComplete(fromAio(async () => 8))).toBe(8)
    expect(await loop.runUntilComplete(fromAio((n: number) => loop.sleep(1, n))(9))).toBe(9)
    // A Future of another loop needs that to run, too.
    await using other = make()
    const foreign = other.sleep(1, "foreign")
    const run = other.runForever()
    expect(await loop.runUntilComplete(loop.wrapFuture(foreign))).toBe("foreign")
    other.stop()
    await run
    expect(loop.statistics()).toMatchObject(nobody)
  })

  it("sync-loop-003 rejects with the very error, and with the CancelledError of what was cancelled", async () => {
    await using loop = make()
    const aaa = new Error("aaa")
    const fails = async (): Promise<never> => {
      throw aaa
    }
    expect(await rejection(loop.runUntilComplete(fails))).toBe(aaa)
    expect(await rejection(loop.runUntilComplete(Promise.reject(aaa)))).toBe(aaa)
    expect(await rejection(loop.runUntilComplete(Effect.fail(aaa)))).toBe(aaa)
    expect(await rejection(loop.runUntilComplete(Effect.die(aaa)))).toBe(aaa)
    expect(await rejection(loop.runUntilComplete(fromAio(fails)))).toBe(aaa)
    const future = loop.createFuture<void>()
    future.setException("no error object")
    expect(await rejection(loop.runUntilComplete(future))).toBe("no error object")
    const task = loop.createTask(() => loop.sleep(1e6))
    loop.callSoon(() => task.cancel("enough"))
    const cancelled = await rejection(loop.runUntilComplete(task))
    expect(cancelled).toBeInstanceOf(CancelledError)
    expect(cancelled).toMatchObject({ reason: "enough" })
    expect(await rejection(loop.runUntilComplete(task))).toBe(cancelled)
    expect(await rejection(loop.runUntilComplete(Effect.interrupt))).toBeInstanceOf(CancelledError)
    expect(loop.statistics()).toMatchObject({ ...nobody, late: 0 })
  })

  it("B1 a function that returns an Effect is told so, and the Effect has not run", async () => {
    await using loop = make()
    let ran = false
    const effect = Effect.sync(() => void (ran = true))
    const error = await rejection(loop.runUntilComplete(() => effect))
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toContain("give runUntilComplete the Effect itself")
    expect(ran).toBe(false)
    await loop.runUntilComplete(effect)
    expect(ran).toBe(true)
  })

  it("B2 says how loops are made to who makes one with new", () => {
    for (const Class of [SyncLoop, EventLoop]) {
      const make = Class as unknown as new (options?: unknown) => unknown
      expect(() => new make()).toThrow(/Loop.open.*SyncLoop.make\(\)/)
      expect(() => new make({ name: "x" })).toThrow(TypeError)
    }
  })

  it("sync-loop-007 rejects with a TypeError what cannot be awaited, and never throws itself", async () => {
    await using loop = make()
    for (const bad of ["blah", 1, null, undefined, {}, [], Symbol("s")]) {
      const error = await rejection(loop.runUntilComplete(bad as never))
      expect(error).toBeInstanceOf(TypeError)
      expect((error as Error).message).toContain("runUntilComplete takes a Future, a promise")
      expect(loop.isRunning()).toBe(false)
    }
    let called = false
    const program = (): void => void (called = true)
    for (const options of [{ signal: "now" }, { signal: {} }, null]) {
      const errors = [
        await rejection(loop.runUntilComplete(program, options as never)),
        await rejection(loop.runForever(options as never))
      ]
      for (const error of errors) {
        expect(error).toBeInstanceOf(TypeError)
        if (options !== null) expect((error as Error).message).toContain("takes an AbortSignal as its signal")
      }
    }
    expect(called).toBe(false)
    expect(loop.statistics()).toMatchObject({ ...nobody, passes: 0, callbacks: 0 })
  })

  it("sync-loop-008 rejects a Future of another loop without running this one", async () => {
    await using a = make({ name: "a" })
    await using b = make({ name: "b" })
    const future = a.createFuture<number>()
    const task = a.createTask(async () => 1)
    b.callSoon(() => expect.unreachable())
    for (const foreign of [future, task]) {
      const error = await rejection(b.runUntilComplete(foreign))
      expect(error).toBeInstanceOf(WrongLoopError)
      expect((error as Error).message).toContain("wrapFuture")
    }
    expect(b.statistics()).toMatchObject({ passes: 0, ready: 1, state: "stopped" })
    b.setExceptionHandler(() => {})
    expect(await a.runUntilComplete(task)).toBe(1)
    future.cancel()
  })

  it("rejects with QueueFullError where there is no room for a task, and runs a Future all the same", async () => {
    await using loop = make({ queueLength: 1 })
    const future = loop.createFuture<string>()
    loop.callSoon(() => future.setResult("done"))
    expect(await rejection(loop.runUntilComplete(async () => 1))).toBeInstanceOf(QueueFullError)
    expect(loop.isRunning()).toBe(false)
    expect(await loop.runUntilComplete(future)).toBe("done")
  })

  it("sync-loop-022 never computes the text form of a result", async () => {
    let texts = 0
    const text = (): string => `${++texts}`
    const result = { toString: text, toJSON: text, [Symbol.for("nodejs.util.inspect.custom")]: text }
    const loop = make()
    expect(await loop.runUntilComplete(async () => result)).toBe(result)
    await loop.close()
    expect(texts).toBe(0)
  })

  it("sync-loop-016 is the running loop inside a run, and nobody is outside", async () => {
    const outside = (): void => {
      expect(() => getRunningLoop()).toThrow(NoRunningLoopError)
      expect(currentTask()).toBe(null)
    }
    await using loop = make()
    outside()
    const task = loop.createTask(async (self) => {
      const inside = (task: unknown): void => {
        expect(getRunningLoop()).toBe(loop)
        expect(currentTask()).toBe(task)
      }
      inside(self)
      await loop.sleep(1)
      inside(self)
      loop.callSoon(() => inside(null))
      return await Promise.resolve("fine")
    })
    outside()
    expect(await loop.runUntilComplete(task)).toBe("fine")
    outside()
    await settle()
    outside()
  })

  it("keeps the async-local state of its caller, for the program and for itself", async () => {
    await using loop = make()
    const storage = new AsyncLocalStorage<string>()
    await storage.run("mine", async () => {
      const seen = await loop.runUntilComplete(async () => {
        await loop.sleep(1)
        const inside = storage.getStore()
        storage.enterWith("changed")
        return inside
      })
      expect([seen, storage.getStore()]).toEqual(["mine", "mine"])
    })
    expect(storage.getStore()).toBe(undefined)
  })
})

describe("runForever and stop", () => {
  it("callbacks-008 runs once what is queued before stop()", async () => {
    await using loop = make()
    const log: Array<string> = []
    loop.callSoon(() => void log.push("cb"))
    loop.callSoon(() => void loop.stop())
    await loop.runForever()
    expect(log).toEqual(["cb"])
    expect(loop.statistics()).toMatchObject({ state: "stopped", ready: 0 })
  })

  it("L1 gives callbacks a turn where a task awaits nothing but Futures that are done", async () => {
    await using loop = make()
    const done = loop.createFuture<void>()
    done.setResult()
    let rounds = 0
    const poll = async (): Promise<number> => {
      let called = false
      loop.callSoon(() => void (called = true))
      // A bound, so that the process is there to say so.
      for (; !called && rounds < 100_000; rounds++) await Promise.allSettled([done])
      return rounds
    }
    expect(await loop.runUntilComplete(poll)).toBeLessThan(5_000)
    // And code outside of its runs is answered at once, however often.
    for (let i = 0; i < 3_000; i++) await done
  })

  it("callbacks-008 runs what was queued before stop(), and keeps what is queued after it for the next run", async () => {
    await using loop = make()
    const log: Array<string> = []
    loop.callSoon(() => {
      log.push("first")
      loop.callSoon(() => void log.push("before"))
      loop.stop()
      loop.callSoon(() => {
        log.push("after")
        loop.callSoon(() => void log.push("later"))
      })
    })
    loop.callSoon(() => void log.push("same pass"))
    await loop.runForever()
    expect(log).toEqual(["first", "same pass", "before"])
    await settle()
    expect(log).toEqual(["first", "same pass", "before"])
    loop.stop()
    await loop.runForever()
    expect(log).toEqual(["first", "same pass", "before", "after"])
    loop.stop()
    await loop.runForever()
    expect(log).toEqual(["first", "same pass", "before", "after", "later"])
  })

  it("callbacks-009 runs one pass after a stop() that came before, which is spent then", async () => {
    await using loop = make()
    const log: Array<string> = []
    loop.callLater(1e6, () => void log.push("never"))
    loop.callLater(-1, () => void log.push("due"))
    loop.callSoon(() => {
      log.push("one")
      loop.callSoon(() => void log.push("two"))
    })
    const event = loop.stop()
    expect(event.isSet()).toBe(true)
    expect(loop.stop()).toBe(event)
    await settle()
    expect(log).toEqual([])
    const before = loop.statistics().passes
    await loop.runForever()
    expect(log).toEqual(["one", "due"])
    expect(loop.statistics().passes).toBe(before + 1)
    // Nothing is left of the old request.
    const run = loop.runForever()
    await settle()
    expect(loop.isRunning()).toBe(true)
    expect(log).toEqual(["one", "due", "two"])
    loop.stop()
    await run
  })

  it("callbacks-009 takes a stop() that came before for runUntilComplete too", async () => {
    await using loop = make()
    loop.stop()
    const task = loop.createTask(() => loop.sleep(1, "slept"))
    expect(await rejection(loop.runUntilComplete(task))).toBeInstanceOf(LoopStoppedError)
    expect(await loop.runUntilComplete(task)).toBe("slept")
    // One pass is enough for what is done in it.
    loop.stop()
    expect(await loop.runUntilComplete(async () => "at once")).toBe("at once")
  })

  it("callbacks-009 is not spent on a run that was refused", async () => {
    await using loop = make()
    loop.stop()
    await rejection(loop.runUntilComplete("blah" as never))
    loop.callSoon(() => loop.callSoon(() => expect.unreachable()))
    await loop.runForever()
    loop.setExceptionHandler(() => {})
  })

  it("sets the event of the caller when the run has ended", async () => {
    await using loop = make()
    const event = new Event()
    const run = loop.runForever()
    expect(loop.stop(event)).toBe(event)
    expect(event.isSet()).toBe(false)
    await event.wait()
    expect(loop.isRunning()).toBe(false)
    await run
    expect(() => loop.stop({} as never)).toThrow(TypeError)
    const second = loop.runForever()
    await settle()
    expect(loop.isRunning()).toBe(true)
    loop.stop()
    await second
  })

  it("sync-loop-006 tasks-046 rejects where the loop is stopped first; the work goes on in the next run", async () => {
    await using loop = make({ name: "stopping" })
    const log: Array<string> = []
    const task = loop.createTask(
      async () => {
        await loop.sleep(1)
        log.push("one")
        await loop.sleep(1)
        log.push("two")
        loop.stop()
        // Not a timer: one that falls due before the pass that stops would run in it.
        await gate
        log.push("three")
        return "done"
      },
      { name: "main" }
    )
    const gate = loop.createFuture<void>()
    const error = await rejection(loop.runUntilComplete(task))
    expect(error).toBeInstanceOf(LoopStoppedError)
    expect((error as Error).message).toMatch(
      /^stopping was stopped before <Task pending name="main".*goes on in the next/
    )
    expect([task.done(), log]).toEqual([false, ["one", "two"]])
    gate.setResult()
    await settle()
    expect(log).toEqual(["one", "two"])
    expect(await loop.runUntilComplete(task)).toBe("done")
    expect(log).toEqual(["one", "two", "three"])
  })

  it("tasks-046 lets a later run cancel what a stopped one left behind", async () => {
    await using loop = make()
    const task = loop.createTask(async () => {
      loop.stop()
      await loop.sleep(1e6)
    })
    expect(await rejection(loop.runUntilComplete(task))).toBeInstanceOf(LoopStoppedError)
    task.cancel()
    expect(await rejection(loop.runUntilComplete(task))).toBeInstanceOf(CancelledError)
    expect(loop.statistics()).toMatchObject(nobody)
  })

  it("L6 reports the failure of a program whose run was stopped, when it comes and nobody looks", async () => {
    const { reports, exceptionHandler } = collecting()
    const loop = make({ exceptionHandler })
    const boom = new Error("boom")
    const gate = loop.createFuture<void>()
    const error = await rejection(
      loop.runUntilComplete(async () => {
        loop.stop()
        await gate
        throw boom
      })
    )
    expect(error).toBeInstanceOf(LoopStoppedError)
    gate.setResult()
    await loop.runUntilComplete(loop.sleep(20))
    expect(loop.statistics().unretrieved).toBe(1)
    await loop.close()
    expect(reports).toMatchObject([{ kind: "unretrieved", exception: boom }])
  })

  it("L6 does not report what somebody else awaits", async () => {
    const { reports, exceptionHandler } = collecting()
    const loop = make({ exceptionHandler })
    const gate = loop.createFuture<void>()
    const task = loop.createTask(async () => {
      loop.stop()
      await gate
      throw new Error("boom")
    })
    const heard = rejection(Promise.resolve(task))
    await settle()
    expect(await rejection(loop.runUntilComplete(task))).toBeInstanceOf(LoopStoppedError)
    gate.setResult()
    await loop.runUntilComplete(loop.sleep(20))
    expect(await heard).toMatchObject({ message: "boom" })
    await loop.close()
    expect(reports).toEqual([])
  })

  it("sync-loop-009 does not let a Future that was settled in the last pass end the next run", async () => {
    await using loop = make()
    const first = loop.createFuture<string>()
    loop.callLater(-1, () => first.setResult("in the last pass"))
    loop.stop()
    expect(await loop.runUntilComplete(first)).toBe("in the last pass")
    // The done callback of the first run is still in the queue.
    expect(loop.statistics().ready).toBe(1)
    expect(await loop.runUntilComplete(loop.sleep(5, "second"))).toBe("second")
  })
})

describe("between runs", () => {
  it.effect("sync-loop-020 stands still; what has fallen due runs at the start of the next run", () =>
    Effect.gen(function* () {
      const loop = make()
      const log: Array<string> = []
      const future = loop.createFuture<string>()
      yield* Effect.promise(() =>
        loop.runUntilComplete(async () => {
          loop.callLater(1, () => void log.push("timer"))
          loop.callLater(2, () => future.setResult("left over"))
          loop.callLater(1e6, () => void log.push("never"))
        })
      )
      loop.callSoon(() => void log.push("queued"))
      yield* TestClock.adjust(10)
      yield* settled
      expect([log, future.done()]).toEqual([[], false])
      const second = async (): Promise<string> => (log.push("second run"), await future)
      expect(yield* Effect.promise(() => loop.runUntilComplete(second))).toBe("left over")
      expect(log).toEqual(["queued", "second run", "timer"])
      yield* Effect.promise(() => loop.close())
    })
  )

  it("sync-loop-020 is not started by those who wait for it, in Effect or in plain code", async () => {
    await using loop = make()
    const log: Array<string> = []
    const on = <A, E>(effect: Effect.Effect<A, E, Loop>): Promise<A> =>
      Effect.runPromise(Effect.provideService(effect, Loop, loop))
    const future = loop.createFuture<string>()
    loop.callSoon(() => future.setResult("set"))
    const waits = [
      on(fromAio(async () => (log.push("called"), "aio"))()),
      on(runAioFuture(future)),
      on(Effect.as(Loop.synchronize, "synchronized")),
      Promise.resolve(future)
    ]
    await on(Loop.waitStopped)
    await settle()
    expect([log, loop.isRunning(), loop.statistics().passes]).toEqual([[], false, 0])
    const run = loop.runForever()
    expect(await Promise.all(waits)).toEqual(["aio", "set", "synchronized", "set"])
    loop.stop()
    await run
  })

  it("lets Effects go on, and delivers their completion in the next run, without a report of its own", async () => {
    const { reports, exceptionHandler } = collecting()
    await using loop = make({ exceptionHandler })
    const log: Array<string> = []
    let finish: () => void = () => {}
    const effect = Effect.async<string>((resume) => {
      finish = () => resume(Effect.succeed("effect"))
    })
    const left = await loop.runUntilComplete(async () => {
      const future = loop.effectAsFuture(
        Effect.tap(effect, () => Effect.sync(() => void log.push("fiber ended")))
      )
      future.addDoneCallback(() => void log.push("delivered"))
      await loop.sleep(0)
      return [future]
    })
    expect(loop.statistics().effects).toBe(1)
    finish()
    await settle()
    expect(log).toEqual(["fiber ended"])
    const [future] = left
    expect(await loop.runUntilComplete(future as Exclude<typeof future, undefined>)).toBe("effect")
    expect(log).toEqual(["fiber ended", "delivered"])
    expect(reports).toEqual([])
  })

  it("says nothing where it stops while Effects wait for it: they are served in the next run", async () => {
    const { reports, exceptionHandler } = collecting()
    await using loop = make({ exceptionHandler })
    const future = loop.createFuture<string>()
    const waiting = Effect.runPromise(Effect.provideService(runAioFuture(future), Loop, loop))
    const run = loop.runForever()
    await settle()
    loop.stop()
    await run
    future.setResult("served")
    loop.stop()
    await loop.runForever()
    expect(await waiting).toBe("served")
    expect(reports).toEqual([])
  })

  it("takes a failure of runEffectTask between runs to the exception handler, and goes on", async () => {
    const { reports, exceptionHandler } = collecting()
    await using loop = make({ exceptionHandler })
    let fail: () => void = () => {}
    await loop.runUntilComplete(async () => {
      loop.runEffectTask(
        Effect.async<never, string>((resume) => {
          fail = () => resume(Effect.fail("late"))
        })
      )
      await loop.sleep(0)
    })
    fail()
    await settle()
    expect(reports).toMatchObject([{ kind: "background", exception: "late" }])
    expect(await loop.runUntilComplete(async () => "goes on")).toBe("goes on")
  })
})

describe("an uncaught error", () => {
  it("is logged, and ends neither the run nor the loop (L6, section 8 of asyncio against trio-asyncio)", async () => {
    const { logged, layer } = capturing()
    await Effect.runPromise(
      Effect.promise(async () => {
        await using loop = make({ name: "calm" })
        loop.callSoon(function broken() {
          throw new Error("in a callback")
        })
        loop.runEffectTask(Effect.fail(new Error("in the background")), { name: "poller" })
        expect(await loop.runUntilComplete(() => loop.sleep(1, "goes on"))).toBe("goes on")
        expect(await loop.runUntilComplete(async () => "again")).toBe("again")
        expect(loop._crash).toBe(undefined)
      }).pipe(Effect.provide(layer))
    )
    expect(logged).toMatchObject([
      {
        level: "ERROR",
        message: "Exception in callback broken()",
        annotations: { loop: "calm", kind: "callback" }
      },
      { level: "ERROR", annotations: { kind: "background" } }
    ])
    expect(logged[0]?.cause).toContain("in a callback")
    expect(logged[1]?.cause).toContain("in the background")
  })

  it('cannot be made to crash the loop: unretrieved: "crash" is refused', () => {
    expect(() => SyncLoop.make({ unretrieved: "crash" })).toThrow(RangeError)
    expect(() => SyncLoop.make(null as never)).toThrow(TypeError)
    expect(() => SyncLoop.make({ queueLength: 0 })).toThrow(RangeError)
  })
})

describe("a signal", () => {
  it("sync-loop-009 breaks a run off; the Future goes on and does not end the next run", async () => {
    await using loop = make()
    const log: Array<string> = []
    const first = loop.createFuture<string>()
    const aborting = new AbortController()
    loop.callLater(1, () => aborting.abort("enough"))
    expect(await rejection(loop.runUntilComplete(first, { signal: aborting.signal }))).toBe("enough")
    expect([first.done(), loop.isRunning()]).toEqual([false, false])
    expect(first.toString()).toBe("<Future pending>")
    const second = loop.createTask(async () => {
      first.setResult("first")
      await loop.sleep(5)
      log.push("second")
      return "second"
    })
    expect(await loop.runUntilComplete(second)).toBe("second")
    expect(await loop.runUntilComplete(first)).toBe("first")
    expect(log).toEqual(["second"])
  })

  it("sync-loop-010 leaves no stop() behind", async () => {
    await using loop = make()
    const aborting = new AbortController()
    const fatal = new Error("fatal")
    const task = loop.createTask(async () => {
      aborting.abort(fatal)
      await loop.sleep(1)
    })
    expect(await rejection(loop.runUntilComplete(task, { signal: aborting.signal }))).toBe(fatal)
    const log: Array<string> = []
    const func = (): void => {
      log.push("func")
      loop.callSoon(() => {
        log.push("then")
        loop.stop()
      })
    }
    loop.callSoon(func)
    await loop.runForever()
    expect(log).toEqual(["func", "then"])
    await loop.runUntilComplete(task)
  })

  it("ends runForever with its reason, and is listened to no longer than the run", async () => {
    await using loop = make()
    const aborting = new AbortController()
    const { signal } = aborting
    const listeners = (): number => getEventListeners(signal, "abort").length
    await loop.runUntilComplete(async () => expect(listeners()).toBe(1), { signal })
    expect(listeners()).toBe(0)
    loop.callSoon(() => void loop.stop())
    await loop.runForever({ signal })
    expect(listeners()).toBe(0)
    const run = loop.runForever({ signal })
    await settle()
    aborting.abort()
    expect(await rejection(run)).toBe(signal.reason)
    expect(listeners()).toBe(0)
  })

  it("that has aborted already refuses the run: nothing is called", async () => {
    await using loop = make()
    const signal = AbortSignal.abort("too late")
    const program = (): never => expect.unreachable()
    expect(await rejection(loop.runUntilComplete(program, { signal }))).toBe("too late")
    expect(await rejection(loop.runForever({ signal }))).toBe("too late")
    expect(loop.statistics()).toMatchObject({ ...nobody, passes: 0 })
  })

  it("that aborts after the Future is done changes nothing", async () => {
    await using loop = make()
    const aborting = new AbortController()
    const future = loop.createFuture<string>()
    loop.callSoon(() => {
      future.setResult("done")
      aborting.abort("late")
    })
    expect(await loop.runUntilComplete(future, { signal: aborting.signal })).toBe("done")
  })

  it("wins over a stop() that has not ended the run yet, and over an outcome of the last pass, which is reported", async () => {
    const { reports, exceptionHandler } = collecting()
    const loop = make({ exceptionHandler })
    const aborting = new AbortController()
    const boom = new Error("boom")
    const future = loop.createFuture<void>()
    loop.callSoon(() => {
      loop.callSoon(() => future.setException(boom))
      loop.stop()
      aborting.abort("enough")
    })
    expect(await rejection(loop.runUntilComplete(future, { signal: aborting.signal }))).toBe("enough")
    expect(future.done()).toBe(true)
    await loop.close()
    expect(reports).toMatchObject([{ kind: "unretrieved", exception: boom }])
  })
})

describe("nesting", () => {
  const kinds: ReadonlyArray<
    readonly [string, (loop: EventLoop, run: () => Promise<unknown>) => Promise<unknown>]
  > = [
    ["a callback", (loop, run) => new Promise((resolve) => loop.callSoon(() => resolve(run())))],
    ["a timer", (loop, run) => new Promise((resolve) => loop.callLater(1, () => resolve(run())))],
    ["a task", (loop, run) => Promise.resolve(loop.createTask(run))],
    [
      "a task, after an await",
      (loop, run) => Promise.resolve(loop.createTask(async () => (await loop.sleep(1), run())))
    ],
    [
      "a generator",
      (loop, run) =>
        Promise.resolve(
          loop.createTask(function* () {
            yield loop.sleep(1)
            return yield* loop.wrapFuture(run())
          })
        )
    ],
    [
      "a done callback",
      (loop, run) =>
        new Promise((resolve) => {
          const future = loop.sleep(1)
          future.addDoneCallback(() => resolve(run()))
        })
    ]
  ]

  for (const [where, inside] of kinds) {
    it(`sync-loop-005 shutdown-011 a run in ${where} is refused, of this loop and of any other`, async () => {
      await using a = make({ name: "a" })
      await using b = make({ name: "b" })
      let started = false
      const program = (): void => void (started = true)
      const runs = [
        () => a.runForever(),
        () => a.runUntilComplete(program),
        () => b.runForever(),
        () => b.runUntilComplete(program)
      ]
      const run = a.runForever()
      for (const nested of runs) {
        let seen: unknown
        const error = await rejection(
          inside(a, () => {
            const running = getRunningLoop()
            const promise = nested()
            seen = [running, getRunningLoop()]
            return promise
          })
        )
        expect(error).toBeInstanceOf(InvalidStateError)
        expect((error as Error).message).toMatch(/running/)
        expect(seen).toEqual([a, a])
      }
      expect([started, a.isRunning(), b.isRunning()]).toEqual([false, true, false])
      a.stop()
      await run
      expect(await b.runUntilComplete(async () => "free again")).toBe("free again")
    })
  }

  it.live("sync-loop-005 a run in aio code of an open loop is refused; in its Effects it is not", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const outer = yield* open()
        const sync = make()
        const program = async (): Promise<number> => 1
        const error = yield* Effect.promise(() =>
          rejection(Promise.resolve(outer.createTask(() => sync.runUntilComplete(program))))
        )
        expect(error).toBeInstanceOf(InvalidStateError)
        expect(yield* Effect.promise(() => sync.runUntilComplete(program))).toBe(1)
        const inFiber = Effect.promise(() => sync.runUntilComplete(program))
        expect(
          yield* Effect.promise(() => Promise.resolve(outer.createTask(() => outer.effectAsFuture(inFiber))))
        ).toBe(1)
        yield* Effect.promise(() => sync.close())
      })
    )
  )

  it("sync-loop-005 an open loop may be nested in a run", async () => {
    await using loop = make()
    const value = await loop.runUntilComplete(async () => {
      const inner = await runEffect(Loop.scoped(fromAio(async () => getRunningLoop())()))
      return [inner.isClosed(), inner === loop, getRunningLoop() === loop]
    })
    expect(value).toEqual([true, false, true])
  })

  it("what a task left behind in Node may run its loop, once that is at rest", async () => {
    await using loop = make()
    const { later } = await loop.runUntilComplete(async () => {
      await loop.sleep(1)
      return { later: atRest(loop).then(() => loop.runUntilComplete(async () => 1)) }
    })
    expect(await later).toBe(1)
  })

  it("two loops run side by side, each for itself", async () => {
    await using a = make({ name: "a" })
    await using b = make({ name: "b" })
    const log: Array<string> = []
    const program = async (loop: SyncLoop): Promise<string> => {
      for (let i = 0; i < 3; i++) {
        await loop.sleep(1)
        expect(getRunningLoop()).toBe(loop)
        log.push(loop.name)
      }
      return loop.name
    }
    const gate = b.createFuture<void>()
    const runs = [
      a.runUntilComplete(() => program(a)),
      b.runUntilComplete(async () => (await program(b), await gate))
    ]
    expect([a.isRunning(), b.isRunning()]).toEqual([true, true])
    expect(await runs[0]).toBe("a")
    // The end of one run is nothing to the other.
    await settle()
    expect([a.isRunning(), b.isRunning()]).toEqual([false, true])
    expect(() => getRunningLoop()).toThrow(NoRunningLoopError)
    await a.close()
    expect(b.isRunning()).toBe(true)
    b.callSoon(() => gate.setResult())
    await runs[1]
    expect(log.filter((name) => name === "a")).toHaveLength(3)
    expect(log.filter((name) => name === "b")).toHaveLength(3)
  })

  it.live("bridge-061 an open loop is not run like a sync loop, and goes on running", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const loop = yield* open()
        let started = false
        expect(() => loop.runUntilComplete(() => void (started = true))).toThrow(InvalidStateError)
        expect(() => loop.runForever()).toThrow(/driven by it.*SyncLoop\.make\(\)/)
        loop.callSoon(() => expect(() => loop.runForever()).toThrow(InvalidStateError))
        expect("enter" in loop || Symbol.asyncDispose in loop).toBe(false)
        expect(loop.isRunning()).toBe(true)
        expect(yield* Effect.provideService(fromAio(async () => 1)(), Loop, loop)).toBe(1)
        expect(started).toBe(false)
      })
    )
  )
})

describe("close", () => {
  it("sync-loop-013 is refused in callbacks, tasks and Effects of the loop, which goes on running", async () => {
    await using loop = make()
    const errors: Array<unknown> = []
    const attempt = async (): Promise<void> => void errors.push(await rejection(loop.close()))
    const value = await loop.runUntilComplete(async () => {
      await attempt()
      await loop.sleep(1)
      await attempt()
      await new Promise<void>((resolve) => loop.callSoon(() => resolve(attempt())))
      await runEffect(Effect.promise(attempt))
      await runEffect(Effect.delay(Effect.promise(attempt), 1))
      expect(loop.isRunning()).toBe(true)
      return await loop.sleep(1, "goes on")
    })
    expect(value).toBe("goes on")
    expect(errors).toHaveLength(5)
    for (const error of errors) {
      expect(error).toBeInstanceOf(InvalidStateError)
      expect((error as Error).message).toMatch(/stop\(\) it/)
    }
    expect(await loop.runUntilComplete(async () => 1)).toBe(1)
  })

  it("S1 cancels tasks and Effects at once, waits for them, and runs what that queued", async () => {
    const log: Array<string> = []
    const loop = make()
    await loop.runUntilComplete(async () => {
      loop.createTask(async () => {
        try {
          await loop.sleep(1e6)
        } finally {
          log.push(`task told`)
          await loop.sleep(1)
          await runEffect(Effect.sync(() => void log.push("task cleaned up with an Effect")))
          loop.callSoon(() => void log.push("queued by the task"))
        }
      })
      loop.runEffectTask(
        Effect.never.pipe(
          Effect.ensuring(
            Effect.flatMap(Effect.ignore(fromAio(() => loop.sleep(1))()), () =>
              Effect.sync(() => void log.push("effect cleaned up with aio"))
            )
          )
        )
      )
      loop.callLater(1e6, () => void log.push("never"))
      await loop.sleep(1)
    })
    loop.callSoon(() => void log.push("queued before"))
    const closing = loop.close()
    expect(loop.statistics().state).toBe("closing")
    expect(() => loop.callSoon(() => {})).toThrow(LoopClosedError)
    const again = loop.close()
    expect(await rejection(loop.runForever())).toBeInstanceOf(LoopClosedError)
    await Promise.all([closing, again])
    expect(log[0]).toBe("queued before")
    expect([...log].sort()).toEqual(
      [
        "queued before",
        "task told",
        "task cleaned up with an Effect",
        "queued by the task",
        "effect cleaned up with aio"
      ].sort()
    )
  })

  it("S2 leaves what does not stop at the deadline, with a report", async () => {
    const { reports, exceptionHandler } = collecting()
    const loop = make({ exceptionHandler, closeDeadline: 20, name: "patient" })
    loop.createTask(forever, { name: "stuck" })
    loop.stop()
    await loop.runForever()
    await loop.close()
    expect(reports).toMatchObject([{ kind: "leftover" }])
    expect(reports[0]?.message).toMatch(/left over on patient[^]*task +stuck/)
  })

  it("S4 stops a run that is going on, as stop() would, and then closes", async () => {
    const loop = make()
    const log: Array<string> = []
    const run = rejection(
      loop.runUntilComplete(async () => {
        try {
          await loop.sleep(1e6)
        } catch (error) {
          log.push((error as Error).constructor.name)
          throw error
        }
      })
    ).then((error) => {
      log.push("run rejected")
      return error
    })
    await settle()
    await loop.close()
    expect(log).toEqual(["run rejected", "CancelledError"])
    const error = await run
    expect(error).toBeInstanceOf(LoopStoppedError)
    expect((error as Error).message).toContain("because the loop is closing")
    const other = make()
    const forever = other.runForever()
    await other.close()
    await forever
  })

  it("S4 settles what outside code still waits for", async () => {
    const loop = make()
    const future = loop.createFuture<void>()
    const waiting = rejection(Promise.resolve(future))
    await settle()
    await loop.close()
    expect(await waiting).toBeInstanceOf(LoopClosedError)
  })

  it("S4 is refused in the cleanup that closing waits for, and is harmless afterwards", async () => {
    const loop = make()
    const errors: Array<unknown> = []
    let leave: () => void = () => {}
    const late = new Promise<void>((resolve) => (leave = resolve))
    let afterwards: Promise<void> | undefined
    await loop.runUntilComplete(async () => {
      loop.createTask(async () => {
        try {
          await loop.sleep(1e6)
        } finally {
          errors.push(await rejection(loop.close()))
          afterwards = late.then(() => loop.close())
        }
      })
      await loop.sleep(1)
    })
    await loop.close()
    expect(errors).toMatchObject([{ _tag: "InvalidStateError" }])
    leave()
    await afterwards
  })

  it("sync-loop-013 is refused in a task that goes on between runs, and not in what a task has left behind", async () => {
    const loop = make()
    let goOn: () => void = () => {}
    const foreign = new Promise<void>((resolve) => (goOn = resolve))
    const errors: Array<unknown> = []
    await loop.runUntilComplete(async () => {
      loop.createTask(async () => {
        await foreign
        errors.push(await rejection(loop.close()))
      })
      await loop.sleep(0)
    })
    goOn()
    await settle()
    expect(errors).toMatchObject([{ _tag: "InvalidStateError" }])
    const { closing } = await loop.runUntilComplete(async () => ({
      closing: atRest(loop).then(() => loop.close())
    }))
    await closing
    expect(loop.isClosed()).toBe(true)
  })

  it("S2 S4 is harmless in an Effect that closing has given up", async () => {
    const { reports, exceptionHandler } = collecting()
    const loop = make({ exceptionHandler, closeDeadline: 20 })
    let goOn: () => void = () => {}
    const stuck = new Promise<void>((resolve) => (goOn = resolve))
    let again: Promise<void> | undefined
    await loop.runUntilComplete(async () => {
      loop.runEffectTask(
        Effect.uninterruptible(Effect.promise(() => stuck.then())).pipe(
          Effect.ensuring(Effect.sync(() => (again = loop.close())))
        )
      )
      await loop.sleep(0)
    })
    await loop.close()
    expect(reports).toMatchObject([{ kind: "leftover" }])
    goOn()
    await settle()
    await again
    expect(loop.statistics().effects).toBe(0)
  })

  it("is what await using does", async () => {
    let kept: SyncLoop
    {
      await using loop = make()
      kept = loop
      expect(await loop.runUntilComplete(async () => 1)).toBe(1)
      expect(loop.isClosed()).toBe(false)
    }
    expect(kept.isClosed()).toBe(true)
  })
})

describe("the loop's other options", () => {
  it("without async context, runs, stops and closes alike; a nested run is noticed up to the first await", async () => {
    await using loop = make({ asyncContext: false })
    expect(
      await loop.runUntilComplete(async (task) => {
        expect(getRunningLoop()).toBe(loop)
        expect(await rejection(loop.close())).toBeInstanceOf(InvalidStateError)
        await task.link(loop.sleep(1))
        return await runEffectOn(loop, Effect.succeed("fine"))
      })
    ).toBe("fine")
    await using other = make({ asyncContext: false })
    const nested = await loop.runUntilComplete(async () => ({ error: await rejection(other.runForever()) }))
    expect(nested.error).toBeInstanceOf(InvalidStateError)
  })

  it("in debug mode, remembers where tasks were made, and reports slow callbacks", async () => {
    const { reports, exceptionHandler } = collecting()
    await using loop = make({ debug: true, slowCallbackDuration: 0, exceptionHandler })
    await loop.runUntilComplete(async (task) => {
      expect(task.sourceTraceback).toContain("SyncLoop.test.ts")
      await loop.sleep(1)
    })
    await loop.runUntilComplete(Effect.void)
    loop.stop()
    await loop.runForever()
    expect(reports.length).toBeGreaterThan(0)
    expect(reports.every((report: Report) => report.kind === "slowCallback")).toBe(true)
  })

  it("a thousand runs of every kind leave nothing behind", async () => {
    const loop = make()
    const aborting = new AbortController()
    const { signal } = aborting
    const timeouts = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const before = timeouts()
    const leftOver = loop.createFuture<number>()
    const leftTimer = loop.callLater(1e6, () => {})
    let sum = 0
    for (let i = 0; i < 1_000; i++) {
      const kind = i % 5
      if (kind === 0) sum += await loop.runUntilComplete(async () => 1, { signal })
      else if (kind === 1) sum += await loop.runUntilComplete(Effect.succeed(1), { signal })
      else if (kind === 2) {
        loop.stop()
        await loop.runForever({ signal })
      } else if (kind === 3) {
        loop.stop()
        await rejection(loop.runUntilComplete(leftOver, { signal }))
      } else {
        const once = new AbortController()
        loop.callSoon(() => once.abort())
        await rejection(loop.runUntilComplete(leftOver, { signal: once.signal }))
      }
    }
    expect(sum).toBe(400)
    expect(getEventListeners(signal, "abort")).toEqual([])
    expect(timeouts()).toBeLessThan(before + 100)
    expect(leftOver.toString()).toBe("<Future pending>")
    expect(loop.statistics()).toMatchObject({ ...nobody, timers: 1, state: "stopped" })
    leftTimer.cancel()
    leftOver.setResult(2)
    expect(await loop.runUntilComplete(leftOver)).toBe(2)
    await loop.close()
  })
})

const runEffectOn = <A>(loop: SyncLoop, effect: Effect.Effect<A>): PromiseLike<A> =>
  loop.effectAsFuture(effect)

class Config extends Context.Tag("test/Config")<Config, string>() {}

describe("in Effect code", () => {
  it("a fiber that does nothing but yield leaves Node its turns, as one of any other loop does", async () => {
    const loop = make()
    let fired = false
    let yields = 0
    const timer = setTimeout(() => (fired = true), 5)
    const spin = Effect.whileLoop({
      // Were it never given a turn, the timer would come when all of these have gone by.
      while: () => !fired && yields < 1_000_000,
      body: () => Effect.yieldNow(),
      step: () => yields++
    })
    await loop.runUntilComplete(() => runEffect(spin))
    expect(fired).toBe(true)
    clearTimeout(timer)
    await loop.close()
  })

  it.effect("L4 is made under the Clock of the calling fiber, and sees its Context", () =>
    Effect.gen(function* () {
      const loop = make()
      const log: Array<string> = []
      const run = loop.runUntilComplete(async () => {
        await loop.sleep(1000)
        log.push("slept")
        return await runEffect(Effect.serviceOption(Config))
      })
      yield* settled
      expect(log).toEqual([])
      yield* TestClock.adjust(1000)
      const config = yield* Effect.promise(() => run)
      expect(config).toMatchObject({ _tag: "Some", value: "mine" })
      yield* Effect.promise(() => loop.close())
    }).pipe(Effect.provideService(Config, "mine"))
  )

  it.effect("L4 is made under the Clock of the fiber that called the aio code in which it is made", () =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* TestClock.adjust(5)
        const outer = yield* open()
        const loops = yield* Effect.provideService(
          fromAio(async () => {
            const first = make()
            await Promise.resolve()
            return [first, make()]
          })(),
          Loop,
          outer
        )
        yield* TestClock.adjust(1)
        expect(loops.map((loop) => loop.time())).toEqual([6, 6])
        for (const loop of loops) yield* Effect.promise(() => loop.close())
      })
    )
  )

  it.live("is an acquired resource like any other; interruption breaks the run off", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const program = Effect.acquireUseRelease(
        Effect.sync(() => make()),
        (loop) =>
          Effect.promise((signal) =>
            loop.runUntilComplete(
              async () => {
                log.push("started")
                await loop.sleep(1e6).finally(() => log.push("cancelled"))
              },
              { signal }
            )
          ),
        (loop) => Effect.promise(() => loop.close())
      )
      const fiber = yield* Effect.fork(program)
      while (log.length === 0) yield* settled
      const exit = yield* Fiber.interrupt(fiber)
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(log).toEqual(["started", "cancelled"])
    })
  )

  it.live("a loop that is made in a task of another loop is independent of it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const outer = yield* open()
        const inner = yield* Effect.promise(() =>
          Promise.resolve(outer.createTask(async () => [make()] as const))
        )
        outer.close()
        expect(yield* Effect.promise(() => inner[0].runUntilComplete(async () => 1))).toBe(1)
        yield* Effect.promise(() => inner[0].close())
      })
    )
  )
})
