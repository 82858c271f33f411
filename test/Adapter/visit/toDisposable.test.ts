import { describe, expect, it } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import { Cause, Context, Deferred, Effect, Exit, Fiber, FiberRef, Scope, TestClock } from "effect"
import {
  type AioDisposable,
  type CancelledError,
  currentFlavor,
  currentTask,
  fromAio,
  type Future,
  Loop,
  LoopClosedError,
  LoopCrash,
  runAioCoroutine,
  runAioFuture,
  toAio
} from "../../../src/index.js"
import { outcome } from "../../support/border.js"
import { collecting, open as openLoop, scoped, settle } from "../../support/scopedLoops.js"

const waitingFor = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.zipRight(settle, waitingFor(condition))))

/** A resource whose opening and closing take until they are let go. */
const gated = (log: Array<unknown>, gates: { readonly open?: boolean; readonly close?: boolean } = {}) => {
  const [opens, closes] = [Effect.runSync(Deferred.make<void>()), Effect.runSync(Deferred.make<void>())]
  const say = (what: string) => Effect.sync(() => void log.push(what))
  const effect = Effect.gen(function* () {
    yield* say("opening")
    yield* Effect.addFinalizer((exit) =>
      say(`closing on ${exit._tag}`).pipe(
        Effect.zipRight(gates.close === true ? Deferred.await(closes) : Effect.yieldNow()),
        Effect.zipRight(say("closed"))
      )
    )
    if (gates.open === true) yield* Deferred.await(opens)
    yield* say("opened")
    return "db"
  })
  return { effect, opens: Deferred.succeed(opens, undefined), closes: Deferred.succeed(closes, undefined) }
}

