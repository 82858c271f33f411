// Commands on a loop, as far as no platform is needed for it.
// Covers: atMostASecond, commandPipes, CommandOptions, failure, killing, KeptOutput, shell, startCommand
import { it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { existsSync } from "node:fs"
import { describe, expect } from "vitest"
import { Loop, LoopClosedError, QueueFullError, SpawnError } from "../../../src/index.js"
import { atMostASecond } from "../../../src/platform/commands/atMostASecond.js"
import { failureOf, missingFolder } from "../../../src/platform/commands/failure.js"
import { shellWords } from "../../../src/platform/commands/shell.js"
import { type CommandPlan, startCommand } from "../../../src/platform/commands/startCommand.js"
import { runs, until, watchPid } from "../../fixtures/child/children.js"
import { collecting, scoped } from "../../support/scopedLoops.js"

/** What a test's commands fail with. */
class Failed extends Error {
  constructor(
    readonly method: string,
    override readonly cause: unknown
  ) {
    super(`${method}: ${String(cause)}`)
  }
}

const plan = (script: string, more?: Partial<CommandPlan<Failed>>): CommandPlan<Failed> => ({
  what: "a test",
  command: "sh",
  args: ["-c", script],
  shown: ["sh", "script"],
  shell: false,
  options: { killGrace: 50 },
  fail: (method, error) => new Failed(method, error),
  ...more
})

const start = (script: string, more?: Partial<CommandPlan<Failed>>) =>
  Effect.flatMap(Loop, (loop) =>
    Effect.tap(startCommand(loop, plan(script, more)), ({ pid }) => Effect.sync(() => watchPid(pid)))
  )

/** In a Scope and a loop of its own. */
const inside = <A, E, R>(effect: Effect.Effect<A, E, R>, options?: Parameters<typeof scoped>[1]) =>
  scoped(Effect.scoped(effect), options)

const size = (stream: Stream.Stream<Uint8Array, Failed>) =>
  Stream.runFold(stream, 0, (n, chunk) => n + chunk.length)

describe("what nobody reads", () => {
  it.live(
    "is kept to 16 MiB a pipe while somebody waits, then the command waits, and the loop says so",
    () => {
      const { exceptionHandler, reports } = collecting()
      return inside(
        Effect.gen(function* () {
          const more = yield* start("head -c 20000000 /dev/zero; exit 3")
          const exit = yield* Effect.fork(more.exitCode)
          yield* Effect.promise(() => until(() => reports.length > 0))
          expect(reports[0]?.message).toMatch(/exitCode waits for pid \d+: sh script, whose stdout is full/)
          expect(yield* size(more.read(1, "read"))).toBe(20_000_000)
          expect(yield* Fiber.join(exit)).toBe(3)
        }),
        { exceptionHandler, slowJoin: 500 }
      )
    }
  )

  it.live("waits in the pipe while nobody waits for the command", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* start("head -c 1000000 /dev/zero; exit 3")
        yield* Effect.sleep(50)
        expect(yield* child.isRunning).toBe(true)
        expect(yield* size(child.read(1, "read"))).toBe(1_000_000)
        expect(yield* child.exitCode).toBe(3)
      })
    )
  )

  it.live("is dropped where nobody will", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* start("head -c 50000000 /dev/zero; exit 3")
        child.drop(1)
        child.drop(2)
        child.drop(7)
        expect(yield* child.exitCode).toBe(3)
        expect(yield* size(child.read(1, "read"))).toBe(0)
      })
    )
  )
})

describe("a command that is killed", () => {
  it.live("and heeds the signal is waited for with its group, at most a second", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* start("trap 'exit 0' TERM; (trap '' TERM; echo ready; sleep 100) & wait")
        yield* Stream.runHead(child.read(1, "read"))
        const began = performance.now()
        yield* child.kill("SIGTERM")
        expect(performance.now() - began).toBeGreaterThan(990)
        expect(yield* child.isRunning).toBe(false)
      })
    )
  )

  it.live("gets SIGKILL, with its group, where it has not ended in its time", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* start("trap '' TERM; sleep 100 & echo ready; sleep 100")
        yield* Stream.runHead(child.read(1, "read"))
        yield* child.kill("SIGTERM", 50)
        expect(runs(child.pid)).toBe(false)
        expect(yield* child.exitCode).toBe(-9)
        const [leader, group] = [yield* start("(trap '' TERM; echo; sleep 100) & exit 0"), 50]
        yield* Stream.runHead(leader.read(1, "read"))
        expect(yield* leader.exitCode).toBe(0)
        yield* leader.kill("SIGTERM", group)
        const gone = yield* Effect.flip(leader.kill("SIGTERM"))
        expect(gone.method).toBe("kill")
      })
    )
  )

  it.live("takes what it has started with it where it exits with an error, if that is asked for", () =>
    inside(
      Effect.gen(function* () {
        for (const [code, alive] of [
          [3, false],
          [0, true]
        ] as const) {
          const child = yield* start(
            `sleep 100 >/dev/null 2>&1 & echo $!; exec >&-; read line; exit ${code}`,
            {
              killsOnError: "SIGKILL"
            }
          )
          const pid = Number(yield* Stream.mkString(Stream.decodeText(child.read(1, "read"))))
          yield* Stream.run(Stream.make("go\n"), child.write(0, "write"))
          yield* child.exitCode
          if (!alive) yield* Effect.promise(() => until(() => !runs(pid)))
          expect(runs(pid)).toBe(alive)
        }
      })
    )
  )
})

