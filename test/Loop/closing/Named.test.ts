// What a program has given a name to has a row in reports: Loop.named.
import { it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, TestClock } from "effect"
import { describe, expect } from "vitest"
import { interruptFork, poll } from "../../../src/effect.js"
import { Loop, type LoopOptions } from "../../../src/index.js"
import { leftoversOf } from "../../../src/Loop/closing/Leftovers.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"

const optionsOf = () => {
  const { exceptionHandler, reports } = collecting()
  const options: LoopOptions = {
    name: "named",
    closeDeadline: "1 second",
    slowJoin: "300 millis",
    exceptionHandler
  }
  return { options, reports }
}

/** The cells of the rows of what was named, but for their age and place. */
const rows = Effect.map(Loop, (loop) =>
  leftoversOf(loop).map(({ name, state, waitingOn, what }) => [what, name, state, waitingOn].join(" | "))
)

class Database extends Context.Tag("test/Database")<Database, string>() {}

describe("Loop.named", () => {
  it.effect("S2 names the finalizer that a shutdown hangs in", () =>
    Effect.gen(function* () {
      const { options, reports } = optionsOf()
      const closed = yield* Deferred.make<void>()
      const program = Effect.ensuring(Effect.never, Loop.named("http server", Deferred.await(closed)))
      const fiber = yield* Effect.fork(scoped(program, options))
      yield* settle
      interruptFork(fiber)
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      expect(reports.map(({ kind, message }) => `${kind} ${message.slice(0, 19)}`)).toEqual([
        "slowJoin closing http server",
        "leftover 2 left over on name"
      ])
      const table = reports[1]?.message.split("\n").map((row) => row.replace(/ {2,}/g, " | "))
      expect(table).toEqual([
        "2 left over on named at the deadline of 1000ms for stopping the body of named:",
        "what | name | age | state | waiting on | created at",
        expect.stringMatching(/^effect \| body of named \| 1000ms \| interrupting \| http server \| /),
        expect.stringMatching(/^finalizer \| http server \| 1000ms \| closing \| its fiber \| .*Named\.test/)
      ])
      expect(poll(fiber)).toBe(undefined)
      yield* Deferred.succeed(closed, undefined)
      yield* Fiber.await(fiber)
    })
  )

  it.effect("has a row from when it begins until it has ended, however it does", () =>
    scoped(
      Effect.gen(function* () {
        expect(yield* rows).toEqual([])
        expect(yield* Loop.named("ok", rows)).toEqual(["effect | ok | running | its fiber"])
        yield* Effect.exit(Loop.named("failed", Effect.fail("why")))
        yield* Effect.exit(Loop.named("died", Effect.die("why")))
        const fiber = yield* Effect.fork(Loop.named("interrupted", Effect.never))
        yield* settle
        expect(yield* rows).toEqual(["effect | interrupted | running | its fiber"])
        yield* Fiber.interrupt(fiber)
        expect(yield* rows).toEqual([])
      })
    )
  )

  it.effect("names the closing of what an Effect has opened in a Scope, and says when it is slow", () =>
    Effect.gen(function* () {
      const { options, reports } = optionsOf()
      const log: Array<string> = []
      const pool = Effect.acquireRelease(Effect.succeed("pool"), () =>
        Effect.gen(function* () {
          log.push("closing")
          yield* Effect.sleep("500 millis")
          log.push("closed")
        })
      )
      const program = Effect.gen(function* () {
        const closing = Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push("first")))
            expect(yield* Loop.named("database", pool)).toBe("pool")
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push("last")))
            expect(yield* rows).toEqual([])
          })
        )
        const fiber = yield* Effect.fork(closing)
        yield* settle
        expect(yield* rows).toEqual(["finalizer | database | closing | its fiber"])
        yield* TestClock.adjust("300 millis")
        yield* settle
        expect(reports.map(({ kind, message }) => [kind, message.replace(/ \(.*\)/, "")])).toEqual([
          ["slowJoin", "closing database has taken 300ms and has not ended"]
        ])
        yield* TestClock.adjust("200 millis")
        yield* Fiber.join(fiber)
        expect(log).toEqual(["last", "closing", "closed", "first"])
        expect(yield* rows).toEqual([])
      })
      yield* scoped(program, options)
    })
  )

  it.effect("names a Layer while it is built and closed, and leaves it shared", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const logRows = Effect.flatMap(rows, (found) => Effect.sync(() => log.push(...found)))
        const pool = Layer.scopedDiscard(
          Effect.acquireRelease(
            Effect.sync(() => log.push("opens")),
            () => Effect.sync(() => log.push("closes"))
          )
        )
        const database = Loop.named(
          "database",
          Layer.provide(
            Layer.scoped(
              Database,
              Effect.gen(function* () {
                const context = yield* Effect.context<Loop>()
                yield* logRows
                yield* Effect.addFinalizer(() => Effect.provide(logRows, context))
                return "rows"
              })
            ),
            pool
          )
        )
        const both = Layer.merge(Layer.merge(database, pool), database)
        expect(yield* Effect.provide(Database, both)).toBe("rows")
        expect(log).toEqual([
          "opens",
          "effect | database | running | its fiber",
          "finalizer | database | closing | its fiber",
          "closes"
        ])
      })
    )
  )

  it.effect("takes its work in a pipe, and gives its outcome as it is", () =>
    scoped(
      Effect.gen(function* () {
        expect(yield* Effect.succeed(1).pipe(Loop.named("one"))).toBe(1)
        expect(yield* Effect.exit(Effect.fail("why").pipe(Loop.named("two")))).toEqual(Exit.fail("why"))
        const layer = Layer.succeed(Database, "rows").pipe(Loop.named("three"))
        expect(yield* Effect.provide(Database, layer)).toBe("rows")
      })
    )
  )

  it("B2 takes a name, and an Effect or a Layer", () => {
    const call = Loop.named as (...args: ReadonlyArray<unknown>) => unknown
    expect(() => call("", Effect.void)).toThrow(new TypeError(`Loop.named takes a name, not ""`))
    expect(() => call(7, Effect.void)).toThrow(TypeError)
    for (const work of [7, Promise.resolve(), undefined])
      expect(() => call("x", work)).toThrow(/^Loop.named takes an Effect or a Layer, not /)
  })
})
