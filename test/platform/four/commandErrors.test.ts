// What goes wrong with a command: the platform's own typed errors, and nothing is left behind.
// Covers: commandError
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { afterAll, describe, expect, it } from "vitest"
import { Loop, LoopClosedError, SpawnError } from "../../../src/index.js"
import { LoopChildProcessSpawner } from "../../../src/platform/index.js"
import { openFds, until } from "../../fixtures/child/children.js"
import { bytes, exitCode, onLoop, sh, start, string } from "./commands.js"

const folder = mkdtempSync(join(tmpdir(), "commands-"))
afterAll(() => rmSync(folder, { recursive: true }))

const plain = join(folder, "plain")
writeFileSync(plain, "no program\n", { mode: 0o644 })
const noInterpreter = join(folder, "script")
writeFileSync(noInterpreter, "#!/nowhere/sh\n", { mode: 0o755 })

/** What it fails with; no process and no descriptor is left of it. */
const failing = (command: ChildProcess.Command): Promise<PlatformError.PlatformError> =>
  onLoop(
    Effect.gen(function* () {
      const loop = yield* Loop
      const before = openFds().length
      const error = yield* Effect.flip(string(command))
      expect(loop.statistics().processes).toBe(0)
      yield* Effect.promise(() => until(() => openFds().length <= before))
      return error
    })
  )

const ls = (options?: ChildProcess.CommandOptions) => ChildProcess.make("ls", [], options)

const cases: ReadonlyArray<readonly [string, ChildProcess.Command, Record<string, unknown>]> = [
  [
    "that does not exist",
    ChildProcess.make("no-such-program", ["a", "b c"]),
    {
      _tag: "NotFound",
      module: "ChildProcess",
      method: "spawn",
      pathOrDescriptor: "no-such-program a 'b c'",
      syscall: "spawn no-such-program"
    }
  ],
  [
    "whose interpreter does not exist",
    ChildProcess.make(noInterpreter),
    { _tag: "NotFound", method: "spawn" }
  ],
  [
    "that may not be executed",
    ChildProcess.make(plain),
    { _tag: "PermissionDenied", module: "ChildProcess", method: "spawn", syscall: `spawn ${plain}` }
  ],
  [
    "in a folder that does not exist",
    ls({ cwd: "/some/bad/path" }),
    {
      _tag: "NotFound",
      module: "FileSystem",
      method: "access",
      pathOrDescriptor: "/some/bad/path",
      syscall: "access"
    }
  ],
  [
    "in a folder without a name",
    ls({ cwd: "" }),
    { _tag: "NotFound", module: "FileSystem", method: "access", pathOrDescriptor: "" }
  ],
  [
    "in a folder that is a file",
    ls({ cwd: plain }),
    { _tag: "BadResource", module: "ChildProcess", method: "spawn", pathOrDescriptor: "ls" }
  ],
  [
    "with more words than the system takes",
    ChildProcess.make("echo", ["x".repeat(2 ** 22)]),
    { _tag: "Unknown", method: "spawn" }
  ],
  [
    "whose shell does not exist",
    ChildProcess.make("echo", [], { shell: "/nowhere/sh" }),
    { _tag: "NotFound", method: "spawn", pathOrDescriptor: "echo" }
  ]
]