describe("toAio(scoped effect)", () => {
  it.effect("acquires, is used, and releases, in that order; both ends in Effect flavour (bridge-010)", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const say = (what: string) => log.push(`${what} ${String(currentFlavor())}`)
        const open = yield* toAio(
          Effect.acquireRelease(
            Effect.zipRight(
              Effect.sleep("1 second"),
              Effect.sync(() => (say("acquire"), "db"))
            ),
            (db) =>
              Effect.zipRight(
                Effect.sleep("1 second"),
                Effect.sync(() => say(`release ${db}`))
              )
          )
        )
        const fiber = yield* Effect.fork(
          runAioCoroutine(async () => {
            {
              await using db = await open()
              say(`use ${db.value}`)
            }
            say("after")
          })
        )
        yield* TestClock.adjust("1 second")
        expect(log).toEqual(["acquire effect", "use db aio"])
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        expect(log).toEqual(["acquire effect", "use db aio", "release db effect", "after aio"])
      })
    )
  )

  it.live("nothing happens before open(), and each call opens anew", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const open = yield* toAio(gated(log).effect)
        yield* settle
        expect(log).toEqual([])
        const one = yield* runAioFuture(open())
        const two = yield* runAioFuture(open())
        expect([one.value, two.value, one === two]).toEqual(["db", "db", false])
        expect((yield* Loop).statistics()).toMatchObject({ crossings: 2 })
        yield* runAioFuture(one[Symbol.asyncDispose]())
        expect(log).toEqual(["opening", "opened", "opening", "opened", "closing on Success", "closed"])
        yield* runAioFuture(two[Symbol.asyncDispose]())
      })
    )
  )

  it.live("T2 disposing waits for the finalizers; all calls wait for the same end", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const { closes, effect } = gated(log, { close: true })
        const open = yield* toAio(effect)
        const db = yield* runAioFuture(open())
        const disposals = [db[Symbol.asyncDispose](), db[Symbol.asyncDispose]()]
        yield* waitingFor(() => log.includes("closing on Success"))
        yield* settle
        expect(disposals.map(outcome)).toEqual(["pending", "pending"])
        yield* closes
        yield* waitingFor(() => disposals.every((future) => future.done()))
        expect([...disposals, db[Symbol.asyncDispose]()].map(outcome)).toEqual([
          undefined,
          undefined,
          undefined
        ])
        expect(log.at(-1)).toBe("closed")
      })
    )
  )

  it.live("disposed of at once, in the callback that is told of its opening", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const open = yield* toAio(gated(log).effect)
        const opening = open()
        let disposed: Future<unknown> | undefined
        opening.addDoneCallback(() => {
          disposed = opening.result()[Symbol.asyncDispose]()
        })
        yield* waitingFor(() => disposed?.done() === true)
        expect(log).toEqual(["opening", "opened", "closing on Success", "closed"])
      })
    )
  )

  it.live("L8 a disposal that comes while the fiber yields on its way to its parking is not lost", () =>
    scoped(
      Effect.gen(function* () {
        let steps = 0
        const yields = {
          shouldYield: () => (++steps % 43 === 0 ? 0 : (false as const)),
          scheduleTask: (task: () => void) => void setImmediate(task)
        }
        const open = yield* Effect.withScheduler(toAio(gated([]).effect), yields)
        yield* Effect.promise(
          () =>
            // Started from no fiber, so that it runs under the scheduler that was captured.
            new Promise<void>((resolve) => {
              setImmediate(() => {
                const use = async (): Promise<void> => {
                  for (let i = 0; i < 200; i++) await (await open())[Symbol.asyncDispose]()
                }
                resolve(use())
              })
            })
        )
      })
    )
  )

  it.live("acquire, use and release are one fiber: what acquire forks lives until the disposal", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const ref = FiberRef.unsafeMake("default")
        const child = Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => log.push("child ended"))))
        const open = yield* toAio(
          Effect.gen(function* () {
            yield* FiberRef.set(ref, "set by acquire")
            const id = yield* Effect.fiberId
            yield* Effect.fork(child)
            yield* Effect.forkScoped(child)
            yield* Effect.addFinalizer(() =>
              Effect.map(Effect.all([FiberRef.get(ref), Effect.fiberId]), ([value, now]) =>
                log.push(value, now === id)
              )
            )
          })
        )
        const db = yield* runAioFuture(open())
        yield* settle
        expect(log).toEqual([])
        yield* runAioFuture(db[Symbol.asyncDispose]())
        expect(log).toEqual(["set by acquire", true, "child ended", "child ended"])
      })
    )
  )

  it.live("T1 what it needs is captured where it is wrapped; a Scope of the caller is not used", () =>
    scoped(
      Effect.gen(function* () {
        class Url extends Context.Tag("test/disposable/Url")<Url, string>() {}
        const log: Array<unknown> = []
        const scope = yield* Scope.make()
        const open = yield* toAio(
          Effect.acquireRelease(Url, () => Effect.sync(() => log.push("released")))
        ).pipe(
          Effect.provideService(Url, "db://"),
          Effect.provideService(Scope.Scope, scope),
          Effect.uninterruptible
        )
        const db = yield* runAioFuture(open())
        expect(db.value).toBe("db://")
        yield* Scope.close(scope, Exit.void)
        expect(log).toEqual([])
        yield* runAioFuture(db[Symbol.asyncDispose]())
        expect(log).toEqual(["released"])
        // A service tag is an Effect, though it is a function.
        const service = yield* Effect.provideService(toAio(Url), Url, "tag")
        const held = yield* runAioFuture(service())
        expect(held.value).toBe("tag")
        yield* runAioFuture(held[Symbol.asyncDispose]())
        // A function of fromAio is a function, though it is an Effect.
        const call = yield* toAio(fromAio(async () => 7))
        expect(yield* runAioFuture(call())).toBe(7)
      })
    )
  )

  it.live("L5 T6 the finalizers see the async-local state of open() and the FiberRefs of its caller", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const storage = new AsyncLocalStorage<string>()
        const ref = FiberRef.unsafeMake("default")
        const seen: Array<unknown> = []
        const note = Effect.map(FiberRef.get(ref), (value) =>
          seen.push([storage.getStore(), currentTask(loop)?.getName(), value])
        )
        const open = yield* toAio(Effect.acquireRelease(note, () => Effect.zipRight(Effect.yieldNow(), note)))
        const db = yield* runAioCoroutine(() => storage.run("opener", open)).pipe(
          Effect.locally(ref, "caller")
        )
        yield* runAioCoroutine(() => storage.run("closer", () => db[Symbol.asyncDispose]()))
        expect(seen).toEqual([
          ["opener", undefined, "caller"],
          ["opener", undefined, "caller"]
        ])
      })
    )
  )
})

