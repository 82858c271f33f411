// What goes wrong with a command: the platform's own typed errors, and nothing is left behind.
// Covers: commandError
import * as Command from "@effect/platform/Command"
import * as CommandExecutor from "@effect/platform/CommandExecutor"
import { BadArgument, type PlatformError, SystemError } from "@effect/platform/Error"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { Loop, LoopClosedError, SpawnError } from "../../../src/index.js"
import { LoopCommandExecutor } from "../../../src/platform/index.js"
import { openFds, until } from "../../fixtures/child/children.js"
import { bytes, onLoop, sh, start } from "./commands.js"

const folder = mkdtempSync(join(tmpdir(), "commands-"))
afterAll(() => rmSync(folder, { recursive: true }))

const plain = join(folder, "plain")
writeFileSync(plain, "no program\n", { mode: 0o644 })
const noInterpreter = join(folder, "script")
writeFileSync(noInterpreter, "#!/nowhere/sh\n", { mode: 0o755 })

/** What it fails with; no process and no descriptor is left of it. */
const failing = (command: Command.Command): Promise<PlatformError> =>
  onLoop(
    Effect.gen(function* () {
      const loop = yield* Loop
      const before = openFds().length
      const error = yield* Effect.flip(Command.string(command))
      expect(loop.statistics().processes).toBe(0)
      yield* Effect.promise(() => until(() => openFds().length <= before))
      return error
    })
  )

const ls = Command.make("ls")
const cases: ReadonlyArray<readonly [string, Command.Command, Record<string, unknown>]> = [
  [
    "that does not exist",
    Command.make("no-such-program", "a", "b c"),
    {
      reason: "NotFound",
      module: "Command",
      method: "spawn",
      pathOrDescriptor: "no-such-program a b c",
      syscall: "spawn no-such-program",
      description: "spawn no-such-program ENOENT"
    }
  ],
  ["whose interpreter does not exist", Command.make(noInterpreter), { reason: "NotFound", method: "spawn" }],
  [
    "that may not be executed",
    Command.make(plain),
    {
      reason: "PermissionDenied",
      module: "Command",
      method: "spawn",
      pathOrDescriptor: `${plain} `,
      syscall: `spawn ${plain}`,
      description: `spawn ${plain} EACCES`
    }
  ],
  [
    "in a folder that does not exist",
    ls.pipe(Command.workingDirectory("/some/bad/path")),
    {
      reason: "NotFound",
      module: "FileSystem",
      method: "access",
      pathOrDescriptor: "/some/bad/path",
      syscall: "access",
      description: "ENOENT: no such file or directory, access '/some/bad/path'"
    }
  ],
  [
    "in a folder without a name",
    ls.pipe(Command.workingDirectory("")),
    { reason: "NotFound", module: "FileSystem", method: "access", pathOrDescriptor: "" }
  ],
  [
    "in a folder that is a file",
    ls.pipe(Command.workingDirectory(plain)),
    { reason: "BadResource", module: "Command", method: "spawn", pathOrDescriptor: "ls " }
  ],
  [
    "with more words than the system takes",
    Command.make("echo", "x".repeat(2 ** 22)),
    { reason: "Unknown", method: "spawn" }
  ],
  [
    "whose shell does not exist",
    Command.make("echo").pipe(Command.runInShell("/nowhere/sh")),
    { reason: "NotFound", method: "spawn", pathOrDescriptor: "echo " }
  ]
]

describe("a command", () => {
  for (const [what, command, expected] of cases) {
    it(`${what} fails with a SystemError, and leaves nothing`, async () => {
      const error = await failing(command)
      expect(error).toBeInstanceOf(SystemError)
      expect(error).toMatchObject(expected)
    })
  }

  it("that cannot be started is told of as the loop does, in the cause", async () => {
    const { cause } = (await failing(ls.pipe(Command.workingDirectory("/some/bad/path")))) as SystemError
    expect(cause).toBeInstanceOf(SpawnError)
    expect(String(cause)).toContain("cannot start ls: its working directory /some/bad/path does not exist")
  })

  const arguments_: ReadonlyArray<readonly [string, Command.Command, RegExp]> = [
    ["without a name", Command.make(""), /the program is empty/],
    ["with a NUL in a word", Command.make("echo", "a\0b"), /argument 0 contains a NUL byte/],
    ["with a NUL in a variable", ls.pipe(Command.env({ A: "a\0b" })), /env.A contains a NUL byte/],
    [
      "with a variable that has no name",
      ls.pipe(Command.env({ "": "a" })),
      /cannot be the name of a variable/
    ]
  ]
  for (const [what, command, message] of arguments_) {
    it(`${what} fails with a BadArgument`, async () => {
      const error = await failing(command)
      expect(error).toBeInstanceOf(BadArgument)
      expect(error).toMatchObject({ module: "Command", method: "spawn" })
      expect(error.message).toMatch(message)
    })
  }

  it("one of several that cannot be started fails, and those before it are ended", () =>
    onLoop(
      Effect.gen(function* () {
        const loop = yield* Loop
        const file = join(folder, "pid")
        const first = sh(`echo $$ > ${file}; exec sleep 100`)
        for (const command of [
          Command.make("nope").pipe(Command.pipeTo(Command.make("cat"))),
          first.pipe(Command.pipeTo(Command.make("nope")), Command.pipeTo(Command.make("cat"))),
          first.pipe(Command.pipeTo(Command.make("nope")))
        ]) {
          const error = yield* Effect.flip(Command.string(command))
          expect(error).toMatchObject({ _tag: "SystemError", reason: "NotFound", pathOrDescriptor: "nope " })
          expect(loop.statistics().processes).toBe(0)
        }
      })
    ))

  it("that a signal has ended fails with that when its exit code is asked for", () =>
    onLoop(
      Effect.gen(function* () {
        const killed = sh("kill -9 $$")
        const expected = {
          _tag: "SystemError",
          reason: "Unknown",
          module: "Command",
          method: "exitCode",
          description: "Process interrupted due to receipt of signal: SIGKILL"
        }
        expect(yield* Effect.flip(Command.exitCode(killed))).toMatchObject(expected)
        const child = yield* start(killed)
        expect(yield* Effect.flip(child.exitCode)).toMatchObject(expected)
        expect(yield* Effect.flip(child.exitCode)).toMatchObject(expected)
      })
    ))

  it("that has exited cannot be killed, and one that runs by no signal that there is none of", () =>
    onLoop(
      Effect.gen(function* () {
        const child = yield* start(Command.make("sleep", "100"))
        expect(yield* Effect.flip(child.kill("SIGNOPE" as never))).toMatchObject({
          _tag: "SystemError",
          method: "kill"
        })
        yield* child.kill("SIGINT")
        expect(yield* Effect.flip(child.kill())).toMatchObject({
          reason: "Unknown",
          module: "Command",
          method: "kill",
          pathOrDescriptor: "sleep 100"
        })
      })
    ))

  it("in an encoding that there is none of is a RangeError", () =>
    onLoop(
      Effect.gen(function* () {
        for (const run of [
          Command.string(Command.make("echo"), "nope"),
          Command.lines(Command.make("echo"), "nope")
        ]) {
          const exit = yield* Effect.exit(
            Effect.asVoid<unknown, unknown, CommandExecutor.CommandExecutor>(run)
          )
          expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(RangeError)
        }
      })
    ))
})

