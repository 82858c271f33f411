// The platform's commands on the loop's processes: what goes in, what comes out, who waits for whom.
// Covers: commandExecutor, LoopProcess, Part, Pipeline
import * as Command from "@effect/platform/Command"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { runs, until } from "../../fixtures/child/children.js"
import { bytes, onLoop, type Program, sh, start, text } from "./commands.js"

const folder = mkdtempSync(join(tmpdir(), "commands-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** The numbers in a file, one in a line. */
const readLines = (file: string): ReadonlyArray<number> =>
  readFileSync(file, "utf8").trim().split("\n").filter(Boolean).map(Number)

const works = <A, E>(title: string, program: () => Program<A, E>, timeout?: number) =>
  it(title, () => onLoop(Effect.suspend(program)), timeout)

const gives = <A, E>(title: string, program: () => Program<A, E>, value: A) =>
  works(title, () => Effect.map(program(), (given) => expect(given).toEqual(value)))

const echo = (...args: Array<string>) => Command.make("echo", ...args)

describe("what a command writes", () => {
  gives("is a string", () => Command.string(echo("-n", "test")), "test")
  gives("is a string in another encoding", () => Command.string(sh("printf '\\351'"), "latin1"), "é")
  gives("is lines", () => Command.lines(echo("-n", "1\n2\n3")), ["1", "2", "3"])
  gives("is no line where there is nothing", () => Command.lines(sh("exit 0")), [])
  gives(
    "is a Stream of lines",
    () => Effect.map(Stream.runCollect(Command.streamLines(echo("-n", "1\n2\n3"))), Chunk.toArray),
    ["1", "2", "3"]
  )
  gives("is a Stream of bytes", () => text(Command.stream(echo("-n", "1\n2\n3"))), "1\n2\n3")
  gives(
    "is whole characters, wherever the chunks of it end",
    () => Command.lines(sh("printf 'a\\303'; sleep 0.1; printf '\\251b\\n'")),
    ["aéb"]
  )
  gives(
    "is what the command's Sinks make of it",
    () =>
      Effect.gen(function* () {
        const count = Sink.map(
          Sink.foldLeft(0, (n: number, chunk: Uint8Array) => n + chunk.length),
          (n) => new Uint8Array([n])
        )
        const child = yield* start(
          sh("printf abc; printf defgh >&2").pipe(Command.stdout(count), Command.stderr(count))
        )
        return [
          Chunk.toArray(yield* Stream.runCollect(child.stdout)).map((chunk) => [...chunk]),
          Chunk.toArray(yield* Stream.runCollect(child.stderr)).map((chunk) => [...chunk])
        ]
      }),
    [[[3]], [[5]]]
  )
  gives(
    "comes as it is written, while the command runs",
    () =>
      Effect.gen(function* () {
        const child = yield* start(sh("echo one; read line; echo two $line"))
        const go = yield* Deferred.make<string>()
        yield* Effect.forkScoped(
          Stream.run(Stream.encodeText(Stream.fromEffect(Deferred.await(go))), child.stdin)
        )
        const seen: Array<string> = []
        yield* Stream.runForEach(Stream.decodeText(child.stdout), (line) => {
          seen.push(line)
          return Deferred.succeed(go, "go\n")
        })
        return seen
      }),
    ["one\n", "two go\n"]
  )
  gives(
    "is there when it is read after the exit, and nothing when it is read again",
    () =>
      Effect.gen(function* () {
        const child = yield* start(sh("echo tail; echo words >&2"))
        yield* child.exitCode
        return [yield* text(child.stdout), yield* text(child.stdout), yield* text(child.stderr)]
      }),
    ["tail\n", "", "words\n"]
  )
  gives(
    "is empty where the command has this process's own descriptors",
    () =>
      Effect.gen(function* () {
        const child = yield* start(
          sh("exit 0").pipe(Command.stdin("inherit"), Command.stdout("inherit"), Command.stderr("inherit"))
        )
        yield* Stream.run(bytes("dropped"), child.stdin)
        return [yield* text(child.stdout), yield* text(child.stderr), yield* child.exitCode]
      }),
    ["", "", 0]
  )
})

describe("what a command reads", () => {
  gives("is fed", () => Command.string(Command.make("cat").pipe(Command.feed("piped in"))), "piped in")
  gives(
    "is a Stream",
    () => Command.string(Command.make("sort").pipe(Command.stdin(bytes("z\n", "y\n")))),
    "y\nz\n"
  )
  gives(
    "is nothing, which is an end of file",
    () => Effect.map(Command.string(Command.make("wc", "-c").pipe(Command.stdin(Stream.empty))), Number),
    0
  )
  gives(
    "is what is run into its stdin, by one Stream",
    () =>
      Effect.gen(function* () {
        const cat = yield* start(Command.make("cat"))
        yield* Stream.run(bytes("some ", "data"), cat.stdin)
        return yield* text(cat.stdout)
      }),
    "some data"
  )
  gives(
    "need not be all of it: head takes a line of a Stream without end, which is ended",
    () =>
      Effect.gen(function* () {
        const ended = yield* Deferred.make<string>()
        const endless = Stream.ensuring(Stream.forever(bytes("y\n")), Deferred.succeed(ended, "ended"))
        const line = yield* Command.string(Command.make("head", "-n1").pipe(Command.stdin(endless)))
        return [line, yield* Deferred.await(ended)]
      }),
    ["y\n", "ended"]
  )
  gives(
    "is 1 MiB, which comes back",
    () =>
      Effect.map(
        Command.string(Command.make("cat").pipe(Command.stdin(bytes("x".repeat(2 ** 20))))),
        ({ length }) => length
      ),
    2 ** 20
  )
})

describe("how a command runs", () => {
  gives(
    "with variables over this process's own",
    () =>
      Command.string(
        sh('echo "$A-$B-${PATH:+path}"').pipe(Command.env({ A: "a", B: "b" }), Command.env({ B: "c" }))
      ),
    "a-c-path\n"
  )
  gives(
    "with variables of its own only",
    () => Command.string(Command.make("/usr/bin/env").pipe(Command.env({ A: "a" }, { extendEnv: false }))),
    "A=a\n"
  )
  gives(
    "in its folder",
    () => Command.string(Command.make("pwd").pipe(Command.workingDirectory("/usr"))),
    "/usr\n"
  )
  gives(
    "in the system's shell, where its words are a script",
    () => Command.string(echo("a b", "$((1+1))", "$0").pipe(Command.runInShell(true))),
    "a b 2 /bin/sh\n"
  )
  gives(
    "in a shell by its path",
    () => Command.string(echo("${BASH_VERSION:+bash}").pipe(Command.runInShell("/bin/bash"))),
    "bash\n"
  )
  gives("to its exit, whose code is no failure", () => Command.exitCode(sh("exit 3")), 3 as never)
  works("with a pid, and as what it shows itself", () =>
    Effect.gen(function* () {
      const child = yield* start(Command.make("sleep", "100"))
      expect(yield* child.isRunning).toBe(true)
      expect(JSON.parse(JSON.stringify(child))).toEqual({
        _id: "@effect/platform/CommandExecutor/Process",
        pid: child.pid
      })
      expect(String(child)).toContain(String(child.pid))
      expect(runs(child.pid)).toBe(true)
      yield* child.kill()
      expect(yield* child.isRunning).toBe(false)
    })
  )
  it.skipIf(process.getuid?.() !== 0)("as another user and group", () =>
    onLoop(
      Effect.gen(function* () {
        // The platform has the fields, and nothing yet that sets them.
        const [command] = Command.flatten(sh("id -u; id -g"))
        const nobody = { ...command, uid: Option.some(65_534), gid: Option.some(65_534) }
        const asNobody = Object.assign(sh(""), nobody)
        expect(yield* Command.lines(asNobody)).toEqual(["65534", "65534"])
      })
    )
  )
})

describe("commands that read each other", () => {
  const numbers = echo("2\n1\n3")
  const cat = Command.make("cat")
  const sort = Command.make("sort")
  const head = Command.make("head", "-n2")
  gives(
    "give what the last one writes",
    () => Command.lines(numbers.pipe(Command.pipeTo(cat), Command.pipeTo(sort))),
    ["1", "2", "3"]
  )
  gives(
    "may be put together in any order",
    () =>
      Command.lines(numbers.pipe(Command.pipeTo(cat.pipe(Command.pipeTo(sort.pipe(Command.pipeTo(head))))))),
    ["1", "2"]
  )
  gives(
    "read what is fed to the first",
    () => Command.lines(cat.pipe(Command.pipeTo(sort), Command.pipeTo(head), Command.feed("2\n1\n3"))),
    ["1", "2"]
  )
  gives(
    "read what is run into the stdin of the first",
    () =>
      Effect.gen(function* () {
        const child = yield* start(cat.pipe(Command.pipeTo(sort)))
        yield* Stream.run(bytes("b\n", "a\n"), child.stdin)
        return [yield* text(child.stdout), yield* child.exitCode]
      }),
    ["a\nb\n", 0]
  )
  gives(
    "end when the last one has enough",
    () => Command.string(Command.make("yes").pipe(Command.pipeTo(Command.make("head", "-n1")))),
    "y\n"
  )
  gives(
    "are not held up by what the first ones say on stderr",
    () => Command.string(sh("head -c 1000000 /dev/zero >&2; echo done").pipe(Command.pipeTo(cat))),
    "done\n"
  )
  works("are all ended by kill, and with their Scope at once", () =>
    Effect.gen(function* () {
      const file = join(folder, "pids")
      const stubborn = sh(`trap '' TERM; echo $$ >> ${file}; while :; do sleep 0.01; done`)
      const pids = () => readLines(file)
      writeFileSync(file, "")
      const three = stubborn.pipe(Command.pipeTo(stubborn), Command.pipeTo(stubborn))
      let began = 0
      yield* Effect.scoped(
        Effect.zipRight(
          start(three),
          Effect.promise(async () => {
            await until(() => pids().length === 3)
            began = performance.now()
          })
        )
      )
      expect(pids().map((pid) => runs(pid))).toEqual([false, false, false])
      // One after the other would take three times killGrace.
      expect(performance.now() - began).toBeLessThan(850)
      writeFileSync(file, "")
      const child = yield* start(three)
      yield* Effect.promise(() => until(() => pids().length === 3))
      yield* child.kill("SIGKILL")
      expect(pids().map((pid) => runs(pid))).toEqual([false, false, false])
    })
  )
})

describe("what nobody reads does not hold a command up", () => {
  const loud = sh("head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero; echo done; exit 3")
  works("where its output is a string, lines, a Stream, or asked for its exit code", () =>
    Effect.gen(function* () {
      expect((yield* Command.string(loud)).length).toBe(1_000_005)
      expect((yield* Command.lines(loud)).length).toBe(1)
      expect((yield* text(Command.stream(loud))).length).toBe(1_000_005)
      expect(yield* Command.exitCode(loud)).toBe(3)
    })
  )
  works("where its exit is waited for, and all of it can be read afterwards", () =>
    Effect.gen(function* () {
      const child = yield* start(loud)
      expect(yield* child.exitCode).toBe(3)
      expect((yield* text(child.stdout)).slice(-6)).toBe("\0done\n")
      expect((yield* text(child.stderr)).length).toBe(1_000_000)
    })
  )
  works("where only its other output is read", () =>
    Effect.gen(function* () {
      const child = yield* start(loud)
      expect((yield* text(child.stdout)).length).toBe(1_000_005)
      expect((yield* text(child.stderr)).length).toBe(1_000_000)
    })
  )
  works("where it is killed, and writes its last words before it heeds that", () =>
    Effect.gen(function* () {
      const child = yield* start(
        sh(
          "trap 'head -c 1000000 /dev/zero; exit 0' TERM; echo ready >&2; exec 2>&-; while :; do sleep 0.01; done"
        )
      )
      yield* Stream.runHead(child.stderr)
      yield* child.kill()
      expect((yield* text(child.stdout)).length).toBe(1_000_000)
    })
  )
  works("where it goes to a Sink, which gets all of it before the exit code is there", () =>
    Effect.gen(function* () {
      let written = 0
      const counting = Sink.as(
        // Slower than the command.
        Sink.forEach((chunk: Uint8Array) => Effect.map(Effect.sleep(2), () => (written += chunk.length))),
        new Uint8Array(0)
      )
      expect(yield* Command.exitCode(loud.pipe(Command.stdout(counting)))).toBe(3)
      expect(written).toBe(1_000_005)
      written = 0
      expect((yield* Command.string(loud.pipe(Command.stderr(counting)))).length).toBe(1_000_005)
      expect(written).toBe(1_000_000)
    })
  )
})

describe("much of it", () => {
  works(
    "256 MiB go through two commands",
    () =>
      Effect.gen(function* () {
        const size = 256 * 2 ** 20
        const command = Command.make("head", "-c", String(size), "/dev/zero").pipe(
          Command.pipeTo(Command.make("cat"))
        )
        const read = yield* Stream.runFold(Command.stream(command), 0, (n, chunk) => n + chunk.length)
        expect(read).toBe(size)
      }),
    60_000
  )
  works(
    "100 commands at once each give their own",
    () =>
      Effect.gen(function* () {
        const all = Array.from({ length: 100 }, (_, i) => i)
        const given = yield* Effect.forEach(
          all,
          (i) => Command.string(sh("cat; echo out$1", String(i)).pipe(Command.feed(`in${i} `))),
          { concurrency: "unbounded" }
        )
        expect(given).toEqual(all.map((i) => `in${i} out${i}\n`))
      }),
    60_000
  )
  works("a Stream that is left early ends its command", () =>
    Effect.gen(function* () {
      const lines = Command.streamLines(sh("echo $$; exec sleep 100"))
      const [pid] = Chunk.toArray(yield* Stream.runCollect(Stream.take(lines, 1)))
      expect(runs(Number(pid))).toBe(false)
    })
  )
  works("a fiber that is interrupted while it waits has ended its command", () =>
    Effect.gen(function* () {
      const file = join(folder, "pid")
      writeFileSync(file, "")
      const fiber = yield* Effect.fork(Command.exitCode(sh(`echo $$ > ${file}; exec sleep 100`)))
      yield* Effect.promise(() => until(() => readLines(file).length > 0))
      yield* Fiber.interrupt(fiber)
      expect(readLines(file).map((pid) => runs(pid))).toEqual([false])
    })
  )
})
