/** `toAio(…, { scoped: true })`: fibers that belong to the Scope in which they were wrapped. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import {
  type CancelledError,
  fromAio,
  type Future,
  isCancelledError,
  Loop,
  type LoopOptions,
  runAioCoroutine,
  toAio
} from "../../../src/index.js"
import { outcome } from "../../support/border.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"

/** A database that is acquired, and whose use is logged. */
const database = (log: Array<string>) => {
  const db = { open: true }
  return Effect.acquireRelease(Effect.succeed(db), () =>
    Effect.sync(() => {
      db.open = false
      log.push("db closed")
    })
  )
}

/** What a handler does: it waits, and uses the database in its finalizer. */
const handling = (log: Array<string>, db: { open: boolean }) =>
  Effect.never.pipe(
    Effect.ensuring(
      Effect.promise(async () => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        log.push(`db open: ${db.open}`)
      })
    )
  )

/** Runs `body` on a loop that keeps its reports. */
const reporting = <A, E>(body: Effect.Effect<A, E, Loop>, options: LoopOptions = {}) => {
  const { exceptionHandler, reports } = collecting()
  return Effect.map(scoped(body, { exceptionHandler, ...options }), (value) => ({ value, reports }))
}

describe("toAio with scoped", () => {
  it.live("T7 interrupts and joins a function's fibers before its Scope goes on to what they use", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const futures: Array<Future<unknown>> = []
      const { reports } = yield* reporting(
        Effect.scoped(
          Effect.gen(function* () {
            const db = yield* database(log)
            const handler = yield* toAio(() => handling(log, db), { name: "handler", scoped: true })
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push("server closed")))
            // Nobody waits for them: as the callbacks of a server.
            for (let i = 0; i < 3; i++) futures.push(handler())
            yield* settle
          })
        )
      )
      expect(log).toEqual(["server closed", "db open: true", "db open: true", "db open: true", "db closed"])
      for (const future of futures) {
        expect(future.cancelled()).toBe(true)
        expect((future._error() as CancelledError).reason).toBe("the Scope of handler was closed")
      }
      expect(reports).toEqual([])
    })
  )

  it.live("T7 is what the loop's own fibers are not", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* reporting(
        Effect.gen(function* () {
          const future = yield* Effect.scoped(
            Effect.gen(function* () {
              const db = yield* database(log)
              const handler = yield* toAio(() => handling(log, db), { scoped: false })
              const future = handler()
              yield* settle
              return future
            })
          )
          future.cancel()
          while (!future.done()) yield* settle
        })
      )
      expect(log).toEqual(["db closed", "db open: false"])
    })
  )

  it.live("T7 what is called when the Scope closes, or has closed, never runs, and is cancelled", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const { value } = yield* reporting(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const f = yield* Scope.extend(
            toAio((name: string) => Effect.sync(() => log.push(name)), { scoped: true }),
            scope
          )
          yield* Scope.addFinalizer(
            scope,
            Effect.sync(() => log.push("closing"))
          )
          const loop = yield* Loop
          const first = f("ran")
          yield* settle
          let queued: Future<number> | undefined
          yield* Effect.async<void>((resume) => {
            loop.callSoon(() => {
              // Called in time, but the Scope closes before its turn.
              queued = f("queued")
              Effect.runSync(Effect.asVoid(Scope.close(scope, Exit.void)))
              resume(Effect.void)
            })
          })
          const after = f("after")
          yield* settle
          return [first, queued, after].map((future) => outcome(future as Future<unknown>))
        })
      )
      expect([value, log]).toEqual([
        [1, "cancelled", "cancelled"],
        ["ran", "closing"]
      ])
    })
  )

  it.live("T2 T5 fibers that have ended are let go; how they end is their Future's, and told once", () =>
    Effect.gen(function* () {
      const boom = new Error("boom")
      const { reports, value } = yield* reporting(
        Effect.scoped(
          Effect.gen(function* () {
            const fail = yield* toAio(() => Effect.fail(boom), { scoped: true })
            const cleanup = yield* toAio(() => Effect.never.pipe(Effect.ensuring(Effect.die(boom))), {
              scoped: true
            })
            const seen = fail()
            yield* Effect.exit(fromAio(seen))
            const unseen = cleanup()
            yield* settle
            return [seen, unseen] as const
          })
        )
      )
      expect(value.map((future) => future._peek())).toEqual(["error", "error"])
      expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["unretrieved", boom]])
    })
  )

  it.live("T7 a Stream's and a resource's fiber belong to the Scope as well", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* reporting(
        Effect.gen(function* () {
          const loop = yield* Loop
          const task = yield* Effect.scoped(
            Effect.gen(function* () {
              const db = yield* database(log)
              const items = yield* toAio(
                Stream.ensuring(
                  Stream.make(1).pipe(Stream.concat(Stream.never)),
                  Effect.sync(() => log.push(`stream: db open: ${db.open}`))
                ),
                { scoped: true }
              )
              const resource = yield* toAio(
                Effect.addFinalizer(() => Effect.sync(() => log.push(`resource: db open: ${db.open}`))),
                { scoped: true }
              )
              const task = loop.createTask(async () => {
                await resource()
                for await (const item of items) log.push(`item ${item}`)
              })
              yield* settle
              return task
            })
          )
          yield* settle
          expect(isCancelledError(task.cancelled() ? task._error() : undefined)).toBe(true)
        })
      )
      expect(log).toEqual(["item 1", "resource: db open: true", "stream: db open: true", "db closed"])
    })
  )

  it.live("J12 a fiber that does not end is named, and given up after closeDeadline", () =>
    Effect.gen(function* () {
      const releases: Array<() => void> = []
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.gen(function* () {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const stuck = yield* toAio(
                () =>
                  Effect.uninterruptible(
                    Effect.async<void>((resume) => void releases.push(() => resume(Effect.void)))
                  ),
                { name: "stuck", scoped: true }
              )
              stuck()
              stuck()
              yield* settle
            })
          )
          expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
            [
              "slowJoin",
              "a Scope that closes has waited 10ms for what runs of stuck (2 fibers), which was interrupted and has not ended"
            ],
            [
              "leftover",
              "abandoned after a grace of 60ms: what runs of stuck (2 fibers) was interrupted and has not ended"
            ]
          ])
          for (const release of releases) release()
        }),
        { exceptionHandler, slowJoin: 10, closeDeadline: 60 }
      )
    })
  )

  it.live("T7 a handler that closes the Scope it is in is not waited for by that, and ends after it", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const { reports, value } = yield* reporting(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          yield* Scope.extend(database(log), scope)
          const stop = yield* Scope.extend(
            toAio(
              () =>
                Scope.close(scope, Exit.void).pipe(
                  Effect.zipRight(Effect.never),
                  Effect.ensuring(Effect.sync(() => log.push("handler ended")))
                ),
              { scoped: true }
            ),
            scope
          )
          const future = stop()
          while (!future.done()) yield* settle
          return future
        })
      )
      expect([log, value.cancelled(), reports]).toEqual([["db closed", "handler ended"], true, []])
    })
  )

  it.live("S5 the loop may be closed first", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const future = yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open()
          const f = yield* toAio(
            () => Effect.never.pipe(Effect.ensuring(Effect.sync(() => log.push("ended")))),
            {
              scoped: true
            }
          ).pipe(Scope.extend(scope), Effect.provideService(Loop, loop))
          const future = f()
          yield* settle
          return future
        })
      )
      yield* Scope.close(scope, Exit.void)
      expect([log, future.done()]).toEqual([["ended"], true])
    })
  )

  it.live("J1 a task that awaits one when its Scope closes is told that it was cancelled, by whom", () =>
    Effect.gen(function* () {
      const { value } = yield* reporting(
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const f = yield* Scope.extend(
            toAio(() => Effect.never, { name: "query", scoped: true }),
            scope
          )
          const fiber = yield* Effect.fork(Effect.exit(runAioCoroutine(async () => f())))
          yield* settle
          yield* Scope.close(scope, Exit.void)
          return yield* Fiber.join(fiber)
        })
      )
      expect(String(value)).toContain("the Scope of query was closed")
    })
  )

  it("B2 refuses a scoped that is neither true nor false", () => {
    expect(() => toAio(() => Effect.void, { scoped: "yes" as never })).toThrow(TypeError)
  })
})