describe("opening that does not succeed", () => {
  it.live("J8 fails with the very error of the acquisition, after the finalizers of what came before", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const boom = new Error("boom")
        const open = yield* toAio(
          Effect.zipRight(
            Effect.addFinalizer(() => Effect.sync(() => log.push("released"))),
            fromAio(() => Promise.reject(boom))()
          )
        )
        const opening = open()
        opening.addDoneCallback(() => log.push("told"))
        yield* waitingFor(() => log.includes("told"))
        expect(outcome(opening)).toBe(boom)
        expect(log).toEqual(["released", "told"])
      })
    )
  )

  it.live("T2 cancelled: interrupts the fiber, and is done when that has ended", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const { closes, effect } = gated(log, { open: true, close: true })
        const open = yield* toAio(effect)
        const opening = open()
        yield* waitingFor(() => log.includes("opening"))
        opening.cancel("no more")
        yield* waitingFor(() => log.includes("closing on Failure"))
        yield* settle
        expect(outcome(opening)).toBe("pending")
        yield* closes
        const error = yield* Effect.flip(runAioFuture(opening))
        expect((error as CancelledError).reason).toBe("no more")
        expect(log).toEqual(["opening", "closing on Failure", "closed"])
      })
    )
  )

  it.live("T3 cancelled before its turn: it never starts", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const open = yield* toAio(gated(log).effect)
        const opening = open()
        opening.cancel()
        yield* waitingFor(() => opening.done())
        expect([outcome(opening), log]).toEqual(["cancelled", []])
      })
    )
  )

  it.live("J7 what arrives although the opening was cancelled is released before the Future is done", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const gate = yield* Deferred.make<void>()
        const controller = new AbortController()
        const open = yield* toAio(
          Effect.acquireRelease(
            Effect.zipRight(
              Effect.sync(() => log.push("opening")),
              Deferred.await(gate)
            ),
            () => Effect.sync(() => log.push("released"))
          ),
          { signal: controller.signal }
        )
        const openings = [open(), open()] as const
        yield* waitingFor(() => log.length === 2)
        openings[0].cancel()
        yield* settle
        controller.abort("no more")
        yield* settle
        expect(openings.map(outcome)).toEqual(["pending", "pending"])
        yield* Deferred.succeed(gate, undefined)
        yield* waitingFor(() => openings.every((opening) => opening.done()))
        expect(openings.map(outcome)).toEqual(["cancelled", "cancelled"])
        expect(log).toEqual(["opening", "opening", "released", "released"])
      })
    )
  )

  it.live("J7 a task that is cancelled when its resource has just arrived does not leave it open", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        let cancel = (): unknown => undefined
        const open = yield* toAio(
          // Queued before the task is resumed with what is handed over.
          Effect.zipLeft(
            gated(log).effect,
            Effect.sync(() => loop.callSoon(() => cancel()))
          )
        )
        const bodies = [
          async () => {
            await using db = await open()
            log.push(`used ${db.value}`)
          },
          function* () {
            const db = yield* open()
            log.push(`used ${db.value}`)
          },
          () => open()
        ]
        for (const body of bodies) {
          const task = loop.createTask<unknown>(body)
          cancel = () => task.cancel()
          yield* waitingFor(() => task.done() && loop.statistics().crossings === 0)
          expect(task.cancelled()).toBe(true)
          expect(log.splice(0)).toEqual(["opening", "opened", "closing on Success", "closed"])
        }
        // Somebody else was told of it, too: then it is theirs.
        let other: AioDisposable<string> | undefined
        const task = loop.createTask(async () => {
          const opening = open()
          opening.addDoneCallback(() => (other = opening.result()))
          await opening
        })
        cancel = () => task.cancel()
        yield* waitingFor(() => task.done())
        yield* settle
        expect([task.cancelled(), log]).toEqual([true, ["opening", "opened"]])
        yield* runAioFuture((other as unknown as AioDisposable<string>)[Symbol.asyncDispose]())
      })
    )
  )
})

