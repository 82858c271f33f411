// Commands that are run for their output or their exit alone.
import { it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { describe, expect } from "vitest"
import { Loop, LoopClosedError } from "../../../src/index.js"
import { runForExit, runForOutput } from "../../../src/platform/commands/runToEnd.js"
import type { CommandPlan } from "../../../src/platform/commands/startCommand.js"
import { runs, until } from "../../fixtures/child/children.js"
import { scoped } from "../../support/scopedLoops.js"

const plan = (script: string, more?: Partial<CommandPlan<unknown>>): CommandPlan<unknown> => ({
  what: "a test",
  command: "sh",
  args: ["-c", script],
  shown: ["sh", "script"],
  shell: false,
  options: { killGrace: 50, stderr: "devnull" },
  fail: (method, error) => ({ method, error }),
  ...more
})

const output = (script: string, more?: Partial<CommandPlan<unknown>>) =>
  Effect.flatMap(Loop, (loop) => runForOutput(loop, plan(script, more)))

const exit = (script: string) => Effect.flatMap(Loop, (loop) => runForExit(loop, plan(script)))

const kinds: ReadonlyArray<readonly [string, (script: string) => Effect.Effect<unknown, unknown, Loop>]> = [
  ["output", output],
  ["exit", exit]
]

const running = Effect.map(Loop, (loop) => loop.statistics().processes)

describe("a command that is run to its end", () => {
  it.live("gives all that it writes, and its code", () =>
    scoped(
      Effect.gen(function* () {
        expect((yield* output("head -c 20000000 /dev/zero")).length).toBe(20_000_000)
        expect(String(yield* output("sleep 0.05; echo late"))).toBe("late\n")
        expect(String(yield* output("exit 3"))).toBe("")
        expect(yield* exit("head -c 20000000 /dev/zero; exit 3")).toBe(3)
        expect(yield* exit("kill -9 $$")).toBe(-9)
        expect(yield* running).toBe(0)
      })
    )
  )

  it.live("is ended, with its group, as soon as that is there", () =>
    scoped(
      Effect.gen(function* () {
        const [pid, group] = String(
          yield* output(
            "trap '' TERM; sleep 100 >/dev/null & echo $$ $!; exec >&-; while :; do sleep 0.01; done"
          )
        )
          .split(" ")
          .map(Number)
        expect([pid, group].map((one) => runs(one ?? 0))).toEqual([false, false])
        expect(yield* exit("sleep 100 & exit 0")).toBe(0)
        expect(yield* running).toBe(0)
      })
    )
  )

  it.live("takes what holds its output with it where it exits with an error, if that is asked for", () =>
    scoped(
      Effect.gen(function* () {
        expect(String(yield* output("echo out; sleep 100 & exit 3", { killsOnError: "SIGTERM" }))).toBe(
          "out\n"
        )
      })
    )
  )

  it.live("fails where it cannot be started, and with what is wrong with it", () =>
    scoped(
      Effect.gen(function* () {
        const missing = yield* Effect.flip(output("", { command: "no-such-program" }))
        expect(missing).toMatchObject({ method: "spawn", error: { _tag: "SpawnError", code: "ENOENT" } })
        expect(yield* Effect.flip(output("", { command: "" }))).toMatchObject({ method: "spawn" })
      })
    )
  )

  for (const [what, run] of kinds) {
    it.live(`for its ${what} has ended when its fiber was interrupted, in every turn of its start`, () =>
      scoped(
        Effect.gen(function* () {
          for (let turns = 0; turns < 8; turns++) {
            const fiber = yield* Effect.fork(run("trap '' TERM; while :; do sleep 0.01; done"))
            for (let i = 0; i < turns; i++)
              yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            const ended = yield* Fiber.interrupt(fiber)
            expect(Exit.isFailure(ended)).toBe(true)
            expect(yield* running).toBe(0)
          }
        })
      )
    )

    it.live(`for its ${what} fails where its loop closes under it, and is dead then`, () =>
      Effect.gen(function* () {
        const exits: Array<unknown> = []
        yield* scoped(
          Effect.gen(function* () {
            const ended = Effect.exit(run("while :; do sleep 0.01; done"))
            yield* Effect.forkDaemon(Effect.map(ended, (one) => exits.push(one)))
            const loop = yield* Loop
            yield* Effect.promise(() => until(() => loop.statistics().processes > 0))
          })
        )
        yield* Effect.promise(() => until(() => exits.length > 0))
        expect(JSON.stringify(exits)).toMatch(/LoopClosedError|-15/)
        const closed = yield* Effect.flatMap(
          scoped(Effect.map(Loop, (loop) => run("exit 0").pipe(Effect.provideService(Loop, loop)))),
          Effect.flip
        )
        expect(closed).toMatchObject({ method: "spawn" })
        expect((closed as { error: unknown }).error).toBeInstanceOf(LoopClosedError)
      })
    )
  }
})
