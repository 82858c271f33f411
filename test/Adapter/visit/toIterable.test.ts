/**
 * A Stream as an async iterable, and the fiber behind it.
 *
 * Covers: toIterable, Visit
 */
import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { AsyncLocalStorage } from "node:async_hooks"
import { Readable } from "node:stream"
import { ReadableStream } from "node:stream/web"
import {
  Cause,
  Chunk,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberRef,
  Scope,
  Stream,
  TestClock
} from "effect"
import { poll } from "../../../src/effect.js"
import {
  type AioIterator,
  CancelledError,
  causeOf,
  currentFlavor,
  currentTask,
  fromAio,
  type Future,
  isFuture,
  Loop,
  LoopClosedError,
  LoopCrash,
  QueueFullError,
  runAioCoroutine,
  runAioFuture,
  toAio
} from "../../../src/index.js"
import { outcome } from "../../support/border.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"
import { isKept } from "../../support/layout.js"
import { perLine } from "../../support/effect/line.js"

const item = <A>(value: A) => ({ done: false, value })
const end = { done: true, value: undefined }

const start = <A>(iterable: { [Symbol.asyncIterator](): AioIterator<A> }): AioIterator<A> =>
  iterable[Symbol.asyncIterator]()

/** A stream that logs what happens in it: opening, each pull, its finalizer, which takes a turn of the loop's. */
const logging = (log: Array<unknown>, chunks: ReadonlyArray<ReadonlyArray<unknown>>) =>
  Stream.acquireRelease(
    Effect.sync(() => log.push("open")),
    () =>
      Effect.zipRight(
        Effect.yieldNow(),
        Effect.sync(() => log.push("closed"))
      )
  ).pipe(
    Stream.flatMap(() =>
      Stream.fromIterable(chunks).pipe(
        Stream.rechunk(1),
        Stream.tap((chunk) => Effect.sync(() => log.push(`pull ${chunk.join("")}`))),
        Stream.flatMap((chunk) => Stream.fromChunk(Chunk.fromIterable(chunk)))
      )
    )
  )

/** A stream that gives one item and waits then; closing it takes until `go` is run. */
const stuck = (log: Array<unknown>) => {
  const go = Effect.runSync(Deferred.make<void>())
  const stream = Stream.acquireRelease(
    Effect.sync(() => log.push("open")),
    () =>
      Effect.zipRight(
        Effect.sync(() => log.push("closing")),
        Effect.zipRight(
          Deferred.await(go),
          Effect.sync(() => log.push("closed"))
        )
      )
  ).pipe(Stream.flatMap(() => Stream.concat(Stream.make(1), Stream.never)))
  return { stream, go: Deferred.succeed(go, undefined) }
}

const waitingFor = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.zipRight(settle, waitingFor(condition))))