describe("what goes wrong with an open resource", () => {
  it.live("a finalizer that dies fails every disposal with its error", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const open = yield* toAio(Effect.acquireRelease(Effect.succeed(1), () => Effect.die(boom)))
        const db = yield* runAioFuture(open())
        const disposals = [db[Symbol.asyncDispose](), db[Symbol.asyncDispose]()]
        yield* waitingFor(() => disposals.every((future) => future.done()))
        disposals.push(db[Symbol.asyncDispose]())
        for (const disposal of disposals) expect(outcome(disposal)).toBe(boom)
        const caught = yield* runAioCoroutine(async () => {
          try {
            await using _ = await open()
          } catch (error) {
            return error
          }
          return undefined
        })
        expect(caught).toBe(boom)
      })
    )
  )

  it.live("T4 the signal interrupts it, also while it is used; disposing waits for that", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const controller = new AbortController()
        const { closes, effect } = gated(log, { close: true })
        const open = yield* toAio(effect, { signal: controller.signal })
        const db = yield* runAioFuture(open())
        controller.abort()
        yield* waitingFor(() => log.includes("closing on Failure"))
        const disposal = db[Symbol.asyncDispose]()
        yield* settle
        expect(outcome(disposal)).toBe("pending")
        yield* closes
        yield* waitingFor(() => disposal.done())
        expect([outcome(disposal), outcome(db[Symbol.asyncDispose]())]).toEqual([undefined, undefined])
        const error = yield* Effect.flip(runAioFuture(open()))
        expect((error as CancelledError).reason).toBe(controller.signal.reason)
      })
    )
  )

  it.live("T5 a finalizer that dies while nobody disposes is told to the first who does, or reported", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const boom = new Error("boom")
      yield* scoped(
        Effect.gen(function* () {
          const controller = new AbortController()
          const open = yield* toAio(
            Effect.acquireRelease(Effect.succeed(1), () => Effect.die(boom)),
            { signal: controller.signal }
          )
          const told = yield* runAioFuture(open())
          const untold = yield* runAioFuture(open())
          controller.abort()
          yield* settle
          expect(outcome(told[Symbol.asyncDispose]())).toBe(boom)
          expect(untold.value).toBe(1)
        }),
        { exceptionHandler }
      )
      expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["unretrieved", boom]])
    })
  })

  it.live("a cancel of the disposal is not lost: cancelled when the finalizers have run", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const { closes, effect } = gated(log, { close: true })
        const open = yield* toAio(effect)
        const task = loop.createTask(async () => {
          await using _ = await open()
        })
        yield* waitingFor(() => log.includes("closing on Success"))
        yield* settle
        task.cancel()
        yield* settle
        expect(task.done()).toBe(false)
        yield* closes
        yield* waitingFor(() => task.done())
        expect([task.cancelled(), log.at(-1)]).toEqual([true, "closed"])
      })
    )
  )

  it.live("J6 a finalizer that does not end is reported once, and disposing waits all the same", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const { closes, effect } = gated(log, { close: true })
        const open = yield* toAio(effect, { name: "database" })
        const db = yield* runAioFuture(open())
        const disposals = [db[Symbol.asyncDispose](), db[Symbol.asyncDispose]()]
        yield* waitingFor(() => reports.length > 0)
        yield* settle
        expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
        expect(reports[0]?.message).toMatch(/the resource database was told to end 5ms ago/)
        expect(disposals.map(outcome)).toEqual(["pending", "pending"])
        yield* closes
        yield* waitingFor(() => disposals.every((future) => future.done()))
      }),
      { exceptionHandler, slowJoin: 5 }
    )
  })

  it.live("J6 neither is an opening forgotten that was cancelled and does not end", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const { closes, effect } = gated(log, { open: true, close: true })
        const open = yield* toAio(effect, { name: "database" })
        const opening = open()
        yield* waitingFor(() => log.includes("opening"))
        opening.cancel()
        yield* waitingFor(() => reports.length > 0)
        expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
        expect(outcome(opening)).toBe("pending")
        yield* closes
        yield* waitingFor(() => opening.done())
        expect(outcome(opening)).toBe("cancelled")
      }),
      { exceptionHandler, slowJoin: 5 }
    )
  })

  it("B2 the signal must be one, before anything is scheduled", () => {
    expect(() => toAio(Effect.void, { signal: {} as never })).toThrow(/toAio takes an AbortSignal/)
  })
})

