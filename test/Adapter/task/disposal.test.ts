/**
 * Resources that dispose themselves, given to fromAio and acquireAio, and how they are closed. Bounds and refusals of a
 * close: acquireAio.test.ts.
 * Covers: disposal, closedAlready
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import {
  acquireAio,
  currentFlavor,
  currentTask,
  type EventLoop,
  fromAio,
  getRunningLoop,
  Loop,
  LoopClosedError
} from "../../../src/index.js"
import { perLine } from "../../support/effect/line.js"
import { collecting, open, scoped, settle, track } from "../../support/scopedLoops.js"

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

const withLoop = <A, E>(
  use: (loop: EventLoop) => Effect.Effect<A, E, Loop | Scope.Scope>,
  options: Parameters<typeof scoped>[1] = {}
) => scoped(Effect.scoped(Effect.flatMap(Loop, use)), options)

class Connection implements AsyncDisposable {
  constructor(
    readonly log: Array<unknown>,
    readonly wait: () => PromiseLike<unknown> = () => Promise.resolve()
  ) {}
  async [Symbol.asyncDispose](): Promise<void> {
    this.log.push("disposing")
    await this.wait()
    this.log.push("disposed")
  }
}

describe("fromAio(disposable)", () => {
  it.live("its Scope disposes it in the loop, as a named task, and waits for that", () =>
    withLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const connection = new Connection(log, () => {
          log.push([currentFlavor(), getRunningLoop() === loop, currentTask()?.getName()])
          return loop.sleep(1)
        })
        yield* Effect.scoped(
          Effect.gen(function* () {
            expect(yield* fromAio(connection)).toBe(connection)
            log.push("body")
          })
        )
        log.push("after")
        expect(log).toEqual(["body", "disposing", ["aio", true, "close <Connection>"], "disposed", "after"])
        yield* Effect.scoped(
          fromAio(new Connection(log, () => Promise.resolve(log.push(currentTask()?.getName()))), {
            name: "named"
          })
        )
        expect(log.slice(-3)).toEqual(["disposing", "close named", "disposed"])
      })
    )
  )

  it.live("takes Disposables, prefers asyncDispose where there are both, and disposes in reverse order", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const plain = {
          name: "plain",
          [Symbol.dispose]() {
            log.push(this.name)
          }
        }
        const both = {
          [Symbol.dispose]: () => void log.push("dispose"),
          [Symbol.asyncDispose]: async () => void log.push("asyncDispose")
        }
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* fromAio(plain)
            yield* fromAio(both)
          })
        )
        expect(log).toEqual(["asyncDispose", "plain"])
      })
    )
  )

  it.live("functions, promises and { try, catch } stay what they are to fromAio, disposable or not", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const dispose = { [Symbol.dispose]: () => void log.push("disposed") }
        const fn = Object.assign(() => 1, dispose)
        expect(yield* fromAio(fn)()).toBe(1)
        expect(yield* fromAio(Object.assign(Promise.resolve(2), dispose))).toBe(2)
        const both: { try: () => number; catch: () => string } = Object.assign(
          { try: () => 3, catch: () => "e" },
          dispose
        )
        expect(yield* fromAio(both)()).toBe(3)
        expect(log).toEqual([])
      })
    )
  )

  it.live("a failure of disposing is a defect of the Scope's closing", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const boom = new Error("boom")
        for (const wait of [
          () => Promise.reject(boom),
          () => {
            throw boom
          }
        ]) {
          const exit = yield* Effect.exit(Effect.scoped(fromAio(new Connection([], wait))))
          expect(defectsOf(exit)).toEqual([boom])
        }
      })
    )
  )

  it.live("interrupted in its body: disposed before the fiber ends; not run at all: never disposed", () =>
    withLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const gate = loop.createFuture()
        const acquire = fromAio(new Connection(log, () => gate))
        const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(acquire, Effect.never)))
        yield* settle
        const interrupting = yield* Effect.fork(Effect.tap(Fiber.interrupt(fiber), () => log.push("ended")))
        yield* settle
        log.push("gate opens")
        gate.setResult(undefined)
        expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
        expect(log).toEqual(["disposing", "gate opens", "disposed", "ended"])
      })
    )
  )

  it.live("S4 on a closed loop: fails with LoopClosedError, and its Scope disposes it all the same", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(open())
      const log: Array<unknown> = []
      const exit = yield* Effect.exit(
        Effect.scoped(Effect.provideService(fromAio(new Connection(log)), Loop, loop))
      )
      expect(failureOf(exit)).toBeInstanceOf(LoopClosedError)
      expect(log).toEqual(["disposing", "disposed"])
    })
  )

  it.live("S4 the loop closed while it was in use: disposed all the same, when its Scope closes", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const scope = yield* Scope.make()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open()
          yield* fromAio(new Connection(log)).pipe(
            Effect.provideService(Loop, loop),
            Effect.provideService(Scope.Scope, scope)
          )
        })
      )
      expect(log).toEqual([])
      yield* Scope.close(scope, Exit.void)
      expect(log).toEqual(["disposing", "disposed"])
    })
  )

  it.live("S1 the loop closes while it is being disposed: that is not cancelled, and waited for (J12)", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      let dispose = (): void => {}
      const disposed = new Promise<void>((resolve) => (dispose = resolve))
      const fiber = yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open()
          yield* Effect.addFinalizer(() => Effect.sync(() => log.push("the loop's Scope closes")))
          const acquire = fromAio(new Connection(log, () => disposed))
          const fiber = yield* Effect.forkDaemon(
            Effect.exit(Effect.scoped(Effect.provideService(acquire, Loop, loop)))
          )
          yield* settle
          for (const task of loop.allTasks()) task.cancel("by a stranger")
          setTimeout(dispose, 5)
          return fiber
        })
      )
      log.push("the loop is closed")
      expect(Exit.isSuccess(yield* Fiber.join(fiber))).toBe(true)
      expect(log).toEqual(["disposing", "the loop's Scope closes", "disposed", "the loop is closed"])
    })
  )

  it("B2 what cannot be disposed is refused at once", () => {
    for (const wrong of [undefined, null, 1, "text", {}, { [Symbol.dispose]: 1 }, Symbol.dispose]) {
      expect(() => fromAio(wrong as never)).toThrow(/fromAio takes/)
    }
  })
})

describe("acquireAio({ open }) of what disposes itself", () => {
  it.live("J7 opens, and its Scope disposes it", () =>
    withLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        yield* Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* acquireAio({
              open: async () => new Connection(log, () => loop.sleep(1))
            })
            expect(connection).toBeInstanceOf(Connection)
            yield* acquireAio({ open: () => ({ [Symbol.dispose]: () => void log.push("plain") }) })
          })
        )
        expect(log).toEqual(["plain", "disposing", "disposed"])
      })
    )
  )

  it.live("J7 a close of its own comes before the dispose method", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        yield* Effect.scoped(acquireAio({ open: () => new Connection(log), close: () => log.push("close") }))
        expect(log).toEqual(["close"])
      })
    )
  )

  it.live("J7 interrupted while opening: what arrives anyway is disposed before the fiber ends", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        let give = (_: Connection): void => {}
        const arrives = new Promise<Connection>((resolve) => (give = resolve))
        const fiber = yield* Effect.fork(Effect.scoped(acquireAio({ open: () => arrives })))
        yield* settle
        const interrupting = yield* Effect.fork(Effect.tap(Fiber.interrupt(fiber), () => log.push("ended")))
        yield* settle
        log.push("arrives")
        give(new Connection(log))
        expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
        expect(log).toEqual(["arrives", "disposing", "disposed", "ended"])
      })
    )
  )

  it.live(
    "B1 what was opened and cannot be disposed is a TypeError that says it is open, whenever it arrives",
    () =>
      withLoop(() =>
        Effect.gen(function* () {
          const text =
            /open without close|acquireAio\(\{ open \}\) without close .* gave <Map>, .* It is open, and nobody will close it/
          const opening = acquireAio({ open: async () => new Map() as unknown as Disposable, name: "maps" })
          const exit = yield* Effect.exit(Effect.scoped(opening))
          expect(defectsOf(exit)).toEqual([expect.any(TypeError)])
          expect(String(defectsOf(exit)[0])).toMatch(text)
          for (const nothing of [undefined, null]) {
            const empty = acquireAio({ open: () => nothing as unknown as Disposable })
            expect(defectsOf(yield* Effect.exit(Effect.scoped(empty)))).toEqual([expect.any(TypeError)])
          }
          let give = (_: Disposable): void => {}
          const arrives = new Promise<Disposable>((resolve) => (give = resolve))
          const fiber = yield* Effect.fork(Effect.scoped(acquireAio({ open: () => arrives })))
          yield* settle
          const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* settle
          give(new Map() as unknown as Disposable)
          expect(String(defectsOf(yield* Fiber.join(interrupting))[0])).toMatch(text)
        })
      )
  )

  it.live(
    "J7 C3 the loop closed while it opened: what arrives afterwards is disposed, or reported where it cannot be",
    () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.gen(function* () {
        const log: Array<unknown> = []
        const gives: Array<(resource: AsyncDisposable) => void> = []
        const scope = yield* Scope.make()
        const loop = track(
          yield* Loop.open({ exceptionHandler }).pipe(Effect.provideService(Scope.Scope, scope))
        )
        const fibers = []
        for (let i = 0; i < 2; i++) {
          const arrives = new Promise<AsyncDisposable>((resolve) => gives.push(resolve))
          fibers.push(
            yield* Effect.fork(
              Effect.scoped(
                Effect.provideService(acquireAio({ open: () => arrives, name: "late" }), Loop, loop)
              )
            )
          )
        }
        yield* settle
        loop.close()
        yield* Scope.close(scope, Exit.void)
        for (const fiber of fibers)
          expect(failureOf(yield* Fiber.await(fiber))).toBeInstanceOf(LoopClosedError)
        gives[0]?.(new Connection(log))
        gives[1]?.({} as AsyncDisposable)
        yield* settle
        expect(log).toEqual(["disposing", "disposed"])
        expect(reports).toMatchObject([{ kind: "late", exception: expect.any(TypeError) }])
      })
    }
  )
})

describe("a cleanup that fails after a typed failure", () => {
  const boom = new Error("cleanup")
  const ways: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Loop>]> = [
    [
      "the close of a resource",
      Effect.scoped(
        Effect.andThen(
          acquireAio({ name: "pool", open: () => 1, close: () => Promise.reject(boom) }),
          Effect.fail("typed")
        )
      )
    ],
    [
      "the return() of an iterator",
      Stream.runForEach(
        fromAio(
          (async function* () {
            try {
              yield 1
            } finally {
              await Promise.reject(boom)
            }
          })()
        ),
        () => Effect.fail("typed")
      )
    ]
  ]

  it.effect.each(ways)(
    "J4 takes it from nobody who handles it on Effect 4, and is reported: %s",
    ([, fails]) => {
      const { exceptionHandler, reports } = collecting()
      return scoped(
        Effect.gen(function* () {
          const exit = yield* Effect.exit(fails)
          const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
          expect(Chunk.toArray(Cause.failures(cause))).toEqual(["typed"])
          expect(Chunk.toArray(Cause.defects(cause))).toEqual(perLine("E2", { 3: [boom], 4: [] }))
          const told = reports.filter(({ kind }) => kind === "late").map(({ exception }) => exception)
          // Of what a Stream's end dies of nobody may hear on either line.
          expect(told.length === 1 || perLine("E2", { 3: told.length === 0, 4: false })).toBe(true)
        }),
        { exceptionHandler }
      )
    }
  )
})

describe("a loop that is closed at once", () => {
  it.live("J7 C3 tells a close that waits for a timer of the loop, which then goes on to its end", () => {
    const log: Array<unknown> = []
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const closing = yield* Effect.fork(
          Effect.scoped(
            acquireAio({
              open: () => Promise.resolve(),
              close: async () => {
                try {
                  await loop.sleep(60_000)
                } catch (error) {
                  log.push(error instanceof LoopClosedError)
                }
                log.push("closed")
              }
            })
          )
        )
        yield* settle
        loop.close()
        yield* Fiber.await(closing)
        expect(log).toEqual([true, "closed"])
      })
    )
  })

  it.live("J7 C3 tells it also where it comes to wait only then", () => {
    const log: Array<unknown> = []
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        // Given up: as long as it may go on, the loop knows whose code is running.
        loop.createTask(() => new Promise((resolve) => setTimeout(resolve, 20)))
        const closing = yield* Effect.fork(
          Effect.scoped(
            acquireAio({
              open: () => Promise.resolve(),
              close: async () => {
                const asleep = loop.sleep(60_000)
                await new Promise((resolve) => setTimeout(resolve, 5))
                try {
                  await asleep
                } catch (error) {
                  log.push(error instanceof LoopClosedError)
                }
                log.push("closed")
              }
            })
          )
        )
        yield* settle
        loop.close()
        yield* Fiber.await(closing)
        expect(log).toEqual([true, "closed"])
      })
    )
  })
})
