// Loop.subprocess when its Scope closes: in every state of the child, of its streams, and of the loop.
import { it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scope, Stream, TestClock } from "effect"
import fc from "fast-check"
import { spawnSync } from "node:child_process"
import { describe, expect } from "vitest"
import {
  type EventLoop,
  Loop,
  LoopClosedError,
  LoopCrash,
  type Subprocess,
  type SubprocessOptions
} from "../../../src/index.js"
import { exists, openFds, runs, until, watchPid } from "../../fixtures/child/children.js"
import { interruptedAtOnce } from "../../support/border.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"

const sh = (command: string, options?: SubprocessOptions) =>
  Effect.tap(Loop.subprocess("sh", ["-c", command], options), ({ pid }) => Effect.sync(() => watchPid(pid)))

/** Its first chunk, as text: the rest stays in a pipe that is closed. */
const first = (child: Subprocess) =>
  Effect.map(Stream.runHead(Stream.decodeText(child.stdout)), (chunk) =>
    String(chunk.pipe((o) => ("value" in o ? o.value : "")))
  )

const eventually = (f: () => boolean) => Effect.promise(() => until(f))

/** Runs `use` in a Scope of its own on a loop of its own; afterwards nothing is left. */
const leavesNothing = <A, E>(
  use: (loop: EventLoop) => Effect.Effect<A, E, Loop | Scope.Scope>,
  options?: Parameters<typeof scoped>[1]
) =>
  Effect.gen(function* () {
    const before = openFds()
    const exit = yield* Effect.exit(
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const inner = yield* Effect.exit(Effect.scoped(use(loop)))
          expect(loop.statistics().processes).toBe(0)
          // Whoever reads from outside of the Scope is told by the closing, and ends a moment later.
          yield* eventually(() => loop.statistics().timers === 0)
          yield* eventually(() => openFds().length <= before.length)
          return yield* inner
        }),
        options
      )
    )
    yield* eventually(() => openFds().length <= before.length)
    return exit
  })