describe("what is fed to a command", () => {
  it.live("ends with the Scope of the command, before it", () =>
    inside(
      Effect.gen(function* () {
        const log: Array<string> = []
        const begun = yield* Deferred.make<void>()
        const say = (word: string) => Effect.sync(() => log.push(word))
        const input = Stream.ensuring(
          Stream.concat(Stream.drain(Stream.fromEffect(Deferred.succeed(begun, undefined))), Stream.never),
          say("input")
        )
        const fed = Effect.gen(function* () {
          yield* Effect.addFinalizer(() => say("Scope"))
          const cat = yield* start("cat")
          yield* cat.feed(0, input)
          yield* Deferred.await(begun)
        })
        yield* Effect.scoped(fed)
        expect(log).toEqual(["input", "Scope"])
      })
    )
  )

  it.live("ends with the Scope also where the command was started in an uninterruptible region", () =>
    inside(
      Effect.scoped(Effect.uninterruptible(Effect.flatMap(start("cat"), (cat) => cat.feed(0, Stream.never))))
    )
  )
})

describe("startCommand", () => {
  it.live("fails with what is wrong with its words, its folder and its loop", () =>
    inside(
      Effect.gen(function* () {
        const failing = (more: Partial<CommandPlan<Failed>>) => Effect.flip(start("exit", more))
        expect((yield* failing({ command: "" })).cause).toBeInstanceOf(RangeError)
        expect((yield* failing({ args: ["a\0"] })).cause).toBeInstanceOf(TypeError)
        const missing = yield* failing({ command: "no-such-program", shown: ["shown"] })
        expect(missing).toMatchObject({ method: "spawn", cause: { _tag: "SpawnError", command: "shown" } })
      })
    )
  )
})

describe("a script", () => {
  it("is run by the system's shell, or by that of a path", () => {
    expect(shellWords(true, "a b")).toEqual(["/bin/sh", ["-c", "a b"]])
    expect(shellWords("/bin/bash", "a b")).toEqual(["/bin/bash", ["-c", "a b"]])
  })
})

describe("the fields of a failure", () => {
  const system = (code: string) => Object.assign(new Error(`spawn x ${code}`), { code, syscall: "spawn x" })
  const spawnError = (code: string) =>
    new SpawnError({ command: "x", cwd: undefined, code, why: "so", cause: system(code) })

  it.each([
    ["ENOENT", "NotFound"],
    ["EACCES", "PermissionDenied"],
    ["EPERM", "PermissionDenied"],
    ["ENOTDIR", "BadResource"],
    ["EISDIR", "BadResource"],
    ["ELOOP", "BadResource"],
    ["EEXIST", "AlreadyExists"],
    ["EBUSY", "Busy"],
    ["EMFILE", "Unknown"],
    ["toString", "Unknown"]
  ])("have the system's %s as %s", (code, reason) => {
    const error = spawnError(code)
    expect(failureOf(error)).toEqual({
      reason,
      syscall: "spawn x",
      description: `spawn x ${code}`,
      cause: error
    })
    expect(failureOf(system(code))).toMatchObject({ reason, syscall: "spawn x" })
  })

  it("have a closed loop as what is of no use, a full one as busy, and all else as unknown", () => {
    expect(failureOf(new LoopClosedError("closed")).reason).toBe("BadResource")
    expect(failureOf(Object.create(QueueFullError.prototype)).reason).toBe("Busy")
    expect(failureOf("oops")).toEqual({
      reason: "Unknown",
      syscall: undefined,
      description: "oops",
      cause: "oops"
    })
  })

  it("have a folder that is not there as the file system does", () => {
    expect(missingFolder(undefined)).toBeUndefined()
    expect(missingFolder("/")).toBeUndefined()
    expect(existsSync("/nowhere")).toBe(false)
    expect(missingFolder("/nowhere")).toMatchObject({ code: "ENOENT", syscall: "access" })
  })
})

describe("atMostASecond", () => {
  it.live("waits for what comes, and for what does not a second of real time", () =>
    Effect.gen(function* () {
      yield* atMostASecond(Effect.void)
      const exit = yield* Effect.exit(atMostASecond(Effect.fail("oops")))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("oops")
      const began = performance.now()
      yield* atMostASecond(Effect.never)
      expect(performance.now() - began).toBeGreaterThan(990)
    })
  )
})
