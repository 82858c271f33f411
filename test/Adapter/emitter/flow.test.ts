/**
 * `until`, `pause` and `resume` of fromEmitter.
 *
 * Covers: Emitter
 */
import { EventEmitter } from "node:events"
import { Readable } from "node:stream"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Option, Stream } from "effect"
import { currentFlavor, fromEmitter, type FromEmitterOptions, type Loop } from "../../../src/index.js"
import { scoped, settle } from "../../support/scopedLoops.js"

const boom = new Error("boom")
const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined

/** Runs a Stream, and logs its items. */
const logging = <E, R>(stream: Stream.Stream<unknown, E, R>, log: Array<unknown>) =>
  Effect.fork(Effect.exit(Stream.runForEach(stream, (item) => Effect.sync(() => log.push(item)))))

describe("until", () => {
  it.live("a signal ends the Stream after what is buffered, and is let go of", () =>
    scoped(
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        const controller = new AbortController()
        const log: Array<unknown> = []
        const fiber = yield* logging(fromEmitter(emitter, { event: "row", until: controller.signal }), log)
        yield* settle
        for (const n of [1, 2, 3]) emitter.emit("row", n)
        controller.abort()
        emitter.emit("row", "after the end")
        expect(yield* Fiber.join(fiber)).toEqual(Exit.void)
        expect([log, emitter.listenerCount("row")]).toEqual([[1, 2, 3], 0])
        const late = yield* logging(fromEmitter(emitter, { event: "row", until: controller.signal }), log)
        expect(yield* Fiber.join(late)).toEqual(Exit.void)
      })
    )
  )

  it.live("an Effect ends it when it succeeds, and fails it when it fails", () =>
    scoped(
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        for (const fails of [false, true]) {
          const log: Array<unknown> = []
          const gate = yield* Effect.makeLatch()
          const until = Effect.zipRight(gate.await, fails ? Effect.fail(boom) : Effect.succeed("enough"))
          const fiber = yield* logging(fromEmitter(emitter, { event: "row", until }), log)
          yield* settle
          emitter.emit("row", 1)
          yield* gate.open
          yield* settle
          emitter.emit("row", "after the end")
          const exit = yield* Fiber.join(fiber)
          expect([failureOf(exit), log]).toEqual([fails ? boom : undefined, [1]])
        }
        expect(yield* Stream.runCollect(fromEmitter(emitter, { event: "row", until: Effect.void }))).toEqual(
          Chunk.empty()
        )
      })
    )
  )

  it.live("an Effect is interrupted when the Stream is left", () =>
    scoped(
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        const log: Array<unknown> = []
        const until = Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted"))))
        const fiber = yield* logging(Stream.take(fromEmitter(emitter, { event: "row", until }), 1), log)
        yield* settle
        emitter.emit("row", 1)
        yield* Fiber.join(fiber)
        expect(log).toEqual([1, "interrupted"])
      })
    )
  )
})

/** An emitter that can be paused, and logs that. */
class Paused extends EventEmitter {
  readonly log: Array<unknown> = []
  readonly flow = {
    pause: () => void this.log.push(`pause in ${String(currentFlavor())}`),
    resume: () => void this.log.push(`resume in ${String(currentFlavor())}`)
  }
}

describe("pause and resume", () => {
  it.live("hold the emitter back while items wait, and let it go on when they were taken", () =>
    scoped(
      Effect.gen(function* () {
        const emitter = new Paused()
        const taken = yield* Effect.makeLatch()
        const stream = fromEmitter(emitter, {
          event: "row",
          end: "end",
          buffer: { capacity: 8, highWaterMark: 2 },
          ...emitter.flow
        })
        const fiber = yield* Effect.fork(
          Stream.runForEachChunk(stream, (items) =>
            Effect.zipRight(
              Effect.sync(() => emitter.log.push([...items])),
              taken.await
            )
          )
        )
        yield* settle
        emitter.emit("row", 1)
        yield* settle
        for (const n of [2, 3, 4]) emitter.emit("row", n)
        emitter.log.push("3 wait")
        yield* taken.open
        yield* settle
        emitter.emit("end")
        yield* Fiber.join(fiber)
        expect(emitter.log).toEqual([[1], "pause in aio", "3 wait", "resume in aio", [2, 3, 4]])
      })
    )
  )

  it.live(
    "a Readable that is read by its events loses nothing, and is read no faster than its items are used",
    () =>
      scoped(
        Effect.gen(function* () {
          let read = 0
          const readable = new Readable({
            objectMode: true,
            highWaterMark: 1,
            read() {
              this.push(read < 500 ? read++ : null)
            }
          })
          let used = 0
          let most = 0
          const stream = fromEmitter(readable, {
            event: "data",
            end: "end",
            buffer: { capacity: 10 },
            pause: () => readable.pause(),
            resume: () => readable.resume()
          })
          yield* Stream.runForEach(stream, (item) =>
            Effect.sync(() => {
              expect(item).toBe(used++)
              most = Math.max(most, read - used)
            })
          )
          expect(used).toBe(500)
          expect(most).toBeLessThan(30)
        })
      )
  )

  it.live(
    "the emitter is resumed when a Stream is left that has paused it, and not when it has ended itself",
    () =>
      scoped(
        Effect.gen(function* () {
          for (const [ends, expected] of [
            [false, ["pause in aio", "resume in aio"]],
            [true, ["pause in aio"]]
          ] as const) {
            const emitter = new Paused()
            const stream = fromEmitter(emitter, {
              event: "row",
              end: "end",
              buffer: { highWaterMark: 1 },
              ...emitter.flow
            })
            const fiber = yield* Effect.fork(Stream.runForEach(stream, () => Effect.never))
            yield* settle
            emitter.emit("row", 1)
            yield* settle
            emitter.log.length = 0
            emitter.emit("row", 2)
            if (ends) emitter.emit("end")
            yield* Fiber.interrupt(fiber)
            expect(emitter.log).toEqual(expected)
          }
        })
      )
  )

  it.live.each(["pause", "resume"] as const)("a %s that throws or rejects fails the Stream", (which) =>
    scoped(
      Effect.gen(function* () {
        for (const fails of [() => Effect.runSync(Effect.die(boom)), () => Promise.reject(boom)]) {
          const emitter = new Paused()
          const stream = fromEmitter(emitter, {
            event: "row",
            buffer: { highWaterMark: 1 },
            ...emitter.flow,
            [which]: fails
          })
          const fiber = yield* logging(stream, [])
          yield* settle
          emitter.emit("row", 1)
          expect(String((failureOf(yield* Fiber.join(fiber)) as Error).message)).toContain("boom")
        }
      })
    )
  )

  it("B2 until, pause, resume and highWaterMark are checked before anything is listened to", () => {
    const emitter = new EventEmitter()
    const make = (options: Partial<FromEmitterOptions<unknown, unknown, Loop>>) => () =>
      fromEmitter(emitter, { event: "row", ...options })
    expect(make({ until: 7 as never })).toThrow(TypeError)
    expect(make({ pause: () => {} })).toThrow(TypeError)
    expect(make({ resume: () => {} })).toThrow(TypeError)
    expect(make({ pause: 7 as never, resume: () => {} })).toThrow(TypeError)
    for (const highWaterMark of [0, 1.5, 9]) {
      expect(make({ buffer: { capacity: 8, highWaterMark } })).toThrow(RangeError)
    }
    expect(emitter.eventNames()).toEqual([])
  })
})