describe("toAio(stream)", () => {
  it.effect(
    "gives the items of a stream that sleeps in between, in order; aio outside, Effect inside (bridge-008)",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const items = yield* toAio(
            Stream.make(1, 2, 3).pipe(
              Stream.tap((n) => Effect.sync(() => log.push(`${String(currentFlavor())} ${n}`))),
              Stream.tap(() => Effect.sleep("1 second")),
              Stream.concat(Stream.drain(Stream.fromEffect(Effect.sync(() => log.push("last part")))))
            )
          )
          const fiber = yield* Effect.fork(
            runAioCoroutine(async () => {
              for await (const n of items) log.push(`${String(currentFlavor())} got ${n}`)
              log.push(`${String(currentFlavor())} after`)
            })
          )
          yield* TestClock.adjust("1 second")
          yield* TestClock.adjust("1 second")
          expect(log).toEqual(["effect 1", "aio got 1", "effect 2", "aio got 2", "effect 3"])
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(fiber)
          expect(log.slice(5)).toEqual(["aio got 3", "last part", "aio after"])
        })
      )
  )

  it.live("starts nothing before the first next(), and runs the stream anew for each iterator", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const items = yield* toAio(logging(log, [["a"]]))
        const first = start(items)
        const second = start(items)
        expect(first[Symbol.asyncIterator]()).toBe(first)
        yield* settle
        expect(log).toEqual([])
        expect(yield* runAioFuture(first.next())).toEqual(item("a"))
        expect(log).toEqual(["open", "pull a"])
        expect(yield* runAioFuture(second.next())).toEqual(item("a"))
        expect(log).toEqual(["open", "pull a", "open", "pull a"])
        expect(yield* runAioFuture(first.next())).toEqual(end)
        expect(log).toEqual(["open", "pull a", "open", "pull a", "closed"])
        yield* runAioFuture(second.return())
        expect(log).toEqual(["open", "pull a", "open", "pull a", "closed", "closed"])
      })
    )
  )

  it.live("pulls only while a next() waits and nothing is left of the last chunk", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const iterator = start(yield* toAio(logging(log, [["a", "b"], ["c"], ["d"]])))
        yield* runAioFuture(iterator.next())
        yield* settle
        expect(log).toEqual(["open", "pull ab"])
        // Of the same chunk: it is there at once.
        expect(outcome(iterator.next())).toEqual(item("b"))
        yield* settle
        expect(log).toEqual(["open", "pull ab"])
        expect(yield* runAioFuture(iterator.next())).toEqual(item("c"))
        expect(log).toEqual(["open", "pull ab", "pull c"])
        yield* runAioFuture(iterator.return())
        expect(log).toEqual(["open", "pull ab", "pull c", "closed"])
      })
    )
  )

  it.live("answers overlapping calls in order, and says done for ever after the end", () =>
    scoped(
      Effect.gen(function* () {
        const iterator = start(yield* toAio(Stream.make(1, 2, 3).pipe(Stream.rechunk(2))))
        const nexts = Array.from({ length: 6 }, () => iterator.next())
        expect(nexts.every(isFuture)).toBe(true)
        const order: Array<number> = []
        nexts.forEach((next, i) => next.addDoneCallback(() => order.push(i)))
        yield* waitingFor(() => nexts.every((next) => next.done()))
        yield* settle
        expect(nexts.map(outcome)).toEqual([item(1), item(2), item(3), end, end, end])
        expect(order).toEqual([0, 1, 2, 3, 4, 5])
        expect(outcome(iterator.next())).toEqual(end)
        expect(outcome(iterator.return("late"))).toEqual({ done: true, value: "late" })
        expect(outcome(iterator.next())).toEqual(end)
      })
    )
  )

  it.live("L1 a next() wakes the stream from the ready queue, not inside the call", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const iterator = start(yield* toAio(logging(log, [["a"], ["b"]])))
        yield* runAioFuture(iterator.next())
        yield* settle
        const next = yield* Effect.async<Future<unknown>>((resume) => {
          loop.callSoon(() => {
            loop.callSoon(() => log.push("callback"))
            resume(Effect.succeed(iterator.next()))
          })
        })
        yield* waitingFor(() => next.done())
        expect(log).toEqual(["open", "pull a", "callback", "pull b"])
        yield* runAioFuture(iterator.return())
      })
    )
  )

  it.live("iterators and their calls have the layout of those that are kept", () =>
    scoped(
      Effect.gen(function* () {
        const made = start(yield* toAio(Stream.make(1)))
        expect(isKept(made)).toBe(true)
        const next = made.next()
        expect(isKept(next)).toBe(true)
        yield* runAioFuture(next)
        yield* runAioFuture(made.return())
      })
    )
  )

  it.live("L8 a next() that comes while the fiber yields on its way to its parking is not lost", () =>
    scoped(
      Effect.gen(function* () {
        let steps = 0
        const yields = {
          shouldYield: () => (++steps % 43 === 0 ? 0 : (false as const)),
          scheduleTask: (task: () => void) => void setImmediate(task)
        }
        const items = yield* Effect.withScheduler(toAio(Stream.range(1, 400).pipe(Stream.rechunk(1))), yields)
        const sum = yield* Effect.promise(
          () =>
            // Started from no fiber, so that it runs under the scheduler that was captured.
            new Promise<number>((resolve) => {
              setImmediate(() => {
                const read = async (): Promise<number> => {
                  let sum = 0
                  for await (const n of items) sum += n
                  return sum
                }
                resolve(read())
              })
            })
        )
        expect(sum).toBe(80_200)
      })
    )
  )

  it.live("T2 the last next() waits for the finalizers of the stream", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const items = yield* toAio(logging(log, [["a"]]))
        yield* runAioCoroutine(async () => {
          for await (const a of items) log.push(`got ${String(a)}`)
          log.push("after")
        })
        expect(log).toEqual(["open", "pull a", "got a", "closed", "after"])
      })
    )
  )

  it.live(
    "carries 100,000 items, in chunks and one by one",
    () =>
      scoped(
        Effect.gen(function* () {
          for (const size of [1, 4096]) {
            const items = yield* toAio(Stream.range(1, 100_000).pipe(Stream.rechunk(size)))
            const sum = yield* runAioCoroutine(async () => {
              let sum = 0
              for await (const n of items) sum += n
              return sum
            })
            expect(sum).toBe(5_000_050_000)
          }
          const iterator = start(yield* toAio(Stream.range(1, 50_000)))
          const nexts = Array.from({ length: 50_000 }, () => iterator.next())
          expect(yield* runAioFuture(nexts.at(-1) as Future<unknown>)).toEqual(item(50_000))
          yield* runAioFuture(iterator.return())
        })
      ),
    60_000
  )

  it.live("skips empty chunks, and carries undefined and thenables as they are", () =>
    scoped(
      Effect.gen(function* () {
        const thenable = { then: () => {} }
        const iterator = start(
          yield* toAio(
            Stream.make(
              Chunk.empty<unknown>(),
              Chunk.make<[unknown, unknown]>(undefined, thenable),
              Chunk.empty<unknown>()
            ).pipe(Stream.rechunk(1), Stream.flatMap(Stream.fromChunk))
          )
        )
        expect(yield* runAioFuture(iterator.next())).toEqual(item(undefined))
        const second = yield* runAioFuture(iterator.next())
        expect(second.value).toBe(thenable)
        expect(yield* runAioFuture(iterator.next())).toEqual(end)
      })
    )
  )

  it.live(
    "property: whatever the chunks and the calls, items come once, in order, and nothing hangs",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.array(fc.array(fc.integer(), { maxLength: 3 }), { maxLength: 5 }),
            fc.array(fc.constantFrom("next", "next", "next", "return", "throw", "cancel", "settle"), {
              maxLength: 14
            }),
            fc.boolean(),
            (chunks, calls, fails) =>
              Effect.runPromise(
                scoped(
                  Effect.gen(function* () {
                    const boom = new Error("boom")
                    const log: Array<unknown> = []
                    const stream = Stream.concat(
                      logging(log, chunks),
                      fails ? Stream.fail(boom) : Stream.empty
                    )
                    const iterator = start(yield* toAio(stream))
                    const nexts: Array<Future<unknown>> = []
                    const others: Array<Future<unknown>> = []
                    for (const call of calls) {
                      if (call === "settle") yield* settle
                      else if (call === "next") nexts.push(iterator.next())
                      else if (call === "cancel") nexts.at(-1)?.cancel()
                      else {
                        const other: Future<unknown> =
                          call === "return" ? iterator.return() : iterator.throw(boom)
                        others.push(other)
                        other.addDoneCallback(() => expect(log.includes("open")).toBe(log.includes("closed")))
                      }
                    }
                    yield* runAioFuture(iterator.return()).pipe(Effect.ignore)
                    yield* settle
                    for (const future of [...nexts, ...others]) expect(future.done()).toBe(true)
                    const items = nexts
                      .map(outcome)
                      .flatMap((o) =>
                        (o as { done?: boolean }).done === false ? [(o as { value: number }).value] : []
                      )
                    expect(items).toEqual(chunks.flat().slice(0, items.length))
                    // Once something else was answered, no item comes any more.
                    const first = nexts.findIndex(
                      (next) => (outcome(next) as { done?: boolean }).done !== false
                    )
                    expect(first === -1 || first === items.length).toBe(true)
                    expect(nexts.filter((next) => outcome(next) === boom).length).toBeLessThanOrEqual(1)
                    expect(outcome(iterator.next())).toEqual(end)
                  })
                )
              )
          ),
          { numRuns: 60 }
        )
      ),
    60_000
  )
})