describe("a command", () => {
  for (const [what, command, expected] of cases) {
    it(`${what} fails with a SystemError, and leaves nothing`, async () => {
      const error = await failing(command)
      expect(error).toBeInstanceOf(PlatformError.PlatformError)
      expect(error.reason).toMatchObject(expected)
    })
  }

  it("that cannot be started is told of as the loop does, in the cause", async () => {
    const { cause } = await failing(ls({ cwd: "/some/bad/path" }))
    expect(cause).toBeInstanceOf(SpawnError)
    expect(String(cause)).toContain("cannot start ls: its working directory /some/bad/path does not exist")
  })

  const arguments_: ReadonlyArray<readonly [string, ChildProcess.Command, RegExp]> = [
    ["without a name", ChildProcess.make(""), /the program is empty/],
    ["with a NUL in its name", ChildProcess.make("a\0b"), /The command contains a NUL character/],
    ["with a NUL in a word", ChildProcess.make("echo", ["a\0b"]), /Argument 1 contains a NUL character/],
    ["with a NUL in a variable", ls({ env: { A: "a\0b" } }), /The environment variable A contains a NUL/],
    ["with a variable that has no name", ls({ env: { "": "a" } }), /cannot be the name of a variable/],
    ["with words beside a script", ChildProcess.make("echo", ["a"], { shell: true }), /cannot be combined/],
    ["with a forceKillAfter that is none", ls({ forceKillAfter: -1 }), /killGrace is a duration from 0 on/],
    ["with a killSignal that is none", ls({ killSignal: "SIGNOPE" as never }), /killSignal is a name like/]
  ]
  for (const [what, command, message] of arguments_) {
    it(`${what} fails with a BadArgument`, async () => {
      const { reason } = await failing(command)
      expect(reason).toBeInstanceOf(PlatformError.BadArgument)
      expect(reason).toMatchObject({ module: "ChildProcess", method: "spawn" })
      expect(reason.message).toMatch(message)
    })
  }

  it("has no secret in its errors, whatever is wrong", async () => {
    const secret = Redacted.make("hunter2")
    const commands = [
      ChildProcess.make("no-such-program", [secret, "shown"]),
      ChildProcess.make(plain, [secret]),
      ls({ cwd: plain, env: { A: secret } }),
      ChildProcess.make("ls", [secret], { cwd: "/some/bad/path" }),
      ChildProcess.make("ls", [Redacted.make("hunter2\0")]),
      ls({ env: { A: Redacted.make("hunter2\0") } }),
      ChildProcess.make("ls", [Redacted.make("hunter2".repeat(2 ** 20))])
    ]
    for (const command of commands) {
      const error = await failing(command)
      const shown = `${inspect(error, { depth: 20 })} ${String(error.stack)} ${Cause.pretty(Cause.fail(error))}`
      expect(shown).not.toContain("hunter2")
    }
    expect((await failing(commands[0] as ChildProcess.Command)).message).toContain(
      "no-such-program <redacted> shown"
    )
  })

  it("one of several that cannot be started fails, and those before it are ended", () =>
    onLoop(
      Effect.gen(function* () {
        const loop = yield* Loop
        const first = sh("exec sleep 100")
        const { make, pipeTo } = ChildProcess
        for (const command of [
          make("nope").pipe(pipeTo(make("cat"))),
          first.pipe(pipeTo(make("nope")), pipeTo(make("cat"))),
          first.pipe(pipeTo(make("nope")))
        ]) {
          const { reason } = yield* Effect.flip(string(command))
          expect(reason).toMatchObject({ _tag: "NotFound", pathOrDescriptor: "nope" })
          expect(loop.statistics().processes).toBe(0)
        }
      })
    ))

  it("that a signal has ended fails with that when its exit code is asked for", () =>
    onLoop(
      Effect.gen(function* () {
        const killed = sh("kill -9 $$")
        const expected = {
          _tag: "Unknown",
          module: "ChildProcess",
          method: "exitCode",
          description: "Process interrupted due to receipt of signal: 'SIGKILL'"
        }
        expect((yield* Effect.flip(exitCode(killed))).reason).toMatchObject(expected)
        const child = yield* start(killed)
        expect((yield* Effect.flip(child.exitCode)).reason).toMatchObject(expected)
        expect((yield* Effect.flip(child.exitCode)).reason).toMatchObject(expected)
      })
    ))

  it("that has exited cannot be killed, and one that runs by no signal that there is none of", () =>
    onLoop(
      Effect.gen(function* () {
        const child = yield* start(ChildProcess.make`sleep 100`)
        const failsWith = (options?: ChildProcess.KillOptions) =>
          Effect.map(Effect.flip(child.kill(options)), ({ reason }) => reason)
        expect(yield* failsWith({ killSignal: "SIGNOPE" as never })).toMatchObject({
          _tag: "Unknown",
          method: "kill"
        })
        expect(yield* failsWith({ forceKillAfter: -1 })).toMatchObject({
          _tag: "BadArgument",
          method: "kill"
        })
        expect(yield* child.isRunning).toBe(true)
        yield* child.kill({ killSignal: "SIGINT" })
        expect(yield* failsWith()).toMatchObject({
          _tag: "Unknown",
          module: "ChildProcess",
          method: "kill",
          pathOrDescriptor: "sleep 100"
        })
      })
    ))
})

