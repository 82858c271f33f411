/**
 * `cancel` and `cancelled` of every operation that waits for aio work: how the work is stopped where no signal reaches it,
 * and which error is the echo of that.
 *
 * Covers: options, runPromise, join
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, type Scope, Stream, TestClock } from "effect"
import {
  acquireAio,
  allowAio,
  CancelledError,
  currentSignal,
  fromAio,
  fromCallback,
  getRunningLoop,
  isCancelledError,
  Loop,
  type LoopOptions,
  runAioCoroutine,
  runAioFuture,
  runAioGenerator,
  type StopOptions,
  waitFor
} from "../../../src/index.js"
import { interruptedAtOnce } from "../../support/border.js"
import { collecting, forever, scoped, settle } from "../../support/scopedLoops.js"
import { timeoutTag } from "../../support/effect/line.js"
import { forkLater } from "../../support/effect/forkLater.js"

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

/** How a library ends a call that was stopped: with an error that nobody knows. */
const gone = new Error("the connection is gone")
const boom = new Error("boom")

/** A connection, whose calls no signal reaches: `disconnect` ends them all. */
const connection = () => {
  const fails = new Set<(error: unknown) => void>()
  let calls = 0
  return {
    call: (): Promise<never> => {
      calls++
      return new Promise((_, no) => void fails.add(no))
    },
    disconnect: (error: unknown = gone): void => {
      for (const fail of fails) fail(error)
    },
    calls: () => calls
  }
}

type Waits = Effect.Effect<unknown, unknown, Loop | Scope.Scope>
type Call = () => Promise<never>

/** Every operation, over one call of a library. */
const operations: ReadonlyArray<readonly [string, (call: Call, options: StopOptions) => Waits]> = [
  ["fromAio(fn)", (call, options) => fromAio(call, options)()],
  ["fromAio({ try, catch })", (call, options) => fromAio({ try: call, catch: (e) => e, ...options })()],
  ["fromAio(promise)", (call, options) => Effect.suspend(() => fromAio(call(), options))],
  ["runAioCoroutine", (call, options) => runAioCoroutine(call, options)],
  [
    "runAioFuture",
    (call, options) => Effect.flatMap(Loop, (loop) => runAioFuture(loop.createTask(call), options))
  ],
  ["acquireAio", (call, options) => acquireAio({ open: () => call(), close: () => {}, ...options })],
  [
    "fromAio(async generator function)",
    (call, options) =>
      Stream.runDrain(
        fromAio(async function* () {
          yield await call()
        }, options)()
      )
  ],
  [
    "fromAio(iterable)",
    (call, options) =>
      Stream.runDrain(fromAio({ [Symbol.asyncIterator]: () => ({ next: () => call() }) }, options))
  ],
  [
    "runAioGenerator",
    (call, options) =>
      Stream.runDrain(
        runAioGenerator(async function* () {
          yield await call()
        }, options)
      )
  ],
  [
    "allowAio",
    (call, options) =>
      allowAio(function* ($) {
        return yield* $(call())
      }, options)
  ],
  [
    "fromCallback",
    (call, { cancel, ...options }) =>
      fromCallback((done: (error: unknown) => void) => void call().catch(done), {
        ...options,
        cancel: cancel && (() => cancel(new CancelledError(), undefined as never))
      })()
  ]
]

/** Runs one call of the operation on a loop that keeps its reports, and interrupts it while it waits. */
const stopped = (
  operation: (call: Call, options: StopOptions) => Waits,
  options: (of: ReturnType<typeof connection>) => StopOptions,
  loop: LoopOptions = {}
) => {
  const { exceptionHandler, reports } = collecting()
  const of = connection()
  return Effect.map(
    scoped(
      Effect.scoped(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.scoped(operation(of.call, options(of))))
          while (of.calls() === 0) yield* settle
          const began = performance.now()
          const exit = yield* Fiber.interrupt(fiber)
          return { exit, took: performance.now() - began }
        })
      ),
      { exceptionHandler, ...loop }
    ),
    (ended) => ({ ...ended, reports, told: reports.map(({ exception, kind }) => [kind, exception]) })
  )
}