describe("a stream that fails while aio code reads it", () => {
  it.live("J3 J8 gives what was pulled first, then the very error once, then done", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const stream = Stream.concat(Stream.range(1, 50).pipe(Stream.rechunk(7)), Stream.fail(boom))
        const iterator = start(yield* toAio(stream))
        const nexts = Array.from({ length: 53 }, () => iterator.next())
        yield* waitingFor(() => nexts.every((next) => next.done()))
        expect(nexts.map(outcome)).toEqual([
          ...Array.from({ length: 50 }, (_, i) => item(i + 1)),
          boom,
          end,
          end
        ])
        expect(outcome(nexts[50] as Future<unknown>)).toBe(boom)
        expect(outcome(iterator.next())).toEqual(end)
        expect(outcome(iterator.return())).toEqual(end)
      })
    )
  )

  it.live("J8 an error of aio code comes back unwrapped; for await ends with it, after the finalizers", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const log: Array<unknown> = []
        const read = fromAio((n: number) => (n < 3 ? Promise.resolve(n) : Promise.reject(boom)))
        const items = yield* toAio(
          logging(log, [[1], [2], [3], [4]]).pipe(Stream.mapEffect((n) => read(n as number)))
        )
        const caught = yield* runAioCoroutine(async () => {
          try {
            for await (const n of items) log.push(n)
          } catch (error) {
            log.push("caught")
            return error
          }
          return undefined
        })
        expect(caught).toBe(boom)
        expect(log).toEqual(["open", "pull 1", 1, "pull 2", 2, "pull 3", "closed", "caught"])
      })
    )
  )

  it.live("J3 a defect is the error, and the whole Cause is attached to it", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const clean = new Error("clean")
        const iterator = start(yield* toAio(Stream.fail(boom).pipe(Stream.ensuring(Effect.die(clean)))))
        const next = iterator.next()
        yield* waitingFor(() => next.done())
        expect(outcome(next)).toBe(boom)
        const cause = causeOf(boom) as Cause.Cause<unknown>
        expect(Chunk.toArray(Cause.defects(cause))).toEqual(perLine("E2", { 3: [clean], 4: [boom, clean] }))
      })
    )
  )

  it.live("J3 a stream that interrupts itself cancels the next() that waits, once", () =>
    scoped(
      Effect.gen(function* () {
        const iterator = start(yield* toAio(Stream.fromEffect(Effect.interrupt)))
        const nexts = [iterator.next(), iterator.next()]
        yield* waitingFor(() => nexts.every((next) => next.done()))
        expect(nexts.map(outcome)).toEqual(["cancelled", end])
      })
    )
  )

  it.live("T5 a failure that nobody looks at is reported as never retrieved", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const boom = new Error("boom")
      yield* scoped(
        Effect.gen(function* () {
          start(yield* toAio(Stream.fail(boom))).next()
          yield* settle
        }),
        { exceptionHandler }
      )
      expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["unretrieved", boom]])
    })
  })
})