describe("what goes in", () => {
  it("fails with its own failure when the exit code is asked for, before the exit", () =>
    onLoop(
      Effect.gen(function* () {
        const failure = new SystemError({ reason: "Busy", module: "Stream", method: "test" })
        const input = Stream.concat(bytes("some"), Stream.fail(failure))
        const child = yield* start(sh("cat; exec sleep 100").pipe(Command.stdin(input)))
        expect(yield* Effect.flip(child.exitCode)).toBe(failure)
        expect(yield* child.isRunning).toBe(true)
        const defect = yield* start(sh("cat").pipe(Command.stdin(Stream.die("oops"))))
        const exit = yield* Effect.exit(defect.exitCode)
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("oops")
      })
    ))

  it("need not be taken: a command that closes its stdin fails nobody but who writes by hand", () =>
    onLoop(
      Effect.gen(function* () {
        const deaf = sh("exec 0<&-; echo closed; sleep 0.05")
        const much = bytes("x".repeat(2 ** 20))
        expect(yield* Command.string(deaf.pipe(Command.stdin(much)))).toBe("closed\n")
        expect(yield* Command.exitCode(deaf.pipe(Command.stdin(Stream.forever(much))))).toBe(0)
        const child = yield* start(deaf)
        expect(yield* Effect.flip(Stream.run(much, child.stdin))).toMatchObject({
          _tag: "SystemError",
          module: "Command",
          method: "toWritable"
        })
      })
    ))

  it("fails after its end, and so does a Stream that was left or is read already", () =>
    onLoop(
      Effect.gen(function* () {
        const cat = yield* start(Command.make("cat"))
        yield* Stream.run(bytes("x"), cat.stdin)
        const again = yield* Effect.flip(Stream.run(bytes("y"), cat.stdin))
        expect(again.message).toMatch(/stdin of pid \d+: cat was written to its end/)
        const child = yield* start(sh("echo a; sleep 100; echo b"))
        yield* Stream.runHead(child.stdout)
        const left = yield* Effect.flip(Stream.runDrain(child.stdout))
        expect(left).toMatchObject({ _tag: "SystemError", method: "fromReadable(stdout)" })
        expect(left.message).toMatch(/stdout of pid \d+: sh -c .* was closed before its end/)
        yield* Effect.forkScoped(Effect.exit(Stream.runDrain(child.stderr)))
        yield* Effect.yieldNow()
        const read = yield* Effect.flip(Stream.runDrain(child.stderr))
        expect(read.message).toMatch(/stderr of pid \d+: sh -c .* is read already/)
      })
    ))
})

describe("a layer", () => {
  it("without a loop is a type error, and a defect that names the loop", async () => {
    const program = Effect.provide(Command.string(Command.make("echo")), LoopCommandExecutor.layer())
    // @ts-expect-error there is no Loop
    const exit = await Effect.runPromiseExit(program)
    expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toMatch(/effect-aio\/Loop/)
  })

  it("whose loop is closed fails its commands with a SystemError, and what is left of one as well", async () => {
    const escaped = Effect.gen(function* () {
      const executor = yield* CommandExecutor.CommandExecutor
      return [executor, yield* start(Command.make("sleep", "100"))] as const
    })
    const [executor, child] = await onLoop(escaped, { killGrace: 50 })
    const closed = await Effect.runPromise(Effect.flip(executor.string(Command.make("echo", "a"))))
    expect(closed).toMatchObject({
      _tag: "SystemError",
      reason: "BadResource",
      module: "Command",
      method: "spawn",
      pathOrDescriptor: "echo a"
    })
    expect((closed as SystemError).cause).toBeInstanceOf(LoopClosedError)
    const wait = Effect.flip(child.exitCode)
    expect(await Effect.runPromise(wait)).toMatchObject({ _tag: "SystemError", method: "exitCode" })
    expect(await Effect.runPromise(Effect.flip(Stream.runDrain(child.stdout)))).toMatchObject({
      _tag: "SystemError",
      method: "fromReadable(stdout)"
    })
    expect(await Effect.runPromise(child.isRunning)).toBe(false)
  })
})
