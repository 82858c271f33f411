// How commands end: by interruption, with their loop, and with the process; nothing of them outlives any of these.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { Loop } from "../../../src/index.js"
import { exists, runs, until } from "../../fixtures/child/children.js"
import { later, programsOf, TIMEOUT } from "../../support/programs.js"
import { onLoop, sh, start } from "./commands.js"

/** Ignores SIGTERM, as what it has started does, and says which pids they have. */
const family = sh("trap '' TERM; sleep 100 & echo $$ $!; while :; do sleep 0.01; done")

const pidsOf = (line: string): ReadonlyArray<number> => line.trim().split(" ").map(Number)

/** Started, and the pids of both. */
const started = Effect.flatMap(start(family), (child) =>
  Effect.map(Stream.runHead(Stream.splitLines(Stream.decodeText(child.stdout))), (line) => ({
    child,
    pids: line._tag === "Some" ? pidsOf(line.value) : []
  }))
)

describe("a command", () => {
  it("that ignores SIGTERM is killed after killGrace where its fiber is interrupted, with what it has started", () =>
    onLoop(
      Effect.gen(function* () {
        const loop = yield* Loop
        let pids: ReadonlyArray<number> = []
        const fiber = yield* Effect.fork(
          Effect.scoped(
            Effect.zipRight(
              Effect.map(started, (both) => (pids = both.pids)),
              Effect.never
            )
          )
        )
        yield* Effect.promise(() => until(() => pids.length === 2))
        expect(pids.map(runs)).toEqual([true, true])
        const began = performance.now()
        yield* Fiber.interrupt(fiber)
        expect(pids.map(runs)).toEqual([false, false])
        expect(performance.now() - began).toBeGreaterThan(95)
        // The default would be two seconds.
        expect(performance.now() - began).toBeLessThan(1_900)
        expect(loop.statistics().processes).toBe(0)
      }),
      { killGrace: 100 }
    ))

  it("that has exited takes what it has started with it, whatever its code", () =>
    onLoop(
      Effect.gen(function* () {
        for (const code of [0, 3]) {
          let orphan = 0
          const exit = Effect.gen(function* () {
            const child = yield* start(sh(`sleep 100 >/dev/null 2>&1 & echo $!; exit ${code}`))
            orphan = Number(yield* Stream.mkString(Stream.decodeText(child.stdout)))
            expect(yield* child.exitCode).toBe(code)
            expect(runs(orphan)).toBe(true)
          })
          yield* Effect.scoped(exit)
          expect(runs(orphan)).toBe(false)
        }
      })
    ))

  it("is killed with all that it has started, by any signal, and who kills it waits for that", () =>
    onLoop(
      Effect.gen(function* () {
        const { child, pids } = yield* started
        yield* child.kill("SIGKILL")
        expect(yield* child.isRunning).toBe(false)
        yield* Effect.promise(() => until(() => !pids.some(runs)))
        const told = yield* start(sh("trap 'exit 4' USR1; echo ready; while :; do sleep 0.01; done"))
        yield* Stream.runHead(told.stdout)
        yield* told.kill("SIGUSR1")
        expect(yield* told.exitCode).toBe(4)
      })
    ))

  it("that goes on after a signal keeps who sent it waiting, until they are interrupted", () =>
    onLoop(
      Effect.gen(function* () {
        const { child } = yield* started
        const killing = yield* Effect.fork(child.kill())
        yield* Effect.sleep(50)
        expect(yield* Fiber.poll(killing)).toMatchObject({ _tag: "None" })
        yield* Fiber.interrupt(killing)
        expect(yield* child.isRunning).toBe(true)
      }),
      { killGrace: 50 }
    ))

  it("is named with its line where its loop closes past the deadline, and dead then", async () => {
    const messages: Array<string> = []
    let pids: ReadonlyArray<number> = []
    await onLoop(
      Effect.gen(function* () {
        // Nobody closes this Scope.
        const both = yield* Scope.extend(started, yield* Scope.make())
        pids = both.pids
      }),
      {
        killGrace: "1 hour",
        closeDeadline: 100,
        slowJoin: "1 hour",
        exceptionHandler: (_, report) => void messages.push(report.message)
      }
    )
    expect(messages.join("\n")).toMatch(
      new RegExp(`process +pid ${pids[0]}: sh -c .*trap.* terminating +its exit +LoopCommandExecutor`)
    )
    await until(() => !pids.some(exists))
  })
})

const program = programsOf("test/fixtures/platform/three/commands.ts")

/** Started, and the pids of the command and of what it has started. */
const running = async (name: string) => {
  const child = program(name)
  await child.until("ready")
  return child
}

const familyOf = (output: string): ReadonlyArray<number> => {
  const [, pids = ""] = /pids (\d+ \d+)/.exec(output) ?? []
  return pidsOf(pids)
}

describe.concurrent("a program with a command that ignores SIGTERM", () => {
  it("ends in time when it is told to stop, and nothing is left (S1)", { timeout: TIMEOUT }, async () => {
    const child = await running("graceful")
    child.kill("SIGTERM")
    const ended = await child.ended
    expect(ended.code).toBe(143)
    expect(familyOf(ended.output).map(runs)).toEqual([false, false])
  })

  it("leaves nothing of it at its deadline, and names it (S2, S7)", { timeout: TIMEOUT }, async () => {
    const child = await running("hour")
    child.kill("SIGTERM")
    const ended = await child.ended
    expect(ended.code).toBe(143)
    expect(ended.output).toMatch(/process +pid \d+: sh -c .*trap/)
    expect(familyOf(ended.output).map(runs)).toEqual([false, false])
  })

  it("leaves nothing of it at a second signal, and names it (S7)", { timeout: TIMEOUT }, async () => {
    const child = await running("patient")
    child.kill("SIGTERM")
    await child.until("finalizing")
    await later()
    child.kill("SIGTERM")
    const ended = await child.ended
    expect(ended.code).toBe(143)
    expect(ended.output).toMatch(/leaving at once; not stopped:[^]*process +pid \d+: sh -c .*trap/)
    expect(familyOf(ended.output).map(runs)).toEqual([false, false])
  })
})
