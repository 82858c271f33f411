/**
 * The `close` of a Stream over an iterable: cursors, whose `next()` only closing releases.
 *
 * Covers: reading/Source, reading/streams
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Stream } from "effect"
import {
  acquireAio,
  currentFlavor,
  type FromIterableOptions,
  fromAio,
  type Loop,
  type LoopOptions,
  runAioGenerator
} from "../../../src/index.js"
import { collecting, forever, scoped, settle } from "../../support/scopedLoops.js"
import { timeoutTag } from "../../support/effect/line.js"

const boom = new Error("boom")
const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)
const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

/** A cursor that has `rows` and then waits for more: only `close` ends that wait, with an error of its own. */
class Cursor implements AsyncIterable<number> {
  readonly log: Array<string> = []
  #fail: ((error: unknown) => void) | undefined
  constructor(private readonly rows: number) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i++) yield i < this.rows ? i : await this.#more()
    } finally {
      this.log.push("returned")
    }
  }

  async close(): Promise<void> {
    this.log.push(`close in ${String(currentFlavor())}`)
    this.#fail?.(new Error("Cursor is closed"))
    await Promise.resolve()
    this.log.push("closed")
  }

  #more(): Promise<number> {
    this.log.push("waits")
    return new Promise((_, no) => {
      this.#fail = no
    })
  }
}

const streamOf = (
  cursor: Cursor,
  options: FromIterableOptions<never> & { readonly close: (cursor: Cursor) => unknown }
) => fromAio((_: number) => cursor, options)(1)

/** The operations that make a Stream of it. */
const operations: ReadonlyArray<
  readonly [
    string,
    (
      cursor: Cursor,
      options: FromIterableOptions<never> & { readonly close: (cursor: Cursor) => unknown }
    ) => Stream.Stream<number, unknown, Loop>
  ]
> = [
  ["fromAio(iterable)", (cursor, options) => fromAio(cursor, options)],
  ["fromAio(fn)", (cursor, options) => streamOf(cursor, options)],
  ["runAioGenerator(iterable)", (cursor, options) => runAioGenerator(cursor, options)],
  ["runAioGenerator(fn)", (cursor, options) => runAioGenerator(() => cursor, options)]
]
/** Runs `use` on a loop that keeps its reports. */
const reporting = <A>(use: Effect.Effect<A, unknown, Loop>, options: LoopOptions = {}) => {
  const { exceptionHandler, reports } = collecting()
  return Effect.map(scoped(Effect.exit(use), { exceptionHandler, ...options }), (exit) => ({ exit, reports }))
}

/** Interrupts the run of a Stream when its cursor waits. */
const interrupted = (cursor: Cursor, stream: Stream.Stream<number, unknown, Loop>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Stream.runDrain(stream))
    while (!cursor.log.includes("waits")) yield* settle
    return yield* Effect.flatten(Fiber.interrupt(fiber))
  })

describe.each(operations)("the close of %s", (_, operation) => {
  it.live(
    "releases a next() that waits when the Stream is interrupted: no deadlock, no defect, no report",
    () =>
      Effect.gen(function* () {
        const cursor = new Cursor(2)
        const stream = operation(cursor, { close: (of) => of.close() })
        const { exit, reports } = yield* reporting(interrupted(cursor, stream))
        expect([interruptedOnly(exit), reports]).toEqual([true, []])
        expect(cursor.log).toEqual(["waits", "close in aio", "returned", "closed"])
      })
  )

  it.live("releases what was read ahead when the Stream is left", () =>
    Effect.gen(function* () {
      const cursor = new Cursor(1)
      const stream = operation(cursor, { close: (of) => of.close(), chunkSize: 4 })
      const { exit, reports } = yield* reporting(Stream.runCollect(Stream.take(stream, 1)))
      expect([Exit.isSuccess(exit), reports]).toEqual([true, []])
      expect(cursor.log).toEqual(["waits", "close in aio", "returned", "closed"])
    })
  )

  it.live("comes after return() when the Stream is left between two reads", () =>
    Effect.gen(function* () {
      const cursor = new Cursor(5)
      const stream = operation(cursor, { close: (of) => of.close() })
      const { exit } = yield* reporting(Stream.runCollect(Stream.take(stream, 2)))
      expect([Exit.isSuccess(exit), cursor.log]).toEqual([true, ["returned", "close in aio", "closed"]])
    })
  )

  it.live("that fails is a defect, and reported", () =>
    Effect.gen(function* () {
      for (const close of [
        () => Promise.reject(boom),
        () => {
          throw boom
        }
      ]) {
        const left = yield* reporting(Stream.runDrain(Stream.take(operation(new Cursor(5), { close }), 1)))
        expect(defectsOf(left.exit)).toEqual([boom])
        expect(left.reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
        const waiting = new Cursor(0)
        const stopped = yield* reporting(
          interrupted(
            waiting,
            operation(waiting, {
              close: (of) => {
                void of.close()
                return close()
              }
            })
          )
        )
        expect(defectsOf(stopped.exit)).toEqual([boom])
        expect(stopped.reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
      }
    })
  )

  it.live("that says that nothing is open has not failed", () =>
    Effect.gen(function* () {
      const ended = Object.assign(new Error("gone"), { code: "UND_ERR_CLOSED" })
      const stream = operation(new Cursor(5), { close: () => Promise.reject(ended) })
      const { exit, reports } = yield* reporting(Stream.runDrain(Stream.take(stream, 1)))
      expect([Exit.isSuccess(exit), reports]).toEqual([true, []])
    })
  )

  it.live("that never settles is named, and given up after closeDeadline", () =>
    Effect.gen(function* () {
      const stream = operation(new Cursor(5), { close: forever, name: "rows" })
      const { exit, reports } = yield* reporting(Stream.runDrain(Stream.take(stream, 1)), {
        slowJoin: 10,
        closeDeadline: 60
      })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(reports.slice(0, 2).map(({ kind, message }) => [kind, message.includes("rows")])).toEqual([
        ["slowJoin", true],
        ["leftover", true]
      ])
    })
  )
})

describe("the close of a Stream", () => {
  it.live("lets a Scope whose close would have ended the read go on", () =>
    Effect.gen(function* () {
      const cursor = new Cursor(0)
      const { exit, reports } = yield* reporting(
        Effect.scoped(
          Effect.gen(function* () {
            const opened = yield* acquireAio({ open: () => cursor, close: (of) => of.close() })
            yield* Stream.runDrain(fromAio(opened, { close: (of) => of.close() })).pipe(
              Effect.timeout("50 millis")
            )
          })
        )
      )
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: timeoutTag })
      expect([reports, cursor.log.filter((line) => line === "closed")]).toEqual([[], ["closed", "closed"]])
    })
  )

  it.live("is not called where the iterable has come to its end, or failed", () =>
    Effect.gen(function* () {
      let calls = 0
      const close = () => void calls++
      const ends = fromAio(
        async function* () {
          yield 1
        },
        { close } as object
      )
      const fails = runAioGenerator(
        async function* () {
          yield 1
          throw boom
        },
        { close }
      )
      yield* reporting(Stream.runDrain(ends()))
      const { exit } = yield* reporting(Stream.runDrain(fails))
      expect([Exit.isFailure(exit), calls]).toEqual([true, 0])
    })
  )

  it("B2 is a function, or left out", () => {
    const items = new Cursor(0)
    for (const operation of [
      () => fromAio(items, { close: 7 as never }),
      () => fromAio(async function* () {}, { close: 7 as never }),
      () => runAioGenerator(items, { close: 7 as never })
    ]) {
      expect(operation).toThrow(TypeError)
    }
  })
})