describe("leaving the iteration of a stream", () => {
  for (const how of ["break", "throw", "return"] as const) {
    it.live(`T2 ${how} in for await waits for the finalizers of the stream`, () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const boom = new Error("boom")
          const { go, stream } = stuck(log)
          const items = yield* toAio(stream)
          const fiber = yield* Effect.fork(
            runAioCoroutine(async () => {
              try {
                for await (const n of items) {
                  log.push(`got ${n}`)
                  if (how === "break") break
                  if (how === "return") return "returned"
                  throw boom
                }
              } catch (error) {
                log.push(error === boom ? "the same error" : error)
              }
              return "after"
            })
          )
          yield* waitingFor(() => log.includes("closing"))
          yield* settle
          expect(log).toEqual(["open", "got 1", "closing"])
          expect(poll(fiber)).toBeUndefined()
          yield* go
          expect(yield* Fiber.join(fiber)).toBe(how === "return" ? "returned" : "after")
          expect(log).toEqual([
            "open",
            "got 1",
            "closing",
            "closed",
            ...(how === "throw" ? ["the same error"] : [])
          ])
        })
      )
    )
  }

  it.live("return() interrupts, waits for the finalizers, and ends every waiting next()", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const { go, stream } = stuck(log)
        const iterator = start(yield* toAio(stream))
        yield* runAioFuture(iterator.next())
        const nexts = [iterator.next(), iterator.next()]
        yield* settle
        const returned = iterator.return("value")
        const again = iterator.return("second")
        const thrown = iterator.throw("thrown")
        const disposed = iterator[Symbol.asyncDispose]()
        const late = iterator.next()
        yield* waitingFor(() => log.includes("closing"))
        yield* settle
        const all = [...nexts, late, returned, again, thrown, disposed]
        expect(all.map(outcome)).toEqual(all.map(() => "pending"))
        yield* go
        yield* waitingFor(() => all.every((future) => future.done()))
        expect(all.map(outcome)).toEqual([
          end,
          end,
          end,
          { done: true, value: "value" },
          { done: true, value: "second" },
          "thrown",
          undefined
        ])
        expect(log).toEqual(["open", "closing", "closed"])
      })
    )
  )

  it.live("after return() nothing that was pulled is given any more", () =>
    scoped(
      Effect.gen(function* () {
        const iterator = start(yield* toAio(Stream.make(1, 2, 3)))
        yield* runAioFuture(iterator.next())
        const returned = iterator.return()
        const next = iterator.next()
        yield* runAioFuture(returned)
        yield* waitingFor(() => next.done())
        expect(outcome(next)).toEqual(end)
        expect((yield* Loop).statistics()).toMatchObject({ timers: 0, crossings: 0 })
      })
    )
  )

  it.live("before the first next() nothing ever starts, whichever way it ends", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const items = yield* toAio(logging(log, [["a"]]))
        const boom = new Error("boom")
        const [one, two, three] = [start(items), start(items), start(items)]
        expect(outcome(one.return(1))).toEqual({ done: true, value: 1 })
        expect(outcome(two.throw(boom))).toBe(boom)
        expect(outcome(three[Symbol.asyncDispose]())).toBe(undefined)
        for (const iterator of [one, two, three]) expect(outcome(iterator.next())).toEqual(end)
        yield* settle
        expect(log).toEqual([])
        expect((yield* Loop).statistics().crossings).toBe(0)
      })
    )
  )

  it.live("J4 a finalizer that dies makes return(), or the cancelled next(), fail with it: once", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const stream = Stream.concat(Stream.make(1), Stream.never).pipe(Stream.ensuring(Effect.die(boom)))
        const items = yield* toAio(stream)
        for (const how of ["return", "throw", "dispose", "cancel"] as const) {
          const iterator = start(items)
          yield* runAioFuture(iterator.next())
          const next = iterator.next()
          yield* settle
          if (how === "cancel") next.cancel()
          const ending: Future<unknown> =
            how === "cancel"
              ? next
              : how === "return"
                ? iterator.return()
                : how === "throw"
                  ? iterator.throw(new Error("mine"))
                  : iterator[Symbol.asyncDispose]()
          const second = iterator.return()
          yield* waitingFor(() => second.done())
          expect([outcome(ending), outcome(second)]).toEqual([boom, end])
          if (how !== "cancel") expect(outcome(next)).toEqual(end)
          expect(outcome(iterator.next())).toEqual(end)
        }
      })
    )
  )

  it.live("await using closes it", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const items = yield* toAio(logging(log, [["a"], ["b"]]))
        yield* runAioCoroutine(async () => {
          {
            await using iterator = items[Symbol.asyncIterator]()
            log.push((await iterator.next()).value)
          }
          log.push("after")
        })
        expect(log).toEqual(["open", "pull a", "a", "closed", "after"])
      })
    )
  )

  it.live("J6 a stream that refuses to end is reported once, and return() waits all the same", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const { go, stream } = stuck(log)
        const iterator = start(yield* toAio(stream, { name: "prices" }))
        yield* runAioFuture(iterator.next())
        const returned = [iterator.return(), iterator.return()]
        yield* waitingFor(() => reports.length > 0)
        yield* settle
        expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
        expect(reports[0]?.message).toMatch(/the iterator prices was told to end 5ms ago/)
        expect(returned.map(outcome)).toEqual(["pending", "pending"])
        yield* go
        yield* waitingFor(() => returned.every((future) => future.done()))
      }),
      { exceptionHandler, slowJoin: 5 }
    )
  })
})

describe("cancelling a next()", () => {
  it.live(
    "T2 interrupts the stream, and is done when that has ended; the others are done, not cancelled",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const { go, stream } = stuck(log)
          const iterator = start(yield* toAio(stream))
          yield* runAioFuture(iterator.next())
          const nexts = [iterator.next(), iterator.next(), iterator.next()]
          yield* settle
          expect(nexts[1]?.cancel("enough")).toBe(true)
          yield* waitingFor(() => log.includes("closing"))
          yield* settle
          expect(nexts.map(outcome)).toEqual(["pending", "pending", "pending"])
          yield* go
          yield* waitingFor(() => nexts.every((next) => next.done()))
          expect(nexts.map(outcome)).toEqual([end, "cancelled", end])
          expect(() => nexts[1]?.result()).toThrow(CancelledError)
          expect((nexts[1] as { _error(): CancelledError } | undefined)?._error().reason).toBe("enough")
          expect(outcome(iterator.next())).toEqual(end)
        })
      )
  )

  it.live("T3 before the stream has started: it never starts", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const iterator = start(yield* toAio(logging(log, [["a"]])))
        const next = iterator.next()
        next.cancel()
        yield* waitingFor(() => next.done())
        expect([log, outcome(next), outcome(iterator.next())]).toEqual([[], "cancelled", end])
      })
    )
  )

  it.live("T4 a task that is cancelled in its for await ends when the stream has", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const { go, stream } = stuck(log)
        const items = yield* toAio(stream)
        const task = loop.createTask(async () => {
          try {
            for await (const n of items) log.push(n)
          } finally {
            log.push("task ends")
          }
        })
        yield* waitingFor(() => log.includes(1))
        yield* settle
        task.cancel()
        yield* waitingFor(() => log.includes("closing"))
        yield* settle
        expect(task.done()).toBe(false)
        yield* go
        yield* waitingFor(() => task.done())
        expect(task.cancelled()).toBe(true)
        expect(log).toEqual(["open", 1, "closing", "closed", "task ends"])
      })
    )
  )

  it.live("J1 interrupting the Effect above ends the stream before it", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const items = yield* toAio(logging(log, [["a"], ["b"]]).pipe(Stream.concat(Stream.never)))
        const fiber = yield* Effect.fork(
          runAioCoroutine(async () => {
            for await (const a of items) log.push(a)
          }).pipe(Effect.ensuring(Effect.sync(() => log.push("finalizer"))))
        )
        yield* waitingFor(() => log.includes("b"))
        yield* settle
        yield* Fiber.interrupt(fiber)
        expect(log).toEqual(["open", "pull a", "a", "pull b", "b", "closed", "finalizer"])
      })
    )
  )

  it.live("a cancel while it waits for its return() is not lost: cancelled when the stream has ended", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const { go, stream } = stuck(log)
        const iterator = start(yield* toAio(stream))
        yield* runAioFuture(iterator.next())
        const returned = iterator.return()
        const thrown = iterator.throw(new Error("mine"))
        returned.cancel("too slow")
        thrown.cancel()
        yield* settle
        expect([outcome(returned), outcome(thrown)]).toEqual(["pending", "pending"])
        yield* go
        yield* waitingFor(() => returned.done() && thrown.done())
        expect([outcome(returned), outcome(thrown)]).toEqual(["cancelled", "cancelled"])
      })
    )
  )

  it.live("after it was answered changes nothing", () =>
    scoped(
      Effect.gen(function* () {
        const iterator = start(yield* toAio(Stream.make(1, 2).pipe(Stream.rechunk(1))))
        const next = iterator.next()
        yield* runAioFuture(next)
        expect(next.cancel()).toBe(false)
        expect(yield* runAioFuture(iterator.next())).toEqual(item(2))
        yield* runAioFuture(iterator.return())
      })
    )
  )

  it.live("J4 what an uninterruptible pull brings after it is dropped, and the finalizers run", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const gate = yield* Deferred.make<void>()
        const stream = Stream.fromEffect(
          Effect.uninterruptible(
            Effect.zipRight(
              Effect.sync(() => log.push("pulls")),
              Effect.as(Deferred.await(gate), 1)
            )
          )
        ).pipe(Stream.ensuring(Effect.sync(() => log.push("closed"))))
        const iterator = start(yield* toAio(stream))
        const next = iterator.next()
        yield* waitingFor(() => log.includes("pulls"))
        next.cancel()
        yield* settle
        expect(outcome(next)).toBe("pending")
        yield* Deferred.succeed(gate, undefined)
        yield* waitingFor(() => next.done())
        expect([outcome(next), log]).toEqual(["cancelled", ["pulls", "closed"]])
      })
    )
  )
})

