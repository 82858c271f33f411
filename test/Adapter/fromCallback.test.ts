import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Option, type Scope } from "effect"
import {
  AioError,
  CancelledError,
  currentFlavor,
  currentSignal,
  currentTask,
  type EventLoop,
  fromCallback,
  getRunningLoop,
  Loop,
  LoopClosedError
} from "../../src/index.js"
import { interruptedAtOnce } from "../support/border.js"
import { collecting, open, scoped, settle } from "../support/scopedLoops.js"

type Done<A> = (error: unknown, value?: A) => void

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

const withLoop = <A, E>(
  use: (loop: EventLoop) => Effect.Effect<A, E, Loop | Scope.Scope>,
  options: Parameters<typeof scoped>[1] = {}
) => scoped(Effect.scoped(Effect.flatMap(Loop, use)), options)

/** A callback function whose callback the test calls. */
const gated = () => {
  let begun = 0
  let done: Done<string> = () => {}
  const work = (_: string, callback: Done<string>): string => {
    begun++
    done = callback
    return "handle"
  }
  return { work, begun: () => begun, done: (error: unknown, value?: string) => done(error, value) }
}

describe("fromCallback", () => {
  it.live("calls Node's functions: overloads, the first value or all, and no value", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const readFile = fromCallback(fs.readFile)
        const path = new URL("../fixtures/main.ts", import.meta.url)
        const expected = fs.readFileSync(path, "utf8")
        expect(yield* readFile(path, "utf8")).toBe(expected)
        expect((yield* readFile(path)).equals(Buffer.from(expected))).toBe(true)
        expect(yield* fromCallback(fs.access)(path, fs.constants.R_OK)).toBeUndefined()
        const missing = failureOf(yield* Effect.exit(readFile("/does/not/exist")))
        expect(missing).toBeInstanceOf(AioError)
        expect(missing).toMatchObject({ task: "readFile", cause: { code: "ENOENT" } })
        const two = (n: number, done: (error: null, half: number, twice: number) => void) =>
          done(null, n / 2, n * 2)
        expect(yield* fromCallback(two)(4)).toBe(2)
        expect(yield* fromCallback(two, { values: "all" })(4)).toEqual([2, 8])
      })
    )
  )

  it.live("keeps this, and is an Effect itself where there are no arguments", () =>
    withLoop(() =>
      Effect.gen(function* () {
        class Client {
          readonly base = "base "
          get(this: Client, path: string, done: (error: null, text: string) => void): void {
            done(null, this.base + path)
          }
          readonly load = fromCallback(this.get)
        }
        expect(yield* new Client().load("path")).toBe("base path")
        expect(yield* fromCallback((done: (error: null, n: number) => void) => done(null, 7))).toBe(7)
      })
    )
  )

  it.live("J9 the function is called inside the loop, as a task with its name and signal", () =>
    withLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const look = (done: (error: null) => void): void => {
          log.push([
            currentFlavor(),
            getRunningLoop() === loop,
            currentTask()?.getName(),
            currentSignal().aborted
          ])
          done(null)
        }
        yield* fromCallback(look)
        yield* fromCallback(look, { name: "named" })
        expect(log).toEqual([
          ["aio", true, "look", false],
          ["aio", true, "named", false]
        ])
      })
    )
  )

  it.live("J3 errors are AioError or mapped; what is not truthy is none; a throw is one, too", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const boom = new Error("boom")
        const fails = (error: unknown, done: Done<string>): void => done(error, "value")
        expect(failureOf(yield* Effect.exit(fromCallback(fails)(boom)))).toMatchObject({
          cause: boom,
          task: "fails"
        })
        expect(failureOf(yield* Effect.exit(fromCallback(fails)("text")))).toMatchObject({ cause: "text" })
        for (const none of [null, undefined, false, 0, ""])
          expect(yield* fromCallback(fails)(none)).toBe("value")
        const mapped = fromCallback(fails, { catch: (error) => ({ error }) })
        expect(yield* Effect.exit(mapped(boom))).toEqual(Exit.fail({ error: boom }))
        const throws = (_: Done<string>): void => {
          throw boom
        }
        expect(failureOf(yield* Effect.exit(fromCallback(throws)))).toMatchObject({ cause: boom })
        const rejects = async (_: Done<string>): Promise<void> => {
          await null
          throw boom
        }
        expect(failureOf(yield* Effect.exit(fromCallback(rejects)))).toMatchObject({ cause: boom })
        const cancelled = new CancelledError("by others")
        expect(failureOf(yield* Effect.exit(fromCallback(fails)(cancelled)))).toBe(cancelled)
        const effect = (_: Done<string>) => Effect.void
        expect(failureOf(yield* Effect.exit(fromCallback(effect)))).toBeUndefined()
        expect(defectsOf(yield* Effect.exit(fromCallback(effect))).map(String)).toEqual([
          expect.stringMatching(/returned an Effect/)
        ])
      })
    )
  )

  it.live(
    "J4 the first call counts: later values are counted, later errors, throws and rejections reported",
    () => {
      const { exceptionHandler, reports } = collecting()
      return withLoop(
        (loop) =>
          Effect.gen(function* () {
            const boom = new Error("boom")
            const twice = (again: (done: Done<string>) => unknown, done: Done<string>): unknown => {
              done(null, "first")
              return again(done)
            }
            const wrapped = fromCallback(twice)
            expect(yield* wrapped((done) => done(null, "second"))).toBe("first")
            expect(loop.statistics().late).toBe(1)
            expect(yield* wrapped((done) => done(boom))).toBe("first")
            expect(
              yield* wrapped(() => {
                throw boom
              })
            ).toBe("first")
            expect(yield* wrapped(() => Promise.reject(boom))).toBe("first")
            yield* settle
            expect(reports.map(({ kind, message, exception }) => [kind, message, exception])).toEqual([
              ["late", "twice called it again with an error after it had called its callback", boom],
              ["late", "twice threw after it had called its callback", boom],
              ["late", "twice rejected after it had called its callback", boom]
            ])
            // Thrown first, called back later.
            const { begun, done, work } = gated()
            const throwing = (callback: Done<string>): void => {
              work("", callback)
              throw boom
            }
            expect(failureOf(yield* Effect.exit(fromCallback(throwing)))).toMatchObject({ cause: boom })
            expect(begun()).toBe(1)
            done(null, "late")
            expect(loop.statistics().late).toBe(5)
          }),
        { exceptionHandler }
      )
    }
  )

  describe("interrupted", () => {
    it.live("T3 before the start: the function is never called", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const { begun, work } = gated()
          expect(interruptedOnly(yield* interruptedAtOnce(loop, fromCallback(work)("x")))).toBe(true)
          yield* settle
          expect(begun()).toBe(0)
        })
      )
    )

    it.live("J1 J10 while it waits: calls cancel once, aborts the signal, and waits for the callback", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const abort = Object.assign(new Error("aborted"), { name: "AbortError" })
          const ends: ReadonlyArray<readonly [unknown, string | undefined, number]> = [
            [abort, undefined, 0],
            [null, "late value", 1],
            [new CancelledError(), undefined, 0]
          ]
          for (const [error, value, late] of ends) {
            const log: Array<unknown> = []
            const { done, work } = gated()
            const before = loop.statistics().late
            const wrapped = fromCallback(
              (path: string, callback: Done<string>) => {
                currentSignal().addEventListener("abort", () => log.push("signal"))
                return work(path, callback)
              },
              {
                name: "work",
                cancel: (returned, path) => log.push(`cancel ${returned} ${path} ${String(currentFlavor())}`)
              }
            )
            const fiber = yield* Effect.fork(wrapped("path"))
            yield* settle
            const interrupting = yield* Effect.fork(
              Effect.tap(Fiber.interrupt(fiber), () => log.push("fiber ended"))
            )
            yield* settle
            for (const task of loop.allTasks()) task.cancel("again")
            log.push("called back")
            done(error, value)
            expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
            expect(log).toEqual(["signal", "cancel handle path aio", "called back", "fiber ended"])
            expect(loop.statistics().late - before).toBe(late)
          }
        })
      )
    )

    it.live(
      "J4 an error after the cancel is a defect and reported, unless `cancelled` says it is its result",
      () => {
        const { exceptionHandler, reports } = collecting()
        return withLoop(
          () =>
            Effect.gen(function* () {
              const killed = new Error("killed")
              const boom = new Error("boom")
              for (const [cancelled, defects] of [
                [undefined, [killed]],
                [(error: unknown) => error === killed, []],
                [() => false, [killed]],
                [
                  () => {
                    throw boom
                  },
                  [killed]
                ]
              ] as const) {
                const { done, work } = gated()
                const fiber = yield* Effect.fork(
                  fromCallback(work, { cancel: () => done(killed), cancelled })("x")
                )
                yield* settle
                const exit = yield* Fiber.interrupt(fiber)
                expect(defectsOf(exit)).toEqual(defects)
              }
              expect(reports.map(({ kind, exception }) => [kind, exception])).toEqual([
                ["late", killed],
                ["late", killed],
                ["late", boom],
                ["late", killed]
              ])
            }),
          { exceptionHandler }
        )
      }
    )

    it.live("a cancel that throws is reported, and the callback is waited for all the same", () => {
      const { exceptionHandler, reports } = collecting()
      return withLoop(
        () =>
          Effect.gen(function* () {
            const boom = new Error("boom")
            const { done, work } = gated()
            const fiber = yield* Effect.fork(
              fromCallback(work, {
                cancel: () => {
                  throw boom
                }
              })("x")
            )
            yield* settle
            const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* settle
            expect(yield* Fiber.poll(interrupting)).toEqual(Option.none())
            done(null)
            expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
            expect(reports).toMatchObject([
              { kind: "late", message: "cancelling work failed", exception: boom }
            ])
          }),
        { exceptionHandler }
      )
    })

    it.live("after the callback was called: nothing is cancelled", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const { done, work } = gated()
          const fiber = yield* Effect.fork(fromCallback(work, { cancel: () => log.push("cancel") })("x"))
          yield* settle
          done(null, "value")
          expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
          expect(log).toEqual([])
          expect(loop.statistics().tasks).toBe(0)
          // The task has not been told yet.
          const other = gated()
          const exit = Effect.exit(fromCallback(other.work, { cancel: () => log.push("cancel") })("x"))
          const waiting = yield* Effect.fork(exit)
          yield* settle
          loop.callSoon(() => {
            other.done(null, "value")
            for (const task of loop.allTasks()) task.cancel()
          })
          expect(failureOf(yield* Fiber.join(waiting))).toBeInstanceOf(CancelledError)
          expect(log).toEqual([])
        })
      )
    )

    it.live(
      "J5 J6 one that never calls back is reported as slow, and left behind after its grace or at once",
      () => {
        const { exceptionHandler, reports } = collecting()
        return withLoop(
          () =>
            Effect.gen(function* () {
              const slow = gated()
              const patient = yield* Effect.fork(fromCallback(slow.work, { name: "slow", grace: 20 })("x"))
              yield* settle
              expect(interruptedOnly(yield* Fiber.interrupt(patient))).toBe(true)
              expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin", "leftover"])
              const abandoned = gated()
              const impatient = yield* Effect.fork(
                fromCallback(abandoned.work, { name: "abandoned", onInterrupt: "abandon" })("x")
              )
              yield* settle
              expect(interruptedOnly(yield* Fiber.interrupt(impatient))).toBe(true)
              const boom = new Error("boom")
              slow.done(null, "late")
              abandoned.done(boom)
              yield* settle
              expect(reports.slice(2)).toMatchObject([{ kind: "late", exception: boom }])
            }),
          { exceptionHandler, slowJoin: 5 }
        )
      }
    )

    it.live("J1 a real process is killed, and gone when the fiber ends", () =>
      withLoop(() =>
        Effect.gen(function* () {
          let child: childProcess.ChildProcess | undefined
          // One of its earlier signatures is chosen by a function that has it.
          const execFile = (
            file: string,
            args: Array<string>,
            done: (error: Error | null, out: string) => void
          ) => childProcess.execFile(file, args, done)
          const run = fromCallback(execFile, {
            cancel: (returned) => {
              child = returned
              returned.kill()
            },
            cancelled: () => true
          })
          const fiber = yield* Effect.fork(run(process.execPath, ["-e", "setInterval(() => {}, 1000)"]))
          yield* settle
          expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
          expect(child?.signalCode).toBe("SIGTERM")
        })
      )
    )
  })

  it.live(
    "S1 when the loop closes: the work is cancelled and joined, and its waiter fails with LoopClosedError",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const { done, work } = gated()
        const fiber = yield* Effect.scoped(
          Effect.gen(function* () {
            const loop = yield* open()
            const wrapped = fromCallback(work, {
              cancel: () => {
                log.push("cancel")
                setImmediate(() => done(Object.assign(new Error("aborted"), { code: "ABORT_ERR" })))
              }
            })
            const fiber = yield* Effect.forkDaemon(
              Effect.exit(Effect.provideService(wrapped("x"), Loop, loop))
            )
            yield* settle
            return fiber
          })
        )
        log.push("closed")
        expect(log).toEqual(["cancel", "closed"])
        expect(failureOf(yield* Fiber.join(fiber))).toBeInstanceOf(LoopClosedError)
      })
  )

  it.live(
    "C3 S4 loop.close() under it ends the wait; a callback that comes later is told of, never thrown at",
    () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open({ exceptionHandler })
          const on = Effect.provideService(Loop, loop)
          const boom = new Error("boom")
          const good = gated()
          const bad = gated()
          const first = yield* Effect.fork(on(fromCallback(good.work)("x")))
          const second = yield* Effect.fork(on(fromCallback(bad.work, { name: "bad" })("x")))
          yield* settle
          loop.close()
          expect(failureOf(yield* Fiber.await(first))).toBeInstanceOf(LoopClosedError)
          expect(failureOf(yield* Fiber.await(second))).toBeInstanceOf(LoopClosedError)
          good.done(null, "late")
          bad.done(boom)
          yield* settle
          expect(reports).toMatchObject([
            { kind: "late", message: "bad failed after its loop was closed", exception: boom }
          ])
          expect(failureOf(yield* Effect.exit(on(fromCallback(good.work)("x"))))).toBeInstanceOf(
            LoopClosedError
          )
          expect(good.begun()).toBe(1)
        })
      )
    }
  )

  it("B2 refuses bad arguments before anything is called", () => {
    for (const wrong of [undefined, null, 1, {}, Promise.resolve()]) {
      expect(() => fromCallback(wrong as never)).toThrow(/fromCallback takes a function/)
    }
    const f = (done: Done<string>): void => done(null)
    expect(() => fromCallback(f, { values: "some" as never })).toThrow(/"first" or "all"/)
    for (const key of ["cancel", "cancelled", "catch"]) {
      expect(() => fromCallback(f, { [key]: 1 } as never)).toThrow(new RegExp(`${key} is a function`))
    }
    expect(() => fromCallback(f, { onInterrupt: "kill" as never })).toThrow(/onInterrupt/)
    expect(() => fromCallback(f, { grace: NaN })).toThrow(/grace/)
  })
})