describe.each(operations)("the cancel of %s", (_, operation) => {
  it.live("J11 ends a call that no signal reaches: interruption and nothing else, and no report", () =>
    Effect.gen(function* () {
      let calls = 0
      const { exit, told } = yield* stopped(operation, ({ disconnect }) => ({
        cancel: () => {
          calls++
          disconnect()
        },
        cancelled: (error) => error === gone
      }))
      expect([interruptedOnly(exit), told, calls]).toEqual([true, [], 1])
    })
  )

  it.effect("J11 Effect.timeout returns within 100 ms of its deadline", () =>
    Effect.gen(function* () {
      const { call, disconnect } = connection()
      const waiting = yield* scoped(
        Effect.scoped(
          operation(call, {
            cancel: async () => {
              await getRunningLoop().sleep(1)
              disconnect(new Error("Connection is closed."))
            }
          })
        ).pipe(Effect.timeout(50), Effect.exit)
      ).pipe(Effect.fork)
      yield* settle
      yield* TestClock.adjust(50)
      yield* settle
      yield* TestClock.adjust(100)
      const exit = yield* Fiber.join(waiting)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: timeoutTag })
    })
  )

  it.live("J4 J11 a failure that is no echo is told of: in the Cause, and as late", () =>
    Effect.gen(function* () {
      const { exit, told } = yield* stopped(operation, ({ disconnect }) => ({
        cancel: () => disconnect(boom),
        cancelled: () => false
      }))
      expect([defectsOf(exit), told]).toEqual([[boom], [["late", boom]]])
    })
  )

  it.live.each([
    {
      how: "throws",
      fails: (): never => {
        throw boom
      }
    },
    { how: "rejects", fails: () => Promise.reject(boom) }
  ])("J11 that $how is reported, and hides nothing", ({ fails }) =>
    Effect.gen(function* () {
      const { exit, reports } = yield* stopped(operation, ({ disconnect }) => ({
        cancel: () => {
          disconnect()
          return fails()
        },
        cancelled: () => true
      }))
      expect(interruptedOnly(exit)).toBe(true)
      expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
    })
  )

  it.live("J11 that never settles is named, and given up when closeDeadline has passed", () =>
    Effect.gen(function* () {
      const { exit, reports, took } = yield* stopped(
        operation,
        ({ disconnect }) => ({
          cancel: () => {
            disconnect()
            return forever()
          },
          cancelled: () => true
        }),
        { slowJoin: 20, closeDeadline: 150 }
      )
      expect(interruptedOnly(exit)).toBe(true)
      expect(took).toBeLessThan(1000)
      expect(
        reports.slice(0, 2).map(({ kind, message }) => [kind, message.includes("its cancel has not ended")])
      ).toEqual([
        ["slowJoin", true],
        ["leftover", true]
      ])
    })
  )

  it.live("J11 is never called after the end, nor for what has not begun", () =>
    scoped(
      Effect.scoped(
        Effect.gen(function* () {
          let calls = 0
          const options = { cancel: () => void calls++, cancelled: () => true }
          yield* Effect.exit(operation(() => Promise.reject(boom), options))
          const fiber = yield* forkLater(operation(() => Promise.reject(boom), options))
          yield* Fiber.interrupt(fiber)
          expect(calls).toBe(0)
        })
      )
    )
  )
})