describe("the signal of a stream", () => {
  it("B2 must be one, before anything is scheduled", () => {
    expect(() => toAio(Stream.make(1), { signal: {} as never })).toThrow(/toAio takes an AbortSignal/)
    expect(() => toAio([1] as never)).toThrow(TypeError)
    expect(() => toAio(Promise.resolve(1) as never)).toThrow(/fromAio/)
  })

  it.live(
    "T4 interrupts the stream when it aborts; the next() that waits is cancelled, with its reason",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const controller = new AbortController()
          const { go, stream } = stuck(log)
          const iterator = start(yield* toAio(stream, { signal: controller.signal }))
          yield* runAioFuture(iterator.next())
          const nexts = [iterator.next(), iterator.next()]
          yield* settle
          controller.abort("no more")
          yield* waitingFor(() => log.includes("closing"))
          expect(nexts.map(outcome)).toEqual(["pending", "pending"])
          yield* go
          const error = yield* Effect.flip(runAioFuture(nexts[0] as Future<unknown>))
          expect((error as CancelledError).reason).toBe("no more")
          expect(outcome(nexts[1] as Future<unknown>)).toEqual(end)
        })
      )
  )

  it.live("T4 the items that are left are dropped, and the following next() is told, once", () =>
    scoped(
      Effect.gen(function* () {
        const controller = new AbortController()
        const iterator = start(yield* toAio(Stream.make(1, 2, 3), { signal: controller.signal }))
        yield* runAioFuture(iterator.next())
        controller.abort("no more")
        const next = iterator.next()
        yield* waitingFor(() => next.done())
        expect([outcome(next), outcome(iterator.next())]).toEqual(["cancelled", end])

        const again = new AbortController()
        const other = start(yield* toAio(Stream.make(1, 2, 3), { signal: again.signal }))
        yield* runAioFuture(other.next())
        again.abort("no more")
        yield* settle
        expect([outcome(other.next()), outcome(other.next())]).toEqual(["cancelled", end])
      })
    )
  )

  it.live("T3 aborted before: the stream never starts", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const iterator = start(yield* toAio(logging(log, [[1]]), { signal: AbortSignal.abort("before") }))
        const error = yield* Effect.flip(runAioFuture(iterator.next()))
        expect([log, (error as CancelledError).reason]).toEqual([[], "before"])
      })
    )
  )
})

class Greeting extends Context.Tag("test/iterable/Greeting")<Greeting, string>() {}

