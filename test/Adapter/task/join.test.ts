/**
 * Every adapter, stopped at every moment: before the start, while waiting, in cleanup, afterwards, and refusing.
 *
 * Covers: join, runTask, Runner
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, type Scope } from "effect"
import {
  acquireAio,
  type AioOptions,
  type EventLoop,
  fromAio,
  type Future,
  type Handle,
  Loop,
  runAioCoroutine,
  runAioFuture,
  runEffect,
  toAio
} from "../../../src/index.js"
import { interruptedAtOnce } from "../../support/border.js"
import { collecting, forever, scoped, settle } from "../../support/scopedLoops.js"

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

/** What the work does: it waits for `wait`, and its cleanup for `cleanup`. Both are logged. */
interface Work {
  readonly loop: EventLoop
  readonly log: Array<string>
  readonly wait: Future<string>
  readonly cleanup: Future<void>
}

const workOn = (loop: EventLoop): Work => ({
  loop,
  log: [],
  wait: loop.createFuture<string>(),
  cleanup: loop.createFuture<void>()
})

const body = async ({ cleanup, log, wait }: Work): Promise<string> => {
  log.push("begins")
  try {
    return await wait
  } finally {
    log.push("cleans up")
    await cleanup
    log.push("has ended")
  }
}

const steps = function* ({ cleanup, log, wait }: Work) {
  log.push("begins")
  try {
    return yield* wait
  } finally {
    log.push("cleans up")
    yield* cleanup
    log.push("has ended")
  }
}

/** Work that takes no cancel: it waits for a promise whatever happens. */
const refuses = async (promise: Promise<string>): Promise<string> => await promise

const refusingSteps = function* (loop: EventLoop, promise: Promise<string>) {
  for (;;) {
    try {
      return yield* loop.wrapFuture(promise)
    } catch (error) {
      if (loop.isClosed()) throw error
    }
  }
}

type Waits = Effect.Effect<string, unknown, Loop | Scope.Scope>

interface IntoAio {
  readonly name: string
  readonly effect: (work: Work) => Waits
  readonly refusing: (loop: EventLoop, promise: Promise<string>, options: AioOptions) => Waits
  /** The promise runs already, and heeds nothing. */
  readonly deaf?: true
  /** It has no `grace`. */
  readonly patient?: true
}

const intoAio: ReadonlyArray<IntoAio> = [
  {
    name: "fromAio(fn)",
    effect: (work) => fromAio(() => body(work))(),
    refusing: (_, promise, options) => fromAio(() => refuses(promise), options)()
  },
  {
    name: "fromAio(promise)",
    deaf: true,
    effect: (work) => Effect.suspend(() => fromAio(body(work))),
    refusing: (_, promise, options) => fromAio(promise, options)
  },
  {
    name: "runAioFuture",
    effect: (work) => Effect.suspend(() => runAioFuture(work.loop.createTask(() => body(work)))),
    refusing: (loop, promise, options) =>
      Effect.suspend(() =>
        runAioFuture(
          loop.createTask(() => refuses(promise)),
          options
        )
      )
  },
  {
    name: "runAioCoroutine(async)",
    effect: (work) => runAioCoroutine(() => body(work)),
    refusing: (_, promise, options) => runAioCoroutine(() => refuses(promise), options)
  },
  {
    name: "runAioCoroutine(generator)",
    effect: (work) => runAioCoroutine(() => steps(work)),
    refusing: (loop, promise, options) => runAioCoroutine(() => refusingSteps(loop, promise), options)
  },
  {
    name: "acquireAio",
    patient: true,
    effect: (work) => acquireAio({ open: () => body(work), close: () => {} }),
    refusing: (_, promise) => acquireAio({ open: () => refuses(promise), close: () => {} })
  }
]

