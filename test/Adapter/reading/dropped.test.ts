/**
 * How a Stream over an async iterable ends when it is left, interrupted or aborted at about the moment at which that ends:
 * each failure is in the Exit or in the exception handler, once, and what was cut off is not taken for complete.
 *
 * Covers: Pump, Source, ReadingTask
 */
import { EventEmitter } from "node:events"
import { Readable } from "node:stream"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Stream } from "effect"
import { fromAio, fromEmitter, isCancelledError, Loop, runAioCoroutine } from "../../../src/index.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"

const boom = new Error("boom")

/** Iterables that fail at their end, with what is read ahead of it. */
const sources: ReadonlyArray<
  readonly [string, (thrown: () => void) => Stream.Stream<unknown, unknown, Loop>]
> = [
  [
    "a generator that was read ahead",
    (thrown) =>
      fromAio(
        async function* () {
          yield 0
          thrown()
          throw boom
        },
        { chunkSize: 4 }
      )()
  ],
  [
    "the cleanup of a generator that was read ahead",
    (thrown) =>
      fromAio(
        async function* () {
          try {
            yield 0
          } finally {
            thrown()
            // eslint-disable-next-line no-unsafe-finally -- a cleanup that fails
            throw boom
          }
        },
        { chunkSize: 4 }
      )()
  ],
  [
    "a Readable",
    (thrown) => {
      let reads = 0
      const readable = new Readable({
        objectMode: true,
        read() {
          if (reads++ === 0) return void this.push(0)
          thrown()
          this.destroy(boom)
        }
      })
      return fromAio(readable)
    }
  ],
  [
    "an emitter",
    (thrown) => {
      const emitter = new EventEmitter()
      // A few turns after the Stream has begun to listen.
      emitter.on("newListener", (event) => {
        if (event !== "error" || emitter.listenerCount("error") > 0) return
        void Promise.resolve()
          .then(() => {})
          .then(() => {
            if (emitter.listenerCount("error") === 0) return
            thrown()
            emitter.emit("error", boom)
          })
      })
      return fromEmitter(emitter, { event: "data" })
    }
  ]
]

/** A wait of `k` turns of the promise queue. */
const turns = (k: number) =>
  Effect.gen(function* () {
    for (let i = 0; i < k; i++) yield* Effect.promise(() => Promise.resolve())
  })

/** How a run of the Stream is ended from outside after `k` turns. */
const ends: ReadonlyArray<
  readonly [
    string,
    (run: Effect.Effect<unknown, unknown, Loop>, k: number) => Effect.Effect<unknown, unknown, Loop>
  ]
> = [
  [
    "interrupted",
    (run, k) => Effect.flatMap(Effect.fork(run), (fiber) => Effect.zipRight(turns(k), Fiber.interrupt(fiber)))
  ],
  [
    "in the background of a loop that closes",
    (run, k) =>
      Effect.flatMap(Loop, (loop) =>
        Effect.zipRight(
          runAioCoroutine(async () => void loop.runEffectTask(run as Effect.Effect<unknown, unknown>)),
          turns(k)
        )
      )
  ],
  ["left alone", (run) => Effect.exit(run)],
  ["raced", (run, k) => Effect.exit(Effect.raceFirst(run, turns(k)))]
]