describe("what the fiber of a stream sees", () => {
  it.live(
    "T1 the Context and FiberRefs of where it was wrapped; uninterruptible wrapping changes nothing",
    () =>
      scoped(
        Effect.gen(function* () {
          const ref = FiberRef.unsafeMake("default")
          const stream = Stream.concat(
            Stream.fromEffect(Effect.all([Greeting, FiberRef.get(ref)])),
            Stream.fromEffect(Effect.never)
          )
          const items = yield* toAio(stream).pipe(
            Effect.provideService(Greeting, "hello"),
            Effect.locally(ref, "set"),
            Effect.uninterruptible
          )
          const iterator = start(items)
          // Called from no fiber.
          const first = yield* Effect.promise(
            () =>
              new Promise<IteratorResult<unknown>>((resolve) => setImmediate(() => resolve(iterator.next())))
          )
          expect(first.value).toEqual(["hello", "set"])
          const next = iterator.next()
          yield* settle
          next.cancel()
          yield* waitingFor(() => next.done())
          expect(outcome(next)).toBe("cancelled")
        })
      )
  )

  it.live("T6 the fiber that called the aio code: its FiberRefs and span, not its changes back", () =>
    scoped(
      Effect.gen(function* () {
        const ref = FiberRef.unsafeMake("default")
        const items = yield* toAio(
          Stream.fromEffect(
            Effect.all([
              FiberRef.get(ref),
              Effect.map(Effect.currentSpan, (span) => span.name),
              FiberRef.set(ref, "inside")
            ])
          )
        )
        const [seen, after] = yield* Effect.all([
          runAioCoroutine(() => start(items).next()),
          FiberRef.get(ref)
        ]).pipe(Effect.locally(ref, "caller"), Effect.withSpan("calling"))
        expect(seen.value?.slice(0, 2)).toEqual(["caller", "calling"])
        expect(after).toBe("caller")
      })
    )
  )

  it.live("T1 a Scope that the stream needs is that of the iteration, not that of the caller", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const stream = Stream.fromEffect(
          Effect.acquireRelease(Effect.succeed(1), () => Effect.sync(() => log.push("released")))
        )
        const scope = yield* Scope.make()
        const iterator = start(yield* Scope.extend(toAio(stream), scope))
        expect(yield* runAioFuture(iterator.next())).toEqual(item(1))
        expect(log).toEqual([])
        expect(yield* runAioFuture(iterator.next())).toEqual(end)
        expect(log).toEqual(["released"])
        yield* Scope.close(scope, Exit.void)
        expect(log).toEqual(["released"])
      })
    )
  )

  it.live("all of it is one fiber: opening, pulls and finalizers", () =>
    scoped(
      Effect.gen(function* () {
        const ids: Array<unknown> = []
        const note = Effect.map(Effect.fiberId, (id) => void ids.push(id))
        const stream = Stream.acquireRelease(note, () => note).pipe(
          Stream.flatMap(() =>
            Stream.make(1, 2, 3).pipe(
              Stream.rechunk(1),
              Stream.tap(() => note)
            )
          )
        )
        const iterator = start(yield* toAio(stream))
        yield* runAioFuture(iterator.next())
        yield* runAioFuture(iterator.next())
        yield* runAioFuture(iterator.return())
        expect(ids).toHaveLength(4)
        expect(new Set(ids.map(String)).size).toBe(1)
      })
    )
  )

  it.live(
    "L5 the async-local state of its first next(), in every pull and finalizer, whoever wakes or ends it",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const storage = new AsyncLocalStorage<string>()
          const seen: Array<unknown> = []
          const note = Effect.sync(() => seen.push([storage.getStore(), currentTask(loop)?.getName()]))
          const stream = Stream.acquireRelease(note, () => Effect.zipRight(Effect.yieldNow(), note)).pipe(
            Stream.flatMap(() =>
              Stream.make(1, 2, 3).pipe(
                Stream.rechunk(1),
                Stream.tap(() => note)
              )
            )
          )
          for (const ending of ["return", "end", "cancel"] as const) {
            const iterator = start(yield* toAio(stream))
            yield* runAioCoroutine(() => storage.run("first", () => iterator.next()))
            yield* runAioCoroutine(() => storage.run("other", () => iterator.next()))
            yield* runAioCoroutine(() =>
              storage.run("third", async () => {
                if (ending === "return") return iterator.return()
                const next = iterator.next()
                if (ending === "end") {
                  await next
                  return iterator.next()
                }
                await loop.sleep(0)
                next.cancel()
                return undefined
              })
            )
            yield* runAioFuture(iterator.return())
          }
          expect(new Set(seen.map((entry) => JSON.stringify(entry)))).toEqual(new Set(['["first",null]']))
        })
      )
  )
})