describe("a fiber that waits for aio work is interrupted", () => {
  for (const { deaf, effect, name, patient, refusing } of intoAio) {
    const started = (work: Work) => Effect.fork(Effect.scoped(effect(work)))

    if (deaf !== true) {
      it.live(`${name}: before the start, nothing begins`, () =>
        scoped(
          Effect.gen(function* () {
            const work = workOn(yield* Loop)
            expect(interruptedOnly(yield* interruptedAtOnce(work.loop, Effect.scoped(effect(work))))).toBe(
              true
            )
            yield* settle
            expect(work.log).toEqual([])
          })
        )
      )

      it.live(`${name}: while it waits, the work is cancelled and joined`, () =>
        scoped(
          Effect.gen(function* () {
            const work = workOn(yield* Loop)
            const fiber = yield* started(work)
            yield* settle
            const interrupting = yield* Effect.fork(
              Effect.tap(Fiber.interrupt(fiber), () => work.log.push("fiber ended"))
            )
            yield* settle
            work.log.push("gate opens")
            work.cleanup.setResult()
            expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
            expect(work.log).toEqual(["begins", "cleans up", "gate opens", "has ended", "fiber ended"])
            expect(work.wait.cancelled()).toBe(true)
          })
        )
      )

      it.live(`${name}: in its cleanup, the cleanup is cancelled in turn, and joined`, () =>
        scoped(
          Effect.gen(function* () {
            const work = workOn(yield* Loop)
            const fiber = yield* started(work)
            yield* settle
            work.wait.setResult("value")
            yield* settle
            expect(work.log).toEqual(["begins", "cleans up"])
            expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
            expect(work.cleanup.cancelled()).toBe(true)
            expect(work.log).toEqual(["begins", "cleans up"])
          })
        )
      )
    } else {
      it.live(`${name}: while it waits, the promise is joined`, () =>
        scoped(
          Effect.gen(function* () {
            const work = workOn(yield* Loop)
            for (const turns of [0, 1]) {
              const own = workOn(work.loop)
              const fiber = yield* started(own)
              yield* turns === 0 ? Effect.yieldNow() : settle
              const interrupting = yield* Effect.fork(
                Effect.tap(Fiber.interrupt(fiber), () => own.log.push("fiber ended"))
              )
              yield* settle
              own.wait.setResult("value")
              own.cleanup.setResult()
              expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
              expect(own.log).toEqual(["begins", "cleans up", "has ended", "fiber ended"])
            }
          })
        )
      )
    }

    it.live(`${name}: after it has settled, the interruption changes nothing`, () =>
      scoped(
        Effect.gen(function* () {
          const work = workOn(yield* Loop)
          const fiber = yield* started(work)
          yield* settle
          work.wait.setResult("value")
          work.cleanup.setResult()
          yield* settle
          expect(yield* Fiber.interrupt(fiber)).toEqual(Exit.succeed("value"))
          expect(yield* Loop.statistics).toMatchObject({ tasks: 0, late: 0 })
        })
      )
    )

    if (patient !== true) {
      it.live(`${name}: refusing, it is left after its grace, and reported`, () => {
        const { exceptionHandler, reports } = collecting()
        return scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            let arrive = (_: string): void => {}
            const promise = new Promise<string>((resolve) => (arrive = resolve))
            const fiber = yield* Effect.fork(Effect.scoped(refusing(loop, promise, { grace: 10 })))
            yield* settle
            expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
            expect(reports.map((r) => r.kind)).toEqual(["leftover"])
            expect(loop.statistics().tasks).toBe(1)
            arrive("late")
            yield* settle
            expect(loop.statistics()).toMatchObject({ tasks: 0, timers: 0, late: 1 })
          }),
          { exceptionHandler }
        )
      })
    }

    it.live(`${name}: refusing, the loop's deadline ends it, and names it`, () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.gen(function* () {
        let exit: Exit.Exit<string, unknown> | undefined
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            yield* Effect.forkDaemon(
              Effect.onExit(Effect.scoped(refusing(loop, forever(), {})), (end) =>
                Effect.sync(() => (exit = end))
              )
            )
            yield* settle
          }),
          { exceptionHandler, closeDeadline: 20 }
        )
        yield* settle
        expect(reports.map((r) => r.kind)).toEqual(["leftover"])
        expect(exit).toMatchObject(Exit.fail({ _tag: "LoopClosedError" }))
      })
    })
  }
})

interface IntoEffect {
  readonly name: string
  readonly start: (
    effect: Effect.Effect<string>,
    loop: EventLoop
  ) => Effect.Effect<Future<string> | Handle, never, Loop>
}