describe.each(sources)("the failure of %s", (_, source) => {
  it.live.each(ends)(
    "A12 is in the Exit or in a report, once, where its Stream is %s at any moment",
    ([, end]) =>
      Effect.gen(function* () {
        for (let k = 0; k < 14; k++) {
          const { exceptionHandler, reports } = collecting()
          let thrown = false
          let seen = 0
          yield* Effect.exit(
            scoped(
              Effect.flatMap(Loop, (loop) => {
                const run = Stream.runDrain(source(() => (thrown = true))).pipe(
                  Effect.onExit((exit) =>
                    Effect.sync(() => {
                      if (Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("boom")) seen++
                    })
                  ),
                  Effect.provideService(Loop, loop)
                )
                return Effect.asVoid(Effect.exit(end(run, k)))
              }),
              { exceptionHandler }
            )
          )
          const told = reports.filter(({ exception, kind }) => exception === boom && kind === "late").length
          if (!thrown) continue
          expect(seen + told, `after ${k} turns`).toBeGreaterThanOrEqual(1)
          expect(told, `after ${k} turns`).toBeLessThanOrEqual(1)
        }
      })
  )

  it.live(
    "is told of nowhere else where the Stream itself has handled it, also if it is interrupted later",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        yield* scoped(
          Effect.gen(function* () {
            const handled = source(() => {}).pipe(Stream.catchAll(() => Stream.never))
            const fiber = yield* Effect.fork(Stream.runDrain(handled))
            yield* settle
            yield* Fiber.interrupt(fiber)
          }),
          { exceptionHandler }
        )
        expect(reports).toEqual([])
      })
  )
})

/** A stream as the openai and @anthropic-ai SDKs have it: aborted, it ends as if it were complete. */
class Completion implements AsyncIterable<number> {
  readonly controller = new AbortController()
  constructor(private readonly items: number) {}
  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    for (let i = 0; i < this.items; i++) {
      yield i
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (this.controller.signal.aborted) return
    }
  }
}

describe("a stream that was aborted", () => {
  it.live("A10 is cut off, and not complete: the Stream fails with CancelledError", () =>
    scoped(
      Effect.gen(function* () {
        const completion = new Completion(100)
        const run = Stream.runForEach(fromAio(completion), (n) =>
          Effect.sync(() => {
            if (n === 2) completion.controller.abort("enough")
          })
        )
        const exit = yield* Effect.exit(run)
        const error = Exit.isFailure(exit)
          ? Option.getOrUndefined(Cause.failureOption(exit.cause))
          : undefined
        expect([isCancelledError(error), (error as { reason?: unknown }).reason]).toEqual([true, "enough"])
        expect(yield* Stream.runCount(fromAio(new Completion(3)))).toBe(3)
        expect(yield* Stream.runCount(Stream.take(fromAio(new Completion(3)), 2))).toBe(2)
      })
    )
  )

  it.live("J4 what a Readable has read ahead, and failed with before it was left, is reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        let reads = 0
        const readable = new Readable({
          objectMode: true,
          read() {
            if (reads++ === 0) this.push("x")
            else this.destroy(boom)
          }
        })
        const taken = Stream.take(
          Stream.tap(fromAio(readable), () => settle),
          1
        )
        const exit = yield* Effect.exit(Stream.runDrain(taken))
        expect(Exit.isSuccess(exit) ? [] : [Cause.squash(exit.cause)]).toEqual([boom])
        expect(reports).toMatchObject([{ kind: "late", exception: boom }])
      }),
      { exceptionHandler }
    )
  })

  it.live("A10 the AbortError that Node emits on a Readable that is left is reported by nobody", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.gen(function* () {
          const endless = () => new Readable({ read: () => {} }).on("newListener", () => {})
          const emitted: Array<unknown> = []
          for (const leave of [
            (readable: Readable) => Effect.asVoid(Stream.runDrain(Stream.take(fromAio(readable), 1))),
            (readable: Readable) =>
              Effect.asVoid(
                runAioCoroutine(async () => {
                  for await (const _ of readable) break
                })
              )
          ]) {
            const readable = endless()
            readable.push("x")
            // Something of ours stays behind, and listens to its errors.
            const ended = fromEmitter(readable, { event: "data", until: Effect.void })
            yield* Stream.runDrain(ended)
            readable.on("error", (error) => emitted.push(error.name))
            readable.push("x")
            yield* leave(readable)
            yield* settle
          }
          expect(emitted).toEqual(["AbortError", "AbortError"])
          const emitter = new EventEmitter()
          yield* Stream.runDrain(fromEmitter(emitter, { event: "data", until: Effect.void }))
          emitter.emit("error", Object.assign(new Error("aborted"), { name: "AbortError" }))
        }),
        { exceptionHandler }
      )
      expect(reports).toEqual([])
    })
  )
})
