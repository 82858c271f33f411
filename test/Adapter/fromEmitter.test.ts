/**
 * Events as Streams, from emitters of each kind, with every option.
 *
 * Covers: fromEmitter, emitter/Emitter, emitter/lateErrors
 */
import { EventEmitter } from "node:events"
import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Option, type Scope, Stream } from "effect"
import * as fc from "fast-check"
import {
  AioError,
  BufferOverflowError,
  currentFlavor,
  type EventLoop,
  fromEmitter,
  getRunningLoop,
  Loop,
  LoopClosedError
} from "../../src/index.js"
import { collecting, open, scoped, settle } from "../support/scopedLoops.js"

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined

/** How many listen to an emitter, without what stays behind for its late errors. */
const listeners = (emitter: EventEmitter): number =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0) - staysBehind(emitter)

/** How many listeners have stayed behind for late errors. */
const staysBehind = (emitter: EventEmitter): number =>
  emitter.listeners("error").filter(({ name }) => name === "lateError").length

const withLoop = <A, E>(
  use: (loop: EventLoop) => Effect.Effect<A, E, Loop | Scope.Scope>,
  options: Parameters<typeof scoped>[1] = {}
) => scoped(Effect.scoped(Effect.flatMap(Loop, use)), options)

/** Runs a stream, keeps its items in a log, and gives its Exit when it has ended. */
const running = <A, E, R>(stream: Stream.Stream<A, E, R>, log: Array<unknown>) =>
  Effect.fork(Effect.exit(Stream.runForEach(stream, (item) => Effect.sync(() => log.push(item)))))

/** An EventTarget that knows how many listeners it has. */
class Target extends EventTarget {
  count = 0
  override addEventListener(type: string, listener: (event: Event) => void): void {
    this.count++
    super.addEventListener(type, listener)
  }
  override removeEventListener(type: string, listener: (event: Event) => void): void {
    this.count--
    super.removeEventListener(type, listener)
  }
}