describe("closing a loop on which resources are open", () => {
  it.live("S1 interrupts them after the tasks, in the order of opening, and disposing waits for that", () => {
    const log: Array<unknown> = []
    return Effect.gen(function* () {
      const held = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const opened: Array<AioDisposable<string>> = []
          for (const name of ["one", "two", "three"]) {
            const open = yield* toAio(
              Effect.acquireRelease(Effect.succeed(name), () => Effect.sync(() => log.push(`closed ${name}`)))
            )
            opened.push(yield* runAioFuture(open()))
          }
          loop.createTask(async () => {
            await using _ = opened[2] as AioDisposable<string>
            try {
              await loop.createFuture()
            } finally {
              log.push("task ends")
            }
          })
          yield* settle
          return opened
        })
      )
      expect(log).toEqual(["task ends", "closed three", "closed one", "closed two"])
      expect(held.map((db) => outcome(db[Symbol.asyncDispose]()))).toEqual([undefined, undefined, undefined])
    })
  })

  it.live("C3 an opening that nobody has cancelled fails with LoopClosedError, after its finalizers", () => {
    const log: Array<unknown> = []
    return Effect.gen(function* () {
      const [opening, open] = yield* scoped(
        Effect.gen(function* () {
          const open = yield* toAio(gated(log, { open: true }).effect)
          const opening = open()
          yield* waitingFor(() => log.includes("opening"))
          return [opening, open] as const
        })
      )
      expect(log).toEqual(["opening", "closing on Failure", "closed"])
      expect(outcome(opening)).toBeInstanceOf(LoopClosedError)
      expect(outcome(open())).toBeInstanceOf(LoopClosedError)
    })
  })

  it.live("C3 loop.close() at once: interrupts what is open and what is opening; nothing hangs", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(openLoop(), scope)
      const on = Effect.provideService(Loop, loop)
      const db = yield* on(Effect.flatMap(toAio(gated(log).effect), (open) => runAioFuture(open())))
      const open = yield* on(toAio(gated(log, { open: true }).effect))
      const opening = open()
      yield* waitingFor(() => log.filter((entry) => entry === "opening").length === 2)
      const caught = Promise.resolve(opening).catch((error: unknown) => error)
      yield* settle
      loop.close()
      expect(yield* Effect.promise(() => caught)).toBeInstanceOf(LoopClosedError)
      yield* settle
      expect(log.filter((entry) => entry === "closed")).toHaveLength(2)
      expect(outcome(db[Symbol.asyncDispose]())).toBe(undefined)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.live(
    "C3 loop.close() at once: what a coroutine that was given up opens from then on is listed nowhere",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(openLoop({ exceptionHandler }), scope)
        const open = yield* Effect.provideService(toAio(Effect.succeed("db")), Loop, loop)
        let goOn = (): void => {}
        const foreign = new Promise<void>((resolve) => (goOn = resolve))
        const task = loop.createTask(async () => {
          await foreign
          await open()
        })
        yield* settle
        loop.close()
        // Nor does a refusal that nobody looks at stay: all it says is that the loop is closed.
        void open()
        goOn()
        yield* settle
        expect(outcome(task)).toBeInstanceOf(LoopClosedError)
        expect(reports.map(({ kind }) => kind)).toEqual(["late"])
        expect(loop.statistics()).toMatchObject({ crossings: 0, effects: 0, unretrieved: 0 })
        yield* Scope.close(scope, Exit.void)
      })
  )

  it.live(
    "J4 C3 loop.close() at once: what a finalizer dies of then is told of once, whoever has disposed of it",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(openLoop({ exceptionHandler }), scope)
        const ends = yield* Deferred.make<void>()
        const errors = ["awaited outside", "awaited in a task", "not awaited", "not disposed of"].map(
          (what) => new Error(what)
        )
        const dbs = yield* Effect.forEach(errors, (error) =>
          toAio(Effect.addFinalizer(() => Effect.zipRight(Deferred.await(ends), Effect.die(error)))).pipe(
            Effect.flatMap((open) => runAioFuture(open())),
            Effect.provideService(Loop, loop)
          )
        )
        const [outside, inTask, notAwaited] = dbs as [
          AioDisposable<void>,
          AioDisposable<void>,
          AioDisposable<void>
        ]
        const caught = Promise.resolve(outside[Symbol.asyncDispose]()).catch((error: unknown) => error)
        const task = loop.createTask(async () => await inTask[Symbol.asyncDispose]())
        yield* settle
        const disposal = notAwaited[Symbol.asyncDispose]()
        loop.close()
        expect(yield* Effect.promise(() => caught)).toBeInstanceOf(LoopClosedError)
        yield* Deferred.succeed(ends, undefined)
        yield* settle
        expect(outcome(task)).toBeInstanceOf(LoopClosedError)
        expect(outcome(disposal)).toBe(errors[2])
        expect(reports.every(({ kind }) => kind === "late")).toBe(true)
        expect(new Set(reports.map(({ exception }) => exception))).toEqual(new Set(errors))
        expect([reports.length, loop.statistics()]).toMatchObject([4, { unretrieved: 0, crossings: 0 }])
        yield* Scope.close(scope, Exit.void)
      })
  )

  it.live("C1 a crash closes them, too", () => {
    const log: Array<unknown> = []
    return Effect.gen(function* () {
      const exit = yield* Effect.exit(
        scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const open = yield* toAio(gated(log).effect)
            yield* runAioFuture(open())
            loop.runEffectTask(Effect.fail(new Error("crash")))
            yield* Effect.never
          }),
          { exceptionHandler: (loop, report) => loop.defaultExceptionHandler(report) }
        )
      )
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopCrash)
      expect(log).toEqual(["opening", "opened", "closing on Failure", "closed"])
    })
  })

  it.live("J4 S2 a finalizer that dies meanwhile is reported; one that does not end is a leftover", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const boom = new Error("boom")
      const log: Array<unknown> = []
      const { closes, effect } = gated(log, { close: true })
      const loop = yield* scoped(
        Effect.gen(function* () {
          const dies = yield* toAio(Effect.acquireRelease(Effect.void, () => Effect.die(boom)))
          const refuses = yield* toAio(effect, { name: "database" })
          yield* runAioFuture(dies())
          yield* runAioFuture(refuses())
          return yield* Loop
        }),
        { exceptionHandler, closeDeadline: 20 }
      )
      expect(reports.map(({ kind }) => kind)).toEqual(["late", "leftover"])
      expect(reports[0]?.exception).toBe(boom)
      expect(reports[1]?.message).toMatch(/resource +database +\d+ms +closing +its fiber/)
      yield* closes
      yield* waitingFor(() => loop.statistics().crossings === 0)
    })
  })

  it.live("disposing while the loop closes waits for the interruption that is under way", () => {
    const log: Array<unknown> = []
    return Effect.gen(function* () {
      const { closes, effect } = gated(log, { close: true })
      let disposal: Future<void> | undefined
      const fiber = yield* Effect.fork(
        scoped(
          Effect.gen(function* () {
            const open = yield* toAio(effect)
            const db = yield* runAioFuture(open())
            return db
          }).pipe(
            Effect.tap((db) =>
              Effect.sync(() => {
                const poll = (): void => {
                  if (!log.includes("closing on Failure")) setImmediate(poll)
                  else disposal = db[Symbol.asyncDispose]()
                }
                poll()
              })
            )
          )
        )
      )
      yield* waitingFor(() => disposal !== undefined)
      yield* settle
      expect(outcome(disposal as Future<void>)).toBe("pending")
      yield* closes
      yield* Fiber.join(fiber)
      expect([outcome(disposal as Future<void>), log.at(-1)]).toEqual([undefined, "closed"])
    })
  })
})