describe("what goes in", () => {
  it("fails with its own failure when the exit code is asked for, before the exit", () =>
    onLoop(
      Effect.gen(function* () {
        const failure = PlatformError.systemError({ _tag: "Busy", module: "Stream", method: "test" })
        const input = Stream.concat(bytes("some"), Stream.fail(failure))
        const child = yield* start(sh("cat; exec sleep 100", { stdin: input }))
        expect(yield* Effect.flip(child.exitCode)).toBe(failure)
        expect(yield* child.isRunning).toBe(true)
        const other = yield* start(
          sh("cat <&3; exec sleep 100", { additionalFds: { fd3: { type: "input", stream: input } } })
        )
        expect(yield* Effect.flip(other.exitCode)).toBe(failure)
        const defect = yield* start(sh("cat", { stdin: Stream.die("oops") }))
        const exit = yield* Effect.exit(defect.exitCode)
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe("oops")
      })
    ))

  it("need not be taken: a command that closes its stdin fails nobody but who writes by hand", () =>
    onLoop(
      Effect.gen(function* () {
        const deaf = (options?: ChildProcess.CommandOptions) =>
          sh("exec 0<&-; echo closed; sleep 0.05", options)
        const much = bytes("x".repeat(2 ** 20))
        expect(yield* string(deaf({ stdin: much }))).toBe("closed\n")
        expect(yield* exitCode(deaf({ stdin: Stream.forever(much) }))).toBe(0)
        const child = yield* start(deaf())
        const { reason } = yield* Effect.flip(Stream.run(much, child.stdin))
        expect(reason).toMatchObject({ module: "ChildProcess", method: "fromWritable(stdin)" })
      })
    ))

  it("fails after its end, and so does a Stream that was left or is read already", () =>
    onLoop(
      Effect.gen(function* () {
        const cat = yield* start(ChildProcess.make`cat`)
        yield* Stream.run(bytes("x"), cat.stdin)
        const again = yield* Effect.flip(Stream.run(bytes("y"), cat.stdin))
        expect(again.message).toMatch(/stdin of pid \d+: cat was written to its end/)
        const child = yield* start(sh("echo a; sleep 100; echo b"))
        yield* Stream.runHead(child.stdout)
        const left = yield* Effect.flip(Stream.runDrain(child.stdout))
        expect(left.reason).toMatchObject({ _tag: "Unknown", method: "fromReadable(stdout)" })
        expect(left.message).toMatch(/stdout of pid \d+: sh -c .* was closed before its end/)
        yield* Effect.forkScoped(Effect.exit(Stream.runDrain(child.stderr)))
        yield* Effect.yieldNow
        const read = yield* Effect.flip(Stream.runDrain(child.stderr))
        expect(read.message).toMatch(/stderr of pid \d+: sh -c .* is read already/)
      })
    ))
})

describe("a layer", () => {
  it("without a loop is a type error, and a defect that names the loop", async () => {
    const program = Effect.provide(string(ChildProcess.make`echo`), LoopChildProcessSpawner.layer())
    // @ts-expect-error there is no Loop
    const exit = await Effect.runPromiseExit(program)
    expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toMatch(/effect-aio\/Loop/)
  })

  it("whose loop is closed fails its commands with a SystemError, and what is left of one as well", async () => {
    const escaped = Effect.gen(function* () {
      return [yield* ChildProcessSpawner, yield* start(ChildProcess.make`sleep 100`)] as const
    })
    const [spawner, child] = await onLoop(escaped, { killGrace: 50 })
    const closed = await Effect.runPromise(Effect.flip(spawner.string(ChildProcess.make`echo a`)))
    expect(closed.reason).toMatchObject({
      _tag: "BadResource",
      module: "ChildProcess",
      method: "spawn",
      pathOrDescriptor: "echo a"
    })
    expect(closed.cause).toBeInstanceOf(LoopClosedError)
    const failed = <A>(effect: Effect.Effect<A, PlatformError.PlatformError>) =>
      Effect.runPromise(Effect.map(Effect.flip(effect), ({ reason }) => reason))
    expect(await failed(child.exitCode)).toMatchObject({ method: "exitCode" })
    expect(await failed(Stream.runDrain(child.stdout))).toMatchObject({ method: "fromReadable(stdout)" })
    expect(await Effect.runPromise(child.isRunning)).toBe(false)
  })
})