describe("fromEmitter", () => {
  it.live("gives the first argument of each event, in order, until an event that ends it", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        const foreign = () => {}
        emitter.on("data", foreign)
        const log: Array<unknown> = []
        const fiber = yield* running(fromEmitter(emitter, { event: "data", end: ["end", "close"] }), log)
        yield* settle
        expect(emitter.listenerCount("data")).toBe(2)
        emitter.emit("data", 1, "more")
        emitter.emit("data", 2)
        yield* settle
        expect(log).toEqual([1, 2])
        emitter.emit("data", 3)
        emitter.emit("close")
        emitter.emit("data", "after the end")
        expect(emitter.listeners("data")).toEqual([foreign])
        expect(listeners(emitter)).toBe(1)
        expect(yield* Fiber.join(fiber)).toEqual(Exit.void)
        expect(log).toEqual([1, 2, 3])
      })
    )
  )

  it.live("takes symbols, emitters with addListener and removeListener, and EventTargets", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const symbol = Symbol("data")
        const emitter = new EventEmitter()
        const log: Array<unknown> = []
        const bySymbol = yield* running(fromEmitter(emitter, { event: symbol, end: "end" }), log)
        const old = new EventEmitter()
        const shaped = {
          addListener: (event: string, listener: () => void) => old.addListener(event, listener),
          removeListener: (event: string, listener: () => void) => old.removeListener(event, listener)
        }
        const byShape = yield* running(fromEmitter(shaped, { event: "data", end: "end" }), log)
        const target = new Target()
        const byTarget = yield* running(
          fromEmitter(target, { event: "data", end: "end", map: (event: Event) => event.type }),
          log
        )
        yield* settle
        emitter.emit(symbol, "symbol")
        emitter.emit("end")
        yield* Fiber.join(bySymbol)
        old.emit("data", "shaped")
        old.emit("end")
        yield* Fiber.join(byShape)
        // An EventTarget has no error event of its own.
        expect(target.count).toBe(2)
        target.dispatchEvent(new Event("data"))
        target.dispatchEvent(new Event("end"))
        yield* Fiber.join(byTarget)
        expect(log).toEqual(["symbol", "shaped", "data"])
        expect([listeners(emitter), listeners(old), target.count]).toEqual([0, 0, 0])
      })
    )
  )

  it.live("what comes while the consumer is busy waits in order, and is taken as one chunk", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        const chunks: Array<ReadonlyArray<unknown>> = []
        const fiber = yield* Effect.fork(
          Stream.runForEachChunk(fromEmitter(emitter, { event: "data", end: "end" }), (chunk) =>
            Effect.andThen(
              Effect.sync(() => chunks.push(Chunk.toReadonlyArray(chunk))),
              settle
            )
          )
        )
        yield* settle
        emitter.emit("data", 1)
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        for (const n of [2, 3, 4]) emitter.emit("data", n)
        emitter.emit("end")
        yield* Fiber.join(fiber)
        expect(chunks).toEqual([[1], [2, 3, 4]])
      })
    )
  )

  it.effect("keeps every item and its order, however events and takes follow each other", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom("emit" as const, "turn" as const, "settle" as const), { maxLength: 60 }),
          fc.constantFrom("fail" as const, "dropOldest" as const, "dropNewest" as const),
          fc.integer({ min: 1, max: 8 }),
          (moves, overflow, capacity) =>
            Effect.runPromise(
              withLoop(
                () =>
                  Effect.gen(function* () {
                    const emitter = new EventEmitter()
                    const got: Array<unknown> = []
                    const dropped: Array<unknown> = []
                    const fiber = yield* running(
                      fromEmitter(emitter, {
                        event: "data",
                        end: "end",
                        buffer: { capacity, overflow, onDrop: (_, item) => dropped.push(item) }
                      }),
                      got
                    )
                    yield* settle
                    let sent = 0
                    for (const move of moves) {
                      if (move === "emit") emitter.emit("data", sent++)
                      else if (move === "turn") yield* Effect.yieldNow()
                      else yield* settle
                    }
                    emitter.emit("end")
                    const exit = yield* Fiber.join(fiber)
                    expect(listeners(emitter)).toBe(0)
                    // In order, nothing twice; what is not there was dropped, or came after the overflow.
                    const all = [...Array(sent).keys()]
                    if (Exit.isFailure(exit)) {
                      expect(overflow).toBe("fail")
                      expect(failureOf(exit)).toBeInstanceOf(BufferOverflowError)
                      expect(got).toEqual(all.slice(0, got.length))
                      expect(got.length).toBeGreaterThanOrEqual(capacity)
                    } else expect(got).toEqual(all.filter((n) => !dropped.includes(n)))
                  }),
                { exceptionHandler: () => {} }
              )
            )
        ),
        { numRuns: 60 }
      )
    )
  )

  describe("errors", () => {
    it.live(
      "J3 of the emitter come after the items before them, as AioError or mapped, and take the listeners away",
      () =>
        withLoop(() =>
          Effect.gen(function* () {
            const boom = new Error("boom")
            for (const mapped of [false, true]) {
              const emitter = new EventEmitter()
              const log: Array<unknown> = []
              const fiber = yield* running<unknown, unknown, Loop>(
                mapped
                  ? fromEmitter(emitter, { event: "data", catch: (error) => ({ mapped: error }) })
                  : fromEmitter(emitter, { event: "data", name: "numbers" }),
                log
              )
              yield* settle
              emitter.emit("data", 1)
              emitter.emit("error", boom)
              expect(listeners(emitter)).toBe(0)
              const error = failureOf(yield* Fiber.join(fiber))
              expect(log).toEqual([1])
              if (mapped) expect(error).toEqual({ mapped: boom })
              else {
                expect(error).toBeInstanceOf(AioError)
                expect(error).toMatchObject({ cause: boom, task: "numbers" })
              }
            }
          })
        )
    )

    it.live("error: another event, none, or the items themselves", () =>
      withLoop(() =>
        Effect.gen(function* () {
          const emitter = new EventEmitter()
          const log: Array<unknown> = []
          const other = yield* running(fromEmitter(emitter, { event: "data", error: "bad" }), log)
          yield* settle
          expect(emitter.eventNames()).toEqual(["data", "bad"])
          emitter.emit("bad", "reason")
          expect(failureOf(yield* Fiber.join(other))).toMatchObject({ cause: "reason" })
          const none = yield* running(fromEmitter(emitter, { event: "data", error: null }), log)
          const items = yield* running(fromEmitter(emitter, { event: "error", end: "end" }), log)
          yield* settle
          expect(emitter.eventNames()).toEqual(["data", "error", "end"])
          emitter.emit("error", "as an item")
          emitter.emit("end")
          yield* Fiber.join(items)
          yield* Fiber.interrupt(none)
          expect(log).toEqual(["as an item"])
          const target = new Target()
          const failing = yield* running(
            fromEmitter(target, { event: "message", error: "error", catch: (event) => event }),
            log
          )
          yield* settle
          const event = new Event("error")
          target.dispatchEvent(event)
          expect(failureOf(yield* Fiber.join(failing))).toBe(event)
          expect(target.count).toBe(0)
        })
      )
    )

    it.live("that map or onDrop throws end the stream, and nothing is thrown into the emitter", () =>
      withLoop(
        () =>
          Effect.gen(function* () {
            const boom = new Error("boom")
            const throws = (): never => {
              throw boom
            }
            for (const stream of [
              (emitter: EventEmitter) => fromEmitter(emitter, { event: "data", map: throws }),
              (emitter: EventEmitter) =>
                fromEmitter(emitter, {
                  event: "data",
                  buffer: { capacity: 1, overflow: "dropNewest", onDrop: throws }
                })
            ]) {
              const emitter = new EventEmitter()
              const fiber = yield* running<unknown, unknown, Loop>(stream(emitter), [])
              yield* settle
              emitter.emit("data", 1)
              emitter.emit("data", 2)
              emitter.emit("data", 3)
              expect(failureOf(yield* Fiber.join(fiber))).toMatchObject({ cause: boom })
              expect(listeners(emitter)).toBe(0)
            }
            // What `catch` throws is a mistake of the program.
            const emitter = new EventEmitter()
            const fiber = yield* running(fromEmitter(emitter, { event: "data", catch: throws }), [])
            yield* settle
            emitter.emit("error", new Error("first"))
            const exit = yield* Fiber.join(fiber)
            expect(Exit.isFailure(exit) && Chunk.toArray(Cause.defects(exit.cause))).toEqual([boom])
          }),
        { exceptionHandler: () => {} }
      )
    )

    it.live("J4 one that the consumer never came to, because it left, is reported", () => {
      const { exceptionHandler, reports } = collecting()
      return withLoop(
        () =>
          Effect.gen(function* () {
            const boom = new Error("boom")
            const emitter = new EventEmitter()
            const fiber = yield* Effect.fork(
              Stream.runForEach(fromEmitter(emitter, { event: "data" }), () => Effect.never)
            )
            yield* settle
            emitter.emit("data", 1)
            yield* settle
            emitter.emit("error", boom)
            yield* Fiber.interrupt(fiber)
            expect(reports.map(({ kind, exception }) => [kind, exception])).toEqual([["late", boom]])
          }),
        { exceptionHandler }
      )
    })

    it.live("of on and off themselves: what was attached is taken away, and the rest is reported", () => {
      const { exceptionHandler, reports } = collecting()
      return withLoop(
        () =>
          Effect.gen(function* () {
            const boom = new Error("boom")
            const emitter = new EventEmitter()
            const refuses = {
              on: (event: string, listener: () => void) => {
                if (event === "error") throw boom
                emitter.on(event, listener)
              },
              off: (event: string, listener: () => void) => emitter.off(event, listener)
            }
            expect(
              failureOf(yield* Fiber.join(yield* running(fromEmitter(refuses, { event: "data" }), [])))
            ).toMatchObject({ cause: boom })
            expect(listeners(emitter)).toBe(0)
            const keeps = {
              on: (event: string, listener: () => void) => void emitter.on(event, listener),
              off: (event: string, listener: () => void) => {
                emitter.off(event, listener)
                throw boom
              }
            }
            const fiber = yield* running(fromEmitter(keeps, { event: "data" }), [])
            yield* settle
            yield* Fiber.interrupt(fiber)
            expect(listeners(emitter)).toBe(0)
            expect(reports.map(({ kind, exception }) => [kind, exception])).toEqual([
              ["late", boom],
              ["late", boom]
            ])
          }),
        { exceptionHandler }
      )
    })
  })

  describe("a full buffer", () => {
    const burst = (emitter: EventEmitter, n: number): void => {
      for (let i = 1; i <= n; i++) emitter.emit("data", i)
    }

    it.live("fails after the items that wait, by default; 1024 may wait", () =>
      withLoop(() =>
        Effect.gen(function* () {
          const emitter = new EventEmitter()
          for (const [capacity, buffer] of [
            [1024, undefined],
            [2, { capacity: 2 }]
          ] as const) {
            const log: Array<unknown> = []
            const fiber = yield* running(
              fromEmitter(emitter, { event: "data", name: "numbers", buffer }),
              log
            )
            yield* settle
            burst(emitter, capacity)
            expect(listeners(emitter)).toBe(2)
            emitter.emit("data", "too much")
            expect(listeners(emitter)).toBe(0)
            const error = failureOf(yield* Fiber.join(fiber))
            expect(error).toBeInstanceOf(BufferOverflowError)
            expect(error).toMatchObject({ stream: "numbers", capacity })
            expect(log).toEqual([...Array(capacity).keys()].map((n) => n + 1))
          }
        })
      )
    )

    it.live("drops the newest or the oldest, tells of each drop, and reports the sum once at the end", () => {
      const { exceptionHandler, reports } = collecting()
      return withLoop(
        () =>
          Effect.gen(function* () {
            const emitter = new EventEmitter()
            for (const [overflow, kept, lost] of [
              ["dropNewest", [1, 2], [3, 4, 5]],
              ["dropOldest", [4, 5], [1, 2, 3]]
            ] as const) {
              const log: Array<unknown> = []
              const drops: Array<unknown> = []
              const fiber = yield* running(
                fromEmitter(emitter, {
                  event: "data",
                  end: "end",
                  name: overflow,
                  buffer: { capacity: 2, overflow, onDrop: (dropped, item) => drops.push([dropped, item]) }
                }),
                log
              )
              yield* settle
              burst(emitter, 5)
              emitter.emit("end")
              expect(yield* Fiber.join(fiber)).toEqual(Exit.void)
              expect(log).toEqual(kept)
              expect(drops).toEqual(lost.map((item, i) => [i + 1, item]))
            }
            expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
              ["late", expect.stringMatching(/^dropNewest dropped 3 of its events/)],
              ["late", expect.stringMatching(/^dropOldest dropped 3 of its events/)]
            ])
          }),
        { exceptionHandler }
      )
    })
  })

  describe("its listeners are taken away", () => {
    it.live("when the consumer has enough, is interrupted while it waits, or while it is busy", () =>
      withLoop(() =>
        Effect.gen(function* () {
          const emitter = new EventEmitter()
          const stream = fromEmitter(emitter, { event: "data", end: "end" })
          const two = yield* Effect.fork(Stream.runCollect(Stream.take(stream, 2)))
          yield* settle
          for (const n of [1, 2, 3]) emitter.emit("data", n)
          expect(Chunk.toReadonlyArray(yield* Fiber.join(two))).toEqual([1, 2])
          expect(listeners(emitter)).toBe(0)

          const waiting = yield* Effect.fork(Stream.runDrain(stream))
          yield* settle
          expect(listeners(emitter)).toBe(3)
          expect(interruptedOnly(yield* Fiber.interrupt(waiting))).toBe(true)
          expect(listeners(emitter)).toBe(0)

          const busy = yield* Effect.fork(Stream.runForEach(stream, () => Effect.never))
          yield* settle
          emitter.emit("data", 1)
          yield* settle
          expect(interruptedOnly(yield* Fiber.interrupt(busy))).toBe(true)
          expect(listeners(emitter)).toBe(0)

          // Not yet resumed: its item has come, and the fiber is told to end.
          const told = yield* Effect.fork(Stream.runDrain(stream))
          yield* settle
          emitter.emit("data", 1)
          expect(interruptedOnly(yield* Fiber.interrupt(told))).toBe(true)
          expect(listeners(emitter)).toBe(0)
        })
      )
    )

    it.live(
      "S4 C3 when the loop is closed: waiting or busy, it fails with LoopClosedError after what had come",
      () =>
        Effect.gen(function* () {
          for (const how of ["scope", "close()", "crash"] as const) {
            const emitter = new EventEmitter()
            const waitingLog: Array<unknown> = []
            const busyLog: Array<unknown> = []
            let go = (): void => {}
            const gate = new Promise<void>((resolve) => (go = resolve))
            const stream = fromEmitter(emitter, { event: "data" })
            const [waiting, busy] = yield* Effect.scoped(
              Effect.gen(function* () {
                const loop = yield* open({ exceptionHandler: () => {} })
                const on = Effect.provideService(Loop, loop)
                const waiting = yield* Effect.forkDaemon(
                  on(Effect.exit(Stream.runForEach(stream, (n) => Effect.sync(() => waitingLog.push(n)))))
                )
                const busy = yield* Effect.forkDaemon(
                  on(
                    Effect.exit(
                      Stream.runForEach(stream, (n) =>
                        Effect.promise(() => gate.then(() => void busyLog.push(n)))
                      )
                    )
                  )
                )
                yield* settle
                emitter.emit("data", 1)
                yield* settle
                emitter.emit("data", 2)
                if (how === "close()") loop.close()
                if (how === "crash") loop._crashWith(new Error("crash"), "test")
                return [waiting, busy] as const
              })
            )
            expect(listeners(emitter)).toBe(0)
            expect(failureOf(yield* Fiber.join(waiting))).toBeInstanceOf(LoopClosedError)
            expect(waitingLog).toEqual([1, 2])
            go()
            expect(failureOf(yield* Fiber.join(busy))).toBeInstanceOf(LoopClosedError)
            expect(busyLog).toEqual([1, 2])
          }
        })
    )

    it.live("S4 on a closed loop: it fails, and never listens", () =>
      Effect.gen(function* () {
        const loop = yield* Effect.scoped(open())
        const emitter = new EventEmitter()
        let added = 0
        emitter.on("newListener", () => added++)
        const exit = yield* Effect.exit(
          Effect.provideService(Stream.runDrain(fromEmitter(emitter, { event: "data" })), Loop, loop)
        )
        expect(failureOf(exit)).toBeInstanceOf(LoopClosedError)
        expect(added).toBe(0)
      })
    )

    it.live(
      "by a signal: CancelledError with its reason, after what had come; at once where it is aborted already",
      () =>
        withLoop(() =>
          Effect.gen(function* () {
            const emitter = new EventEmitter()
            const controller = new AbortController()
            const log: Array<unknown> = []
            const stream = fromEmitter(emitter, { event: "data", signal: controller.signal })
            const fiber = yield* running(stream, log)
            yield* settle
            emitter.emit("data", 1)
            controller.abort("enough")
            expect(listeners(emitter)).toBe(0)
            expect(failureOf(yield* Fiber.join(fiber))).toMatchObject({
              _tag: "CancelledError",
              reason: "enough"
            })
            expect(log).toEqual([1])
            expect(failureOf(yield* Fiber.join(yield* running(stream, log)))).toMatchObject({
              reason: "enough"
            })
            expect(listeners(emitter)).toBe(0)
          })
        )
    )

    it.live("where the emitter calls back while it is being listened to, and ends it there", () =>
      withLoop(() =>
        Effect.gen(function* () {
          const emitter = new EventEmitter()
          const eager = {
            on: (event: string, listener: (value?: unknown) => void) => {
              emitter.on(event, listener)
              if (event === "data") listener("at once")
              if (event === "end") listener()
            },
            off: (event: string, listener: () => void) => void emitter.off(event, listener)
          }
          const log: Array<unknown> = []
          const stream = fromEmitter(eager, { event: "data", end: ["end", "close"] })
          expect(yield* Fiber.join(yield* running(stream, log))).toEqual(Exit.void)
          expect(log).toEqual(["at once"])
          expect(listeners(emitter)).toBe(0)
          const hasty = {
            ...eager,
            on: (event: string, listener: (value?: unknown) => void) => {
              if (event === "end") listener()
              emitter.on(event, listener)
            }
          }
          const both = fromEmitter(hasty, { event: "data", end: ["end", "close"] })
          expect(yield* Fiber.join(yield* running(both, log))).toEqual(Exit.void)
          expect(listeners(emitter)).toBe(0)
        })
      )
    )

    it.live("where map ends it: what it made then does not come after the end", () =>
      withLoop(() =>
        Effect.gen(function* () {
          const emitter = new EventEmitter()
          const log: Array<unknown> = []
          const map = (n: number): number => {
            if (n === 2) emitter.emit("end")
            return n
          }
          const fiber = yield* running(fromEmitter(emitter, { event: "data", end: "end", map }), log)
          yield* settle
          for (const n of [1, 2, 3]) emitter.emit("data", n)
          expect(yield* Fiber.join(fiber)).toEqual(Exit.void)
          expect(log).toEqual([1])
        })
      )
    )

    it.live("and its loop knows no more of it, however it has ended", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const known = new Set<unknown>()
          const { _watch, _unwatch } = loop
          loop._watch = (watched) => {
            known.add(watched)
            _watch.call(loop, watched)
          }
          loop._unwatch = (watched) => {
            known.delete(watched)
            _unwatch.call(loop, watched)
          }
          const emitter = new EventEmitter()
          const stream = fromEmitter(emitter, { event: "data", end: "end" })
          const fibers = [yield* running(stream, []), yield* running(Stream.take(stream, 1), [])]
          const interrupted = yield* running(stream, [])
          yield* settle
          expect(known.size).toBeGreaterThanOrEqual(3)
          yield* Fiber.interrupt(interrupted)
          emitter.emit("data", 1)
          emitter.emit("end")
          for (const fiber of fibers) yield* Fiber.join(fiber)
          expect(known.size).toBe(0)
        })
      )
    )
  })

  it.live("each run listens anew, and nothing listens before it", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        const stream = fromEmitter(emitter, { event: "data", end: "end" })
        expect(listeners(emitter)).toBe(0)
        const first: Array<unknown> = []
        const second: Array<unknown> = []
        const one = yield* running(stream, first)
        const two = yield* running(stream, second)
        yield* settle
        expect(listeners(emitter)).toBe(6)
        emitter.emit("data", 1)
        emitter.emit("end")
        yield* Fiber.join(one)
        yield* Fiber.join(two)
        expect([first, second]).toEqual([[1], [1]])
      })
    )
  )

  it.live(
    "L5 map is code of the loop, in the async-local state of the stream's start, wherever the event comes from",
    () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const emitter = new EventEmitter()
          const storage = new AsyncLocalStorage<string>()
          const log: Array<unknown> = []
          const fiber = yield* Effect.fork(
            Effect.suspend(() => {
              storage.enterWith("the stream's")
              return Stream.runDrain(
                fromEmitter(emitter, {
                  event: "data",
                  end: "end",
                  map: (from: unknown) =>
                    log.push([from, currentFlavor(), getRunningLoop() === loop, storage.getStore()])
                })
              )
            })
          )
          yield* settle
          yield* Effect.sync(() => storage.run("a fiber's", () => emitter.emit("data", "fiber")))
          yield* Effect.promise(
            () =>
              new Promise<void>((resolve) =>
                setImmediate(() =>
                  storage.run("foreign", () => resolve(void emitter.emit("data", "foreign")))
                )
              )
          )
          emitter.emit("end")
          yield* Fiber.join(fiber)
          expect(log).toEqual([
            ["fiber", "aio", true, "the stream's"],
            ["foreign", "aio", true, "the stream's"]
          ])
          expect(yield* Effect.sync(() => currentFlavor())).toBe("effect")
        })
      )
  )

  it("B2 refuses bad arguments before anything is listened to", () => {
    const emitter = new EventEmitter()
    for (const wrong of [undefined, null, 1, "data", {}, { on: () => {} }, Promise.resolve()]) {
      expect(() => fromEmitter(wrong as never, { event: "data" })).toThrow(/fromEmitter takes an emitter/)
    }
    const cases: ReadonlyArray<readonly [object, RegExp]> = [
      [{}, /takes \{ event \}/],
      [{ event: 1 }, /takes \{ event \}/],
      [{ event: "data", end: 1 }, /an emitter is a string or symbol, not 1/],
      [{ event: "data", error: 1 }, /an emitter is a string or symbol, not 1/],
      [{ event: "data", end: "data" }, /was given "data" twice/],
      [{ event: "data", end: ["end", "end"] }, /was given "end" twice/],
      [{ event: "data", end: "error" }, /was given "error" twice/],
      [{ event: "data", map: 1 }, /map is a function/],
      [{ event: "data", catch: 1 }, /catch is a function/],
      [{ event: "data", buffer: { onDrop: 1 } }, /onDrop is a function/],
      [{ event: "data", buffer: { capacity: 0 } }, /capacity is a whole number/],
      [{ event: "data", buffer: { capacity: 1.5 } }, /capacity is a whole number/],
      [{ event: "data", buffer: { capacity: NaN } }, /capacity is a whole number/],
      [{ event: "data", buffer: { overflow: "wait" } }, /overflow is "fail"/],
      [{ event: "data", signal: {} }, /takes an AbortSignal/]
    ]
    for (const [options, message] of cases) {
      expect(() => fromEmitter(emitter, options as never), String(message)).toThrow(message)
    }
    expect(() => fromEmitter(emitter, undefined as never)).toThrow(/takes \{ event \}/)
    expect(() => fromEmitter(new EventTarget(), { event: Symbol("s") })).toThrow(/EventTarget is a string/)
    expect(listeners(emitter)).toBe(0)
  })
})