const intoEffect: ReadonlyArray<IntoEffect> = [
  {
    name: "toAio",
    start: (effect) =>
      Effect.map(
        toAio(() => effect),
        (f) => f()
      )
  },
  { name: "effectAsFuture", start: (effect, loop) => Effect.sync(() => loop.effectAsFuture(effect)) },
  {
    name: "runEffect",
    start: (effect) =>
      Effect.map(Effect.orDie(fromAio(() => ({ future: runEffect(effect) }))()), ({ future }) => future)
  },
  { name: "runEffectTask", start: (effect, loop) => Effect.sync(() => loop.runEffectTask(effect)) }
]

describe("an Effect that aio code runs is cancelled", () => {
  for (const { name, start } of intoEffect) {
    /** An Effect over the same gates. */
    const effectOf = ({ cleanup, log, wait }: Work): Effect.Effect<string> => {
      const on = <A>(future: Future<A>) =>
        Effect.async<A>((resume) => future.addDoneCallback((f) => resume(Effect.succeed(f.result()))))
      return Effect.gen(function* () {
        log.push("begins")
        return yield* on(wait)
      }).pipe(
        Effect.ensuring(
          Effect.suspend(() => {
            log.push("cleans up")
            return Effect.tap(on(cleanup), () => log.push("has ended"))
          })
        )
      )
    }

    if (name !== "runEffect") {
      it.live(`${name}: before the start, nothing begins`, () =>
        scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const work = workOn(loop)
            const future = yield* start(effectOf(work), loop)
            future.cancel()
            expect(future.cancelled()).toBe(true)
            yield* settle
            expect(work.log).toEqual([])
          })
        )
      )
    }

    it.live(`${name}: while it waits, the fiber is interrupted and its cleanup awaited`, () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const work = workOn(loop)
          const future = yield* start(effectOf(work), loop)
          yield* settle
          future.cancel()
          future.cancel("again")
          yield* settle
          expect(work.log).toEqual(["begins", "cleans up"])
          if ("done" in future) expect(future.done()).toBe(false)
          expect(loop.statistics().effects).toBe(1)
          work.cleanup.setResult()
          yield* settle
          expect(work.log).toEqual(["begins", "cleans up", "has ended"])
          if ("done" in future) expect(future.cancelled()).toBe(true)
          expect(loop.statistics().effects).toBe(0)
        })
      )
    )

    it.live(`${name}: in its cleanup, the cleanup is not broken`, () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const work = workOn(loop)
          const future = yield* start(effectOf(work), loop)
          yield* settle
          work.wait.setResult("value")
          yield* settle
          expect(work.log).toEqual(["begins", "cleans up"])
          future.cancel()
          yield* settle
          work.cleanup.setResult()
          yield* settle
          expect(work.log).toEqual(["begins", "cleans up", "has ended"])
          expect(loop.statistics().effects).toBe(0)
          if ("done" in future) expect(future.done()).toBe(true)
        })
      )
    )

    it.live(`${name}: after it has ended, the cancel changes nothing`, () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const work = workOn(loop)
          const future = yield* start(effectOf(work), loop)
          yield* settle
          work.wait.setResult("value")
          work.cleanup.setResult()
          yield* settle
          if ("done" in future) {
            expect(future.cancel()).toBe(false)
            expect(future.result()).toBe("value")
          } else {
            future.cancel()
            expect(future.cancelled()).toBe(false)
          }
          yield* settle
          expect(loop.statistics()).toMatchObject({ effects: 0, late: 0 })
        })
      )
    )

    it.live(`${name}: refusing, the loop's deadline leaves it, and names it`, () => {
      const { exceptionHandler, reports } = collecting()
      let end = (): void => {}
      let loop: EventLoop | undefined
      return Effect.gen(function* () {
        yield* scoped(
          Effect.gen(function* () {
            loop = yield* Loop
            const future = yield* start(
              Effect.uninterruptible(
                Effect.async<string>((resume) => {
                  end = () => resume(Effect.succeed("late"))
                })
              ),
              loop
            )
            yield* settle
            future.cancel()
            yield* settle
            if ("done" in future) expect(future.done()).toBe(false)
          }),
          { exceptionHandler, closeDeadline: 20 }
        )
        expect(reports.map((r) => r.kind)).toEqual(["leftover"])
        end()
        yield* settle
        expect(loop?.statistics().effects).toBe(0)
      })
    })
  }
})