describe("a Scope that closes", () => {
  it.live("terminates the child and its group, and waits for them", () =>
    leavesNothing(() =>
      Effect.gen(function* () {
        const child = yield* sh("sleep 100 & echo $!; wait")
        const grandchild = Number(yield* first(child))
        yield* Effect.addFinalizer(() => Effect.sync(() => expect(runs(child.pid)).toBe(true)))
        return [child.pid, grandchild]
      })
    ).pipe(
      Effect.map((exit) => expect(Exit.isSuccess(exit) && exit.value.filter(runs)).toEqual([])),
      Effect.asVoid
    )
  )

  it.live("kills what ignores SIGTERM after its grace, grandchildren without a leader as well", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      yield* leavesNothing(() =>
        Effect.gen(function* () {
          for (const command of [
            "trap '' TERM; sleep 100 & echo $!; sleep 100",
            "trap '' TERM; sleep 100 >/dev/null & echo $!"
          ]) {
            const child = yield* sh(command, { killGrace: "50 millis" })
            seen.push(Number(yield* first(child)))
          }
          expect(seen.every(runs)).toBe(true)
        })
      )
      expect(seen.filter(runs)).toEqual([])
    })
  )

  it.live("gives a child that heeds SIGTERM the time to finish", () =>
    Effect.gen(function* () {
      const codes: Array<number> = []
      yield* leavesNothing(() =>
        Effect.gen(function* () {
          const child = yield* sh("trap 'sleep 0.1; exit 9' TERM; echo ready; while :; do sleep 0.01; done", {
            killGrace: "1 hour",
            stderr: "devnull"
          })
          yield* Effect.forkDaemon(Effect.map(child.exitCode, (code) => codes.push(code)))
          const ready = yield* Deferred.make<void>()
          yield* Effect.forkScoped(Stream.runForEach(child.stdout, () => Deferred.succeed(ready, undefined)))
          yield* Deferred.await(ready)
        })
      )
      yield* eventually(() => codes.length > 0)
      expect(codes).toEqual([9])
    })
  )

  const states: ReadonlyArray<
    readonly [string, (child: Subprocess) => Effect.Effect<unknown, unknown, Scope.Scope>]
  > = [
    ["nobody has touched", () => Effect.void],
    [
      "nobody reads what it writes",
      (child) => eventually(() => runs(child.pid)).pipe(Effect.zipRight(settle))
    ],
    ["has exited", (child) => Effect.zipRight(child.kill, child.exitCode)],
    ["has just been killed", (child) => child.kill],
    ["was told to end", (child) => child.terminate],
    ["is stopped", (child) => child.sendSignal("SIGSTOP")],
    ["was killed from outside", (child) => Effect.sync(() => process.kill(child.pid, "SIGKILL"))],
    ["is being read", (child) => Effect.forkScoped(Stream.runDrain(child.stdout))],
    [
      "is being read by somebody outside",
      (child) => Effect.forkDaemon(Effect.exit(Stream.runDrain(child.stdout)))
    ],
    [
      "is being written to, and does not read",
      (child) => Effect.forkScoped(Stream.run(Stream.repeatValue(new Uint8Array(65_536)), child.stdin))
    ],
    ["is being waited for", (child) => Effect.forkScoped(child.exitCode)],
    ["is being waited for by somebody outside", (child) => Effect.forkDaemon(child.exitCode)]
  ]
  for (const [state, use] of states) {
    for (const command of ["exec yes", "trap '' TERM; yes", "exec sleep 100"]) {
      it.live(`leaves nothing of a child that ${state}: ${command}`, () =>
        Effect.map(
          leavesNothing(() =>
            Effect.gen(function* () {
              const child = yield* sh(command, { killGrace: "50 millis", stderr: "devnull" })
              yield* use(child)
              yield* settle
            })
          ),
          (exit) => expect(Exit.isSuccess(exit)).toBe(true)
        )
      )
    }
  }

  it.live("at once, in a fiber that is interrupted in every turn of the start, leaves nothing", () =>
    leavesNothing((loop) =>
      Effect.gen(function* () {
        const one = Effect.scoped(Effect.zipRight(sh("sleep 100", { stderr: "stdout" }), Effect.never))
        yield* interruptedAtOnce(loop, one)
        for (let turns = 0; turns < 15; turns++) {
          const fiber = yield* Effect.fork(one)
          for (let i = 0; i < turns; i++)
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* Fiber.interrupt(fiber)
          expect(loop.statistics().processes).toBe(0)
        }
      })
    ).pipe(Effect.map((exit) => expect(Exit.isSuccess(exit)).toBe(true)))
  )

  it.live("that takes long is reported once, by pid and command", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* leavesNothing(
        () =>
          Effect.gen(function* () {
            const child = yield* sh("trap '' TERM; echo ready; while :; do sleep 100; done", {
              killGrace: 200
            })
            yield* first(child)
          }),
        { exceptionHandler, slowJoin: 20 }
      )
      expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
      expect(reports[0]?.message).toMatch(/pid \d+: sh -c .* \(terminating\), which has not ended/)
    })
  )

  it.live("J6 that takes long in a program that is being stopped is reported once as well", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const ready = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        scoped(
          Effect.scoped(
            Effect.gen(function* () {
              const child = yield* sh("trap '' TERM; echo ready; while :; do sleep 100; done", {
                killGrace: 200
              })
              yield* first(child)
              yield* Deferred.succeed(ready, undefined)
              yield* Effect.never
            })
          ),
          { exceptionHandler, slowJoin: 20 }
        )
      )
      yield* Deferred.await(ready)
      yield* Fiber.interrupt(fiber)
      expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
    })
  )

  it.effect("L4 under a TestClock ends in real time, and at once when the clock has moved by the grace", () =>
    Effect.gen(function* () {
      const codes: Array<number> = []
      const close = (killGrace: number, use: Effect.Effect<void>) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const child = yield* Scope.extend(
            sh("trap '' TERM; echo ready; while :; do sleep 100; done", { killGrace }),
            scope
          )
          yield* first(child)
          const code = yield* Effect.fork(child.exitCode)
          const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
          yield* settle
          yield* use
          yield* Fiber.join(closing)
          codes.push(yield* Fiber.join(code))
        })
      yield* scoped(
        Effect.zipRight(close(50, Effect.void), close(100_000, TestClock.adjust("100 seconds"))),
        { closeDeadline: Infinity, slowJoin: Infinity }
      )
      expect(codes).toEqual([-9, -9])
    })
  )

  it.live("zombies that nobody reaps do not hold it up", () =>
    Effect.gen(function* () {
      // The leader L forks P, which leaves the group; P forks C, which goes back into it, ends, and is never reaped.
      const program =
        `$| = 1; $g = $$; pipe(R, W); if (!fork) { setpgrp(0, 0); if (!($c = fork)) { setpgrp(0, $g); exit 0 }` +
        ` open(S, "/proc/$c/stat"), $_ = <S>, select(undef, undef, undef, 0.01) until /\\) Z/; print W "$$\\n"; close W;` +
        ` close STDOUT; sleep 100; exit } close W; $p = <R>; print $p; exit 0`
      if (spawnSync("perl", ["-v"]).error !== undefined) return
      let left = 0
      yield* leavesNothing(() =>
        Effect.gen(function* () {
          const child = yield* Loop.subprocess("perl", ["-e", program], { killGrace: "1 hour" })
          left = Number(yield* first(child))
          expect(yield* child.exitCode).toBe(0)
          expect(() => process.kill(-child.pid, 0)).not.toThrow()
        })
      )
      expect(runs(left)).toBe(true)
      process.kill(left, "SIGKILL")
    })
  )
})

