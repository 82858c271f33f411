// it.aio: tests that have a loop of their own.
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestLoop } from "effect-aio/testing"
import { vi } from "vitest"
import { fromAio, Loop } from "../../src/index.js"

const test = TestLoop.aio(it)

describe("a test of TestLoop.aio", () => {
  test("has a loop, a Scope, and the clock of the runner", () =>
    Effect.gen(function* () {
      const wait = fromAio(async () => {
        await new Promise((resolve) => setTimeout(resolve, 60_000))
        return Date.now()
      })
      const closed = yield* Effect.acquireRelease(Effect.succeed([] as Array<string>), (log) =>
        Effect.sync(() => void log.push("closed"))
      )
      const [at] = yield* Effect.all([wait(), TestLoop.advance("1 minute")], { concurrency: "unbounded" })
      expect(at).toBe(60_000)
      expect(closed).toEqual([])
    }))

  /** What a runner is given for a test. */
  const declared = (
    name: string,
    program: Effect.Effect<unknown, unknown, Loop>,
    options?: TestLoop.AioTestOptions
  ) => {
    const runs: Array<{
      readonly timeout: number | undefined
      readonly run: (context: TestLoop.AioTestContext) => Effect.Effect<unknown, unknown>
    }> = []
    TestLoop.aio({ effect: (_, run, timeout) => void runs.push({ run, timeout }) })(
      name,
      () => program,
      options
    )
    return runs[0]!
  }
  const leak = Effect.flatMap(Loop, (loop) =>
    Effect.sync(() => void loop.createTask(() => loop.sleep(1_000), { name: "poller" }))
  )

  it.effect("fails by name where it leaves something, unless it is told not to", () =>
    Effect.gen(function* () {
      const context = new AbortController()
      const exit = yield* Effect.exit(declared("leaks", leak).run(context))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toMatch(/1 left on[^]*\ntask +poller/)
      const allowed = declared("leaks", leak, { expectClean: false, timeout: 7 })
      expect(allowed.timeout).toBe(7)
      expect((yield* Effect.exit(allowed.run(context)))._tag).toBe("Success")
    })
  )

  it.effect("prints what is on its loop when its time is over, and nothing where it has ended", () =>
    Effect.gen(function* () {
      const printed = vi.spyOn(console, "error").mockImplementation(() => {})
      const ended = new AbortController()
      yield* declared("ends", Effect.void).run(ended)
      ended.abort()
      const hanging = new AbortController()
      const stuck = Effect.zipRight(leak, Effect.never)
      const fiber = yield* Effect.fork(declared("hangs", stuck, { name: "mine" }).run(hanging))
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
      hanging.abort()
      yield* Fiber.interrupt(fiber)
      expect(printed.mock.calls.map(([text]) => String(text))).toEqual([
        expect.stringMatching(
          /^"hangs" has not ended in its time; 1 left on mine:\nwhat .*\ntask +poller [^]*\ntimer [^]*\nNode is kept by: /
        )
      ])
    })
  )
})