describe("closing a loop on which streams are being read", () => {
  it.live(
    "S1 an iterator that was left alone is closed after the tasks, in the order of registration",
    () => {
      const log: Array<unknown> = []
      return Effect.gen(function* () {
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            for (const name of ["one", "two"]) {
              const stream = Stream.acquireRelease(Effect.void, () =>
                Effect.sync(() => log.push(`closed ${name}`))
              ).pipe(Stream.flatMap(() => Stream.range(1, 10).pipe(Stream.rechunk(1))))
              yield* runAioFuture(start(yield* toAio(stream)).next())
            }
            loop.createTask(async () => {
              try {
                await loop.createFuture()
              } finally {
                await loop.sleep(1)
                log.push("task ended")
              }
            })
            yield* settle
            expect(loop.statistics()).toMatchObject({ crossings: 2 })
          })
        )
        expect(log).toEqual(["task ended", "closed one", "closed two"])
      })
    }
  )

  it.live("S1 a task may go on reading while it unwinds", () => {
    const log: Array<unknown> = []
    return Effect.gen(function* () {
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const iterator = start(yield* toAio(logging(log, [["a"], ["b"]])))
          loop.createTask(async () => {
            await iterator.next()
            try {
              await loop.createFuture()
            } finally {
              log.push((await iterator.next()).value)
              await iterator.return()
              log.push("task ends")
            }
          })
          yield* waitingFor(() => log.includes("pull a"))
          yield* settle
        })
      )
      expect(log).toEqual(["open", "pull a", "pull b", "b", "closed", "task ends"])
    })
  })

  it.live("C3 a next() that waits fails with LoopClosedError, now and ever after: no silent end", () => {
    const log: Array<unknown> = []
    return Effect.gen(function* () {
      const [iterator, next, fresh] = yield* scoped(
        Effect.gen(function* () {
          const items = yield* toAio(
            Stream.concat(Stream.make(1), Stream.never).pipe(
              Stream.ensuring(Effect.sync(() => log.push("closed")))
            )
          )
          const iterator = start(items)
          yield* runAioFuture(iterator.next())
          return [iterator, iterator.next(), start(items)] as const
        })
      )
      expect(log).toEqual(["closed"])
      expect(outcome(next)).toBeInstanceOf(LoopClosedError)
      expect(outcome(iterator.next())).toBeInstanceOf(LoopClosedError)
      expect(outcome(fresh.next())).toBeInstanceOf(LoopClosedError)
      expect(outcome(fresh.return())).toEqual(end)
      expect(outcome(fresh.next())).toEqual(end)
      expect(outcome(iterator.return())).toEqual(end)
    })
  })

  it.live("C3 loop.close() at once: the stream is interrupted, and nothing hangs", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const { exceptionHandler, reports } = collecting()
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open({ exceptionHandler }), scope)
      const items = yield* toAio(
        Stream.concat(Stream.make(1, 2), Stream.never).pipe(
          Stream.ensuring(Effect.sync(() => log.push("closed")))
        )
      ).pipe(Effect.provideService(Loop, loop))
      const awaited = start(items)
      const callback = start(items)
      const idle = start(items)
      const unstarted = start(items)
      for (const iterator of [awaited, callback, idle]) {
        yield* Effect.provideService(runAioFuture(iterator.next()), Loop, loop)
      }
      yield* settle
      for (const iterator of [awaited, callback]) expect(outcome(iterator.next())).toEqual(item(2))
      const nexts = [awaited.next(), callback.next()]
      const caught = Promise.resolve(nexts[0]).catch((error: unknown) => error)
      yield* settle
      const never = unstarted.next()
      loop.close()
      expect(outcome(idle.next())).toBeInstanceOf(LoopClosedError)
      expect(yield* Effect.promise(() => caught)).toBeInstanceOf(LoopClosedError)
      yield* settle
      expect([...nexts, never].map(outcome)).toEqual(
        Array.from({ length: 3 }, () => expect.any(LoopClosedError))
      )
      expect(outcome(idle.next())).toBeInstanceOf(LoopClosedError)
      expect(log).toEqual(["closed", "closed", "closed"])
      // Only the refusals that nobody looked at before the loop reports no more.
      expect(reports.filter(({ kind }) => kind === "late")).toEqual([])
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.live(
    "J4 C3 loop.close() at once: what a stream ends with then is told of once, whoever has left it",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(open({ exceptionHandler }), scope)
        const ends = yield* Deferred.make<void>()
        const errors = ["awaited outside", "awaited in a task", "not awaited", "not left"].map(
          (what) => new Error(what)
        )
        const iterators = yield* Effect.forEach(errors, (error) => {
          const dying = Effect.zipRight(Deferred.await(ends), Effect.die(error))
          return toAio(Stream.concat(Stream.make(1), Stream.never).pipe(Stream.ensuring(dying))).pipe(
            Effect.map(start),
            Effect.tap((iterator) => runAioFuture(iterator.next())),
            Effect.provideService(Loop, loop)
          )
        })
        const [outside, inTask, notAwaited] = iterators as [
          AioIterator<number>,
          AioIterator<number>,
          AioIterator<number>
        ]
        const caught = Promise.resolve(outside.return()).catch((error: unknown) => error)
        const task = loop.createTask(async () => await inTask.return())
        yield* settle
        const left = notAwaited.return()
        loop.close()
        expect(yield* Effect.promise(() => caught)).toBeInstanceOf(LoopClosedError)
        yield* Deferred.succeed(ends, undefined)
        yield* settle
        expect(outcome(task)).toBeInstanceOf(LoopClosedError)
        expect(outcome(left)).toBe(errors[2])
        expect(reports.every(({ kind }) => kind === "late")).toBe(true)
        expect(new Set(reports.map(({ exception }) => exception))).toEqual(new Set(errors))
        expect([reports.length, loop.statistics()]).toMatchObject([4, { unretrieved: 0, crossings: 0 }])
        yield* Scope.close(scope, Exit.void)
      })
  )

  it.live("C1 a crash closes it, too", () => {
    const log: Array<unknown> = []
    return Effect.gen(function* () {
      let next: Future<unknown> | undefined
      const exit = yield* Effect.exit(
        scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const { go, stream } = stuck(log)
            const iterator = start(yield* toAio(stream))
            yield* runAioFuture(iterator.next())
            next = iterator.next()
            yield* settle
            loop.callSoon(() => {
              throw new Error("crash")
            })
            yield* Effect.never.pipe(Effect.ensuring(go))
          })
        )
      )
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopCrash)
      expect(log).toEqual(["open", "closing", "closed"])
      expect(outcome(next as Future<unknown>)).toBeInstanceOf(LoopClosedError)
      expect((outcome(next as Future<unknown>) as LoopClosedError).cause).toBeInstanceOf(LoopCrash)
    })
  })

  it.live("J4 what a finalizer dies of while the loop closes is reported as late", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const boom = new Error("boom")
      yield* scoped(
        Effect.gen(function* () {
          const iterator = start(
            yield* toAio(Stream.range(1, 9).pipe(Stream.rechunk(1), Stream.ensuring(Effect.die(boom))), {
              name: "prices"
            })
          )
          yield* runAioFuture(iterator.next())
        }),
        { exceptionHandler }
      )
      expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
      expect(reports[0]?.message).toMatch(/closing the iterator prices/)
    })
  })

  it.live(
    "S2 a stream that refuses to end is a leftover at the deadline; its late failure is reported",
    () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.gen(function* () {
        const boom = new Error("boom")
        const gate = yield* Deferred.make<void>()
        const loop = yield* scoped(
          Effect.gen(function* () {
            const stream = Stream.concat(Stream.make(1), Stream.never).pipe(
              Stream.ensuring(Effect.zipRight(Deferred.await(gate), Effect.die(boom)))
            )
            const iterator = start(yield* toAio(stream, { name: "prices" }))
            yield* runAioFuture(iterator.next())
            return yield* Loop
          }),
          { exceptionHandler, closeDeadline: 20 }
        )
        expect(reports.map(({ kind }) => kind)).toEqual(["leftover"])
        expect(reports[0]?.message).toMatch(/iterator +prices +\d+ms +closing +its fiber/)
        yield* Deferred.succeed(gate, undefined)
        yield* waitingFor(() => loop.statistics().effects === 0 && loop.statistics().crossings === 0)
        expect(reports.slice(1).map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
      })
    }
  )

  it.live("shutdownAsyncIterators ends them on a loop that goes on; what waits is done", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const loop = yield* Loop
        const { go, stream } = stuck(log)
        const iterator = start(yield* toAio(stream))
        yield* runAioFuture(iterator.next())
        const next = iterator.next()
        yield* settle
        const done = loop.shutdownAsyncIterators()
        yield* waitingFor(() => log.includes("closing"))
        expect([outcome(next), outcome(done)]).toEqual(["pending", "pending"])
        yield* go
        yield* runAioFuture(done)
        expect([outcome(next), outcome(iterator.next())]).toEqual([end, end])
      })
    )
  )

  it.live("J4 what a finalizer dies of then is reported, and is no failure of what waits", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const boom = new Error("boom")
        const stream = Stream.concat(Stream.make(1), Stream.never).pipe(Stream.ensuring(Effect.die(boom)))
        const items = yield* toAio(stream)
        const [waits, idle] = [start(items), start(items)]
        for (const iterator of [waits, idle]) yield* runAioFuture(iterator.next())
        const next = waits.next()
        yield* runAioFuture(loop.shutdownAsyncIterators())
        expect([outcome(next), outcome(waits.next()), outcome(idle.next())]).toEqual([end, end, end])
        expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([
          ["late", boom],
          ["late", boom]
        ])
      }),
      { exceptionHandler }
    )
  })

  it.live("what its user has left is told to its user alone, also while the loop closes", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const boom = new Error("boom")
      const gate = yield* Deferred.make<void>()
      let state = (): string => "unknown"
      const fiber = yield* Effect.fork(
        scoped(
          Effect.gen(function* () {
            const stream = Stream.concat(Stream.make(1), Stream.never).pipe(
              Stream.ensuring(Effect.zipRight(Deferred.await(gate), Effect.die(boom)))
            )
            const loop = yield* Loop
            state = () => loop.statistics().state
            const iterator = start(yield* toAio(stream))
            yield* runAioFuture(iterator.next())
            const returned = iterator.return()
            returned.addDoneCallback(() => {})
            yield* settle
            return returned
          }),
          { exceptionHandler }
        )
      )
      yield* waitingFor(() => state() === "closing")
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      expect(outcome(yield* Fiber.join(fiber))).toBe(boom)
      expect(reports).toEqual([])
    })
  })

  it.live("a full queue refuses the first next(), and the following one starts the stream", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const iterator = start(yield* toAio(Stream.make(1)))
        const outcomes = yield* Effect.async<ReadonlyArray<unknown>>((resume) => {
          loop.callSoon(() => {
            loop.callSoon(() => {})
            resume(Effect.succeed([outcome(iterator.next())]))
          })
        })
        expect(outcomes[0]).toBeInstanceOf(QueueFullError)
        yield* settle
        expect(yield* runAioFuture(iterator.next())).toEqual(item(1))
        yield* runAioFuture(iterator.return())
      }),
      { queueLength: 1 }
    )
  )
})