describe("a loop that ends under it", () => {
  it.live("C3 fails reads, writes and waits with LoopClosedError, and its Scope closes all the same", () =>
    Effect.gen(function* () {
      const before = openFds()
      const exits = yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open(collecting())
          const child = yield* Effect.provideService(
            sh("trap '' TERM; sleep 100", { killGrace: "1 hour" }),
            Loop,
            loop
          )
          const fibers = yield* Effect.all([
            Effect.fork(Stream.runDrain(child.stdout)),
            Effect.fork(Stream.run(Stream.repeatValue(new Uint8Array(65_536)), child.stdin)),
            Effect.fork(child.exitCode)
          ])
          yield* settle
          loop.close()
          const ended = yield* Effect.all(fibers.map((fiber) => Fiber.await<unknown, unknown>(fiber)))
          yield* eventually(() => !exists(child.pid))
          expect(yield* child.exitCode).toBe(-9)
          return ended
        })
      )
      for (const exit of exits)
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopClosedError)
      yield* eventually(() => openFds().length <= before.length)
    })
  )

  it.live("C1 a crash ends the body with the child, in order", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const exit = yield* leavesNothing(
        (loop) =>
          Effect.gen(function* () {
            const child = yield* sh("exec sleep 100")
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`running ${runs(child.pid)}`)))
            loop.callSoon(() => loop._crashWith(new Error("boom"), "the test"))
            yield* Stream.runDrain(child.stdout)
          }),
        collecting()
      )
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopCrash)
      expect(log).toEqual(["running true"])
    })
  )

  it.live("S2 past the deadline the child is killed, although its grace is not over", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      let pid = 0
      const fiber = yield* Effect.fork(
        scoped(
          Effect.scoped(
            Effect.gen(function* () {
              const child = yield* sh("trap '' TERM; echo ready; while :; do sleep 100; done", {
                killGrace: "1 hour"
              })
              yield* first(child)
              pid = child.pid
              yield* Effect.never
            })
          ),
          { exceptionHandler, closeDeadline: 50, slowJoin: 1e6 }
        )
      )
      yield* eventually(() => pid !== 0)
      yield* Fiber.interrupt(fiber)
      expect(reports.map(({ kind }) => kind)).toEqual(["leftover"])
      expect(reports[0]?.message).toMatch(new RegExp(`process +pid ${pid}: sh .*terminating`))
      yield* eventually(() => !exists(pid))
    })
  )

  it.live(
    "S1 what its closing has cut off is no end of the output: a Layer's user reads LoopClosedError",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(open(collecting()), scope)
        const inner = yield* Scope.make()
        const child = yield* Effect.provideService(
          Scope.extend(sh("echo begun; exec sleep 100"), inner),
          Loop,
          loop
        )
        const chunks: Array<string> = []
        const reading = yield* Effect.fork(
          Stream.runForEach(Stream.decodeText(child.stdout), (chunk) => Effect.sync(() => chunks.push(chunk)))
        )
        yield* eventually(() => chunks.length > 0)
        yield* Scope.close(scope, Exit.void)
        const exit = yield* Fiber.await(reading)
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopClosedError)
        expect(yield* child.exitCode).toBe(-15)
        yield* Scope.close(inner, Exit.void)
      })
  )
})

describe("any order of reading, writing, signals and leaving", () => {
  const step = fc.constantFrom("read", "write", "wait", "term", "stop", "turn", "turn", "group")
  it("leaves nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 6 }),
        fc.constantFrom("yes", "cat", "exit 0"),
        async (steps, program) => {
          const exit = await Effect.runPromise(
            leavesNothing(() =>
              Effect.gen(function* () {
                const child = yield* sh(program, { killGrace: 20, stderr: "stdout" })
                for (const one of steps) {
                  if (one === "read") yield* Effect.forkScoped(Effect.exit(Stream.runDrain(child.stdout)))
                  else if (one === "write") {
                    yield* Effect.forkScoped(
                      Effect.exit(Stream.run(Stream.make("x".repeat(100_000)), child.stdin))
                    )
                  } else if (one === "wait") yield* Effect.forkScoped(child.exitCode)
                  else if (one === "term") yield* Effect.ignore(child.terminate)
                  else if (one === "stop") yield* Effect.ignore(child.sendSignal("SIGSTOP"))
                  else if (one === "group")
                    yield* Effect.ignore(Effect.try(() => process.kill(-child.pid, "SIGHUP")))
                  else yield* settle
                }
              })
            )
          )
          expect(Exit.isSuccess(exit)).toBe(true)
        }
      ),
      { numRuns: 60 }
    )
  })
})