describe("cancel and cancelled at the border", () => {
  it.live("J11 a cancel is aio code of the loop: it has the reason and the task, and is waited for", () => {
    const log: Array<unknown> = []
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const { call, disconnect } = connection()
        const work = fromAio(call, {
          name: "query",
          cancel: async (reason, task) => {
            log.push(reason instanceof CancelledError, task.getName(), getRunningLoop() === loop)
            disconnect()
            await loop.sleep(5)
            log.push("disconnected")
          },
          cancelled: (error) => error === gone
        })
        const fiber = yield* Effect.fork(work())
        yield* settle
        yield* Fiber.interrupt(fiber)
        expect(log).toEqual([true, "query", true, "disconnected"])
      })
    )
  })

  it.live("J11 a known abort is an echo where the signal was read, in a Stream as well", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const abort = () => new Error("Request was aborted.")
      const heeds = () =>
        new Promise<never>((_, no) => currentSignal()?.addEventListener("abort", () => no(abort())))
      yield* scoped(
        Effect.gen(function* () {
          const items = fromAio(async function* () {
            yield await heeds()
          })
          const program = allowAio(function* ($) {
            return yield* $(heeds())
          })
          const caught: Array<unknown> = []
          const catching = allowAio(function* ($) {
            try {
              return yield* $(heeds())
            } catch (error) {
              caught.push(error)
              throw error
            }
          })
          for (const effect of [fromAio(heeds)(), catching, Stream.runDrain(items()), program]) {
            const fiber = yield* Effect.fork(effect)
            yield* settle
            expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
          }
          expect(caught.map(isCancelledError)).toEqual([true])
        }),
        { exceptionHandler }
      )
      expect(reports).toEqual([])
    })
  )

  it.live("J11 what a deadline inside has stopped waiting for follows the rule of its task", () =>
    Effect.gen(function* () {
      const { exit, told } = yield* stopped(
        (call, options) => fromAio(() => waitFor(call(), 60_000), options)(),
        ({ disconnect }) => ({ cancel: () => disconnect(), cancelled: (error) => error === gone })
      )
      expect([interruptedOnly(exit), told]).toEqual([true, []])
    })
  )

  it.live("J11 the loop's are the default of every operation", () =>
    Effect.gen(function* () {
      for (const [, operation] of operations) {
        const of = connection()
        const { exceptionHandler, reports } = collecting()
        const exit = yield* scoped(
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(Effect.scoped(operation(of.call, {})))
            while (of.calls() === 0) yield* settle
            return yield* Fiber.interrupt(fiber)
          }),
          { exceptionHandler, cancel: () => of.disconnect(), cancelled: (error) => error === gone }
        )
        expect([interruptedOnly(exit), reports]).toEqual([true, []])
      }
    })
  )

  it.live("J7 J11 a resource that arrives although its opening was cancelled is closed", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let arrive: (resource: string) => void = () => {}
      yield* scoped(
        Effect.gen(function* () {
          const open = acquireAio({
            open: () => new Promise<string>((yes) => (arrive = yes)),
            close: (resource) => void log.push(`close ${resource}`),
            cancel: () => {
              log.push("cancel")
              arrive("db")
            }
          })
          const fiber = yield* Effect.fork(Effect.scoped(open))
          yield* settle
          yield* Fiber.interrupt(fiber)
          log.push("fiber ended")
        })
      )
      expect(log).toEqual(["cancel", "close db", "fiber ended"])
    })
  )

  it.live(
    "J1 J11 the promise of work that has begun is stopped also before its task has, and when it is abandoned",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const { exceptionHandler, reports } = collecting()
        yield* scoped(
          Effect.gen(function* () {
            const { call, disconnect } = connection()
            const effect = fromAio(call(), {
              onInterrupt: "abandon",
              cancel: () => {
                log.push("cancel")
                disconnect()
              },
              cancelled: () => true
            })
            yield* interruptedAtOnce(yield* Loop, effect)
            yield* settle
          }),
          { exceptionHandler }
        )
        expect([log, reports]).toEqual([["cancel"], []])
      })
  )

  it.live("B1 a cancel that returns an Effect is told that nobody will run it", () =>
    Effect.gen(function* () {
      const { exit, reports } = yield* stopped(
        (call, options) => fromAio(call, options)(),
        ({ disconnect }) => ({
          cancel: () => {
            disconnect()
            return Effect.void as never
          },
          cancelled: () => true
        })
      )
      expect(interruptedOnly(exit)).toBe(true)
      expect(String(reports[0]?.exception)).toContain("`cancel` returned an Effect, which nobody will run")
    })
  )

  it.live("S2 a name of any kind is one line of bounded length in every report", () =>
    Effect.gen(function* () {
      const name = `first\nsecond\u001b[31m${"x".repeat(1e6)}`
      for (const [, operation] of operations) {
        const { reports } = yield* stopped(
          (call, options) => operation(call, { ...options, name } as StopOptions),
          ({ disconnect }) => ({
            cancel: async () => {
              disconnect(boom)
              await getRunningLoop().sleep(5)
              throw boom
            },
            cancelled: () => false
          }),
          { slowJoin: 1 }
        )
        expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin", "late", "late"])
        for (const { message } of reports) {
          expect(message.length).toBeLessThan(1000)
          // eslint-disable-next-line no-control-regex -- that there is none
          expect(message).not.toMatch(/[\n\u001b]/)
        }
      }
    })
  )

  it("B2 every operation refuses a cancel or cancelled that is no function, before there is a loop", () => {
    for (const options of [{ cancel: 7 }, { cancelled: "57014" }] as ReadonlyArray<object>) {
      for (const operation of [
        () => fromAio(async () => 1, options),
        () => fromAio({ try: async () => 1, catch: String, ...options }),
        () => fromAio(Promise.resolve(1), options),
        () => fromAio((async function* () {})(), options),
        () => runAioCoroutine(async () => 1, options),
        () => runAioGenerator(async function* () {}, options),
        () => acquireAio({ open: async () => 1, close: () => {}, ...options }),
        () => allowAio(function* () {}, options),
        () => fromCallback((done: (error: null) => void) => done(null), options)
      ]) {
        expect(operation).toThrow(TypeError)
      }
    }
  })
})
