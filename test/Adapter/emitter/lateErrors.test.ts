/** The errors of an emitter whose Stream has ended. */
import { EventEmitter } from "node:events"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Stream } from "effect"
import { fromEmitter, type Loop } from "../../../src/index.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"

const first = new Error("first")
const second = new Error("second")

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined

/** Runs `use` on a loop that keeps its reports. */
const reporting = <A, E>(
  use: (told: () => ReadonlyArray<readonly [unknown, unknown]>) => Effect.Effect<A, E, Loop>
) => {
  const { exceptionHandler, reports } = collecting()
  return scoped(
    use(() => reports.map(({ exception, kind }) => [kind, exception] as const)),
    {
      exceptionHandler
    }
  )
}

/** Runs a Stream of `emitter`, until `end` has ended it. */
const ended = (emitter: EventEmitter, end: () => void) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(
      Effect.exit(Stream.runDrain(fromEmitter(emitter, { event: "row", end: "end" })))
    )
    yield* settle
    end()
    return yield* Fiber.join(fiber)
  })

describe("an error after the end", () => {
  it.live.each(["an error", "an end", "leaving"] as const)(
    "J4 that was %s is reported as late, once, and thrown by nobody, until the Scope closes",
    (how) => {
      const emitter = new EventEmitter()
      return reporting((told) =>
        Effect.gen(function* () {
          yield* Effect.scoped(
            Effect.gen(function* () {
              if (how === "leaving") {
                const fiber = yield* Effect.fork(Stream.runDrain(fromEmitter(emitter, { event: "row" })))
                yield* settle
                yield* Fiber.interrupt(fiber)
              } else {
                yield* ended(emitter, () => emitter.emit(how === "an error" ? "error" : "end", first))
              }
              emitter.emit("error", second)
              expect(told()).toEqual([["late", second]])
              emitter.emit("error", second)
              expect(told()).toHaveLength(2)
              expect(emitter.listenerCount("row")).toBe(0)
            })
          )
          expect(emitter.listenerCount("error")).toBe(0)
          expect(() => emitter.emit("error", second)).toThrow(second)
        })
      )
    }
  )

  it.live.each([1, 3])(
    "is late also while the Scope closes, which ends the emitter (with %i finalizers)",
    (count) => {
      const emitter = new EventEmitter()
      return reporting((told) =>
        Effect.gen(function* () {
          const log: Array<number> = []
          const errors: ReadonlyArray<Error> = Array.from(
            { length: count },
            (_, i) => new Error(`closing ${i}`)
          )
          yield* Effect.scoped(
            Effect.gen(function* () {
              // A client, as it is acquired before its events are listened to, and fails as it is closed.
              for (const error of errors) {
                yield* Effect.addFinalizer(() =>
                  Effect.sync(() => {
                    emitter.emit("error", error)
                    log.push(errors.indexOf(error))
                  })
                )
              }
              yield* ended(emitter, () => emitter.emit("end"))
            })
          )
          // In their own order, the last one first.
          expect(log).toEqual(errors.map((_, i) => i).reverse())
          expect(told()).toEqual([...errors].reverse().map((error) => ["late", error]))
          expect(emitter.listenerCount("error")).toBe(0)
        })
      )
    }
  )

  it.live(
    "is late until the loop closes where there is no Scope; any number of runs leave one listener",
    () =>
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        yield* reporting((told) =>
          Effect.gen(function* () {
            for (let i = 0; i < 3; i++) yield* ended(emitter, () => emitter.emit("end"))
            expect(emitter.listenerCount("error")).toBe(1)
            emitter.emit("error", second)
            expect(told()).toEqual([["late", second]])
          })
        )
        expect(emitter.listenerCount("error")).toBe(0)
      })
  )

  it.live(
    "that another run fails with, or a listener of the program hears, is reported to nobody else",
    () => {
      const emitter = new EventEmitter()
      return reporting((told) =>
        Effect.gen(function* () {
          yield* ended(emitter, () => emitter.emit("error", first))
          const again = yield* ended(emitter, () => emitter.emit("error", second))
          expect(failureOf(again)).toMatchObject({ cause: second })
          const heard: Array<unknown> = []
          const listener = (error: unknown) => void heard.push(error)
          emitter.on("error", listener)
          const third = new Error("third")
          emitter.emit("error", third)
          emitter.off("error", listener)
          expect([heard, told()]).toEqual([[third], []])
        })
      )
    }
  )

  it.live("is reported once where runs of several Scopes have ended", () => {
    const emitter = new EventEmitter()
    return reporting((told) =>
      Effect.gen(function* () {
        yield* ended(emitter, () => emitter.emit("end"))
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* ended(emitter, () => emitter.emit("end"))
            expect(emitter.listenerCount("error")).toBe(2)
            emitter.emit("error", second)
            expect(told()).toEqual([["late", second]])
          })
        )
        emitter.emit("error", first)
        expect(told()).toEqual([
          ["late", second],
          ["late", first]
        ])
      })
    )
  })

  it.live(
    "the one that has ended the Stream is not told of again by an emitter that calls whoever there is",
    () => {
      const listeners = new Map<string, Set<(value?: unknown) => void>>()
      const live = {
        on: (event: string, listener: () => void) => {
          listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
        },
        off: (event: string, listener: () => void) => void listeners.get(event)?.delete(listener)
      }
      return reporting((told) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.exit(Stream.runDrain(fromEmitter(live, { event: "row" }))))
          yield* settle
          // A Set's iterator also comes to what is added on the way.
          for (const listener of listeners.get("error") ?? []) listener(first)
          expect(failureOf(yield* Fiber.join(fiber))).toMatchObject({ cause: first })
          expect(told()).toEqual([])
        })
      )
    }
  )

  it.live("keeps no emitter, and no trace of one", () =>
    reporting(() =>
      Effect.gen(function* () {
        const refs: Array<WeakRef<EventEmitter>> = []
        yield* Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.suspend(() => {
            const emitter = new EventEmitter()
            refs.push(new WeakRef(emitter))
            return ended(emitter, () => emitter.emit("end"))
          })
        )
        for (let i = 0; i < 10; i++) {
          yield* settle
          globalThis.gc?.()
        }
        expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(5)
      })
    )
  )
})