describe("a stream in libraries that take async iterables", () => {
  it.live("Readable.from reads it to its end", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const items = yield* toAio(logging(log, [["a", "b"], ["c"]]))
        const all = yield* runAioCoroutine(async () => {
          const read: Array<unknown> = []
          for await (const a of Readable.from(items)) read.push(a)
          return read
        })
        expect([all, log]).toEqual([
          ["a", "b", "c"],
          ["open", "pull ab", "pull c", "closed"]
        ])
      })
    )
  )

  for (const error of [undefined, new Error("destroyed")]) {
    it.live(`Readable.from waits for the finalizers in destroy(${error === undefined ? "" : "error"})`, () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const { go, stream } = stuck(log)
          const readable = Readable.from(yield* toAio(stream))
          const errors: Array<unknown> = []
          readable.on("error", (e) => errors.push(e))
          readable.on("close", () => log.push("close"))
          readable.on("data", (n) => log.push(`data ${String(n)}`))
          yield* waitingFor(() => log.includes("data 1"))
          readable.destroy(error)
          yield* waitingFor(() => log.includes("closing"))
          yield* settle
          expect(log).toEqual(["open", "data 1", "closing"])
          yield* go
          yield* waitingFor(() => log.includes("close"))
          expect(log).toEqual(["open", "data 1", "closing", "closed", "close"])
          expect(errors).toEqual(error === undefined ? [] : [error])
        })
      )
    )
  }

  it.live("ReadableStream.from reads it, and cancel() waits for the finalizers", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const { go, stream } = stuck(log)
        const reader = ReadableStream.from(yield* toAio(stream)).getReader()
        expect((yield* Effect.promise(() => reader.read())).value).toBe(1)
        const cancelled = reader.cancel().then(() => log.push("cancelled"))
        yield* waitingFor(() => log.includes("closing"))
        yield* settle
        expect(log).toEqual(["open", "closing"])
        yield* go
        yield* Effect.promise(() => cancelled)
        expect(log).toEqual(["open", "closing", "closed", "cancelled"])
      })
    )
  )

  it.live("J8 both pass its failure on, as the very error", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const items = yield* toAio(Stream.concat(Stream.make(1), Stream.fail(boom)))
        const read = async (readable: AsyncIterable<unknown>): Promise<unknown> => {
          try {
            for await (const _ of readable);
          } catch (error) {
            return error
          }
          return undefined
        }
        expect(yield* Effect.promise(() => read(Readable.from(items)))).toBe(boom)
        expect(yield* Effect.promise(() => read(ReadableStream.from(items)))).toBe(boom)
      })
    )
  )

  it.live("works without async-local state, too", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const items = yield* toAio(logging(log, [["a"], ["b"]]))
        yield* runAioCoroutine(async () => {
          for await (const a of items) {
            log.push(a)
            if (a === "b") break
          }
        })
        expect(log).toEqual(["open", "pull a", "a", "pull b", "b", "closed"])
      }),
      { asyncContext: false }
    )
  )
})
