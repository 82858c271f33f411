// Commands of effect/process on the loop's processes: what goes in, what comes out, who waits for whom.
// Covers: childProcessSpawner, handleOf, Part, Pipeline, redirects, words
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner, ExitCode } from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { exists, runs, until } from "../../fixtures/child/children.js"
import {
  bytes,
  exitCode,
  lines,
  onLoop,
  type Program,
  sh,
  start,
  streamLines,
  string,
  text
} from "./commands.js"

const folder = mkdtempSync(join(tmpdir(), "commands-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** The numbers in a file, one in a line. */
const readLines = (file: string): ReadonlyArray<number> =>
  readFileSync(file, "utf8").trim().split("\n").filter(Boolean).map(Number)

const works = <A, E>(title: string, program: () => Program<A, E>, timeout?: number) =>
  it(title, () => onLoop(Effect.suspend(program)), timeout)

const gives = <A, E>(title: string, program: () => Program<A, E>, value: A) =>
  works(title, () => Effect.map(program(), (given) => expect(given).toEqual(value)))

const echo = (...args: Array<string>) => ChildProcess.make("echo", args)
const cat = (options?: ChildProcess.CommandOptions) => ChildProcess.make("cat", [], options)
const env = (variables: NonNullable<ChildProcess.CommandOptions["env"]>) => ({
  env: variables,
  extendEnv: true
})

describe("what a command writes", () => {
  gives("is a string", () => string(echo("-n", "test")), "test")
  gives(
    "is a string with what it says on stderr",
    () => string(sh("echo out; sleep 0.05; echo err >&2"), { includeStderr: true }),
    "out\nerr\n"
  )
  gives("is lines", () => lines(echo("-n", "1\n2\n3")), ["1", "2", "3"])
  gives("is no line where there is nothing", () => lines(sh("exit 0")), [])
  gives("is a Stream of lines", () => Stream.runCollect(streamLines(echo("-n", "1\n2\n3"))), ["1", "2", "3"])
  gives(
    "is a Stream of strings",
    () =>
      Effect.flatMap(ChildProcessSpawner, (spawner) =>
        Stream.mkString(spawner.streamString(echo("-n", "1\n2\n3")))
      ),
    "1\n2\n3"
  )
  gives(
    "is whole characters, wherever the chunks of it end",
    () => lines(sh("printf 'a\\303'; sleep 0.1; printf '\\251b\\n'")),
    ["aéb"]
  )
  gives(
    "is what the command's Sinks make of it",
    () =>
      Effect.gen(function* () {
        const count = Sink.map(
          Sink.reduce(
            () => 0,
            (n: number, chunk: Uint8Array) => n + chunk.length
          ),
          (n) => new Uint8Array([n])
        )
        const child = yield* start(
          sh("printf abc; printf defgh >&2; printf x >&3", {
            stdout: count,
            stderr: { stream: count },
            additionalFds: { fd3: { type: "output", sink: count } }
          })
        )
        const collected = [child.stdout, child.stderr, child.getOutputFd(3)].map((stream) =>
          Effect.map(Stream.runCollect(stream), (chunks) => chunks.map((chunk) => [...chunk]))
        )
        return yield* Effect.all(collected)
      }),
    [[[3]], [[5]], [[1]]]
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
        return [
          yield* text(child.stdout),
          yield* text(child.stdout),
          yield* text(child.all),
          yield* text(child.stderr)
        ]
      }),
    ["tail\n", "", "words\n", ""]
  )
  gives(
    "is both outputs at once, as they come",
    () =>
      Effect.gen(function* () {
        const child = yield* start(sh("echo a; sleep 0.05; echo b >&2; sleep 0.05; echo c"))
        return yield* text(child.all)
      }),
    "a\nb\nc\n"
  )
  gives(
    "is empty where the command has this process's own descriptors, or none",
    () =>
      Effect.gen(function* () {
        const given: Array<unknown> = []
        for (const to of ["inherit", "ignore"] as const) {
          const child = yield* start(
            sh("test -t 0; readlink /proc/self/fd/1 >/dev/null; exit 0", {
              stdin: to,
              stdout: { stream: to },
              stderr: to
            })
          )
          yield* Stream.run(bytes("dropped"), child.stdin)
          given.push(yield* text(child.all), yield* child.exitCode)
        }
        return given
      }),
    ["", ExitCode(0), "", ExitCode(0)]
  )
  gives(
    "is a pipe where it is called overlapped, as on Windows",
    () =>
      Effect.gen(function* () {
        const child = yield* start(cat({ stdin: "overlapped", stdout: "overlapped", stderr: "overlapped" }))
        yield* Stream.run(bytes("data"), child.stdin)
        return yield* text(child.stdout)
      }),
    "data"
  )
})

describe("what a command reads", () => {
  gives("is a Stream", () => string(ChildProcess.make("sort", [], { stdin: bytes("z\n", "y\n") })), "y\nz\n")
  gives(
    "is nothing, which is an end of file",
    () => Effect.map(string(ChildProcess.make("wc", ["-c"], { stdin: Stream.empty })), Number),
    0
  )
  gives(
    "is what is run into its stdin, by one Stream",
    () =>
      Effect.gen(function* () {
        const child = yield* start(cat())
        yield* Stream.run(bytes("some ", "data"), child.stdin)
        return yield* text(child.stdout)
      }),
    "some data"
  )
  gives(
    "is what several Streams write where their end is not its end, also at once",
    () =>
      Effect.gen(function* () {
        const child = yield* start(sh("head -c 8", { stdin: { stream: "pipe", endOnDone: false } }))
        yield* Stream.run(bytes("ab"), child.stdin)
        yield* Stream.run(bytes("cd"), child.stdin)
        yield* Effect.all([Stream.run(bytes("ee"), child.stdin), Stream.run(bytes("ee"), child.stdin)], {
          concurrency: 2
        })
        return yield* text(child.stdout)
      }),
    "abcdeeee"
  )
  gives(
    "may go on after the command's own Stream",
    () =>
      Effect.gen(function* () {
        const child = yield* start(sh("head -c 4", { stdin: { stream: bytes("ab"), endOnDone: false } }))
        yield* Effect.sleep(20)
        yield* Stream.run(bytes("cd"), child.stdin)
        return yield* text(child.stdout)
      }),
    "abcd"
  )
  gives(
    "are strings in an encoding of their own",
    () => {
      const hex = Stream.make("6869") as Stream.Stream<unknown> as Stream.Stream<Uint8Array>
      return string(cat({ stdin: { stream: hex, encoding: "hex" } }))
    },
    "hi"
  )
  gives(
    "need not be all of it: head takes a line of a Stream without end, which is ended",
    () =>
      Effect.gen(function* () {
        const ended = yield* Deferred.make<string>()
        const endless = Stream.ensuring(Stream.forever(bytes("y\n")), Deferred.succeed(ended, "ended"))
        const line = yield* string(ChildProcess.make("head", ["-n1"], { stdin: endless }))
        return [line, yield* Deferred.await(ended)]
      }),
    ["y\n", "ended"]
  )
  gives(
    "is 1 MiB, which comes back",
    () => Effect.map(string(cat({ stdin: bytes("x".repeat(2 ** 20)) })), ({ length }) => length),
    2 ** 20
  )
})

describe("descriptors beyond the first three", () => {
  const output = { type: "output" } as const
  gives(
    "are read, whichever there are",
    () =>
      Effect.gen(function* () {
        const child = yield* start(
          sh("echo three >&3; echo five >&5; echo out", { additionalFds: { fd5: output, fd3: output } })
        )
        return yield* Effect.all(
          [
            child.getOutputFd(3),
            child.getOutputFd(5),
            child.stdout,
            child.getOutputFd(4),
            child.getOutputFd(3)
          ].map(text)
        )
      }),
    ["three\n", "five\n", "out\n", "", ""]
  )
  gives(
    "are written, by a Stream of the command or by hand",
    () =>
      Effect.gen(function* () {
        const child = yield* start(
          sh("cat <&3; cat <&4", {
            additionalFds: { fd3: { type: "input", stream: bytes("three ") }, fd4: { type: "input" } }
          })
        )
        yield* Stream.run(bytes("four"), child.getInputFd(4))
        yield* Stream.run(bytes("nowhere"), child.getInputFd(7))
        return yield* text(child.stdout)
      }),
    "three four"
  )
  gives(
    "go both ways, and each way ends by itself",
    () =>
      Effect.gen(function* () {
        const program =
          "const s=new (require('net').Socket)({fd:3,allowHalfOpen:true});s.end('first ');let t='';s.on('data',d=>t+=d).on('end',()=>console.log(t))"
        const child = yield* start(
          ChildProcess.make(process.execPath, ["-e", program], { additionalFds: { fd3: { type: "duplex" } } })
        )
        const first = yield* text(child.getOutputFd(3))
        yield* Stream.run(bytes("second"), child.getInputFd(3))
        const copied = yield* start(
          sh("cat <&3 >&3", { additionalFds: { fd3: { type: "duplex", stream: bytes("copied") } } })
        )
        return [first, yield* text(child.stdout), yield* text(copied.getOutputFd(3))]
      }),
    ["first ", "second\n", "copied"]
  )
  gives(
    "are none by another name",
    () => string(sh("echo a", { additionalFds: { fd2: output, [`fdx` as "fd1"]: output } })),
    "a\n"
  )
})

describe("how a command runs", () => {
  gives(
    "with variables over this process's own, or without one of these",
    () =>
      string(
        sh('echo "$A-$B-${HOME-none}-${PATH:+path}"', env({ A: "a", B: Redacted.make("b"), HOME: undefined }))
      ),
    "a-b-none-path\n"
  )
  gives(
    "with variables that were merged",
    () => lines(sh('echo "$A"; echo "$B"', env({ A: "a", B: "b" })).pipe(ChildProcess.setEnv({ B: "c" }))),
    ["a", "c"]
  )
  gives(
    "with variables of its own only",
    () => string(ChildProcess.make("/usr/bin/env", [], { env: { A: "a", B: undefined } })),
    "A=a\n"
  )
  gives("in its folder", () => string(ChildProcess.make({ cwd: "/usr" })`pwd`), "/usr\n")
  gives(
    "in a folder that is set",
    () => string(ChildProcess.make`pwd`.pipe(ChildProcess.setCwd("/usr"))),
    "/usr\n"
  )
  gives(
    "with words of a template, some of them secret",
    () => string(ChildProcess.make`echo ${"a b"} ${Redacted.make("c")} ${1}`),
    "a b c 1\n"
  )
  gives("after a prefix", () => string(echo("a").pipe(ChildProcess.prefix("env", ["A=b"]))), "a\n")
  gives(
    "as a script of the system's shell",
    () => string(ChildProcess.make("echo $((1+1)) $0", [], { shell: true })),
    "2 /bin/sh\n"
  )
  gives(
    "as a script of a shell by its path",
    () => string(ChildProcess.make("echo ${BASH_VERSION:+bash}", [], { shell: "/bin/bash" })),
    "bash\n"
  )
  gives("to its exit, whose code is no failure", () => exitCode(sh("exit 3")), ExitCode(3))
  works("with a pid, and as what it shows itself", () =>
    Effect.gen(function* () {
      const child = yield* start(ChildProcess.make`sleep 100`)
      expect(yield* child.isRunning).toBe(true)
      expect(JSON.parse(JSON.stringify(child))).toEqual({ _id: "ChildProcessHandle", pid: child.pid })
      expect(runs(child.pid)).toBe(true)
      yield* child.kill()
      expect(yield* child.isRunning).toBe(false)
    })
  )
})

describe("commands that read each other", () => {
  const numbers = echo("2\n1\n3")
  const sort = ChildProcess.make`sort`
  const head = ChildProcess.make`head -n2`
  const { pipeTo } = ChildProcess
  gives("give what the last one writes", () => lines(numbers.pipe(pipeTo(cat()), pipeTo(sort))), [
    "1",
    "2",
    "3"
  ])
  gives(
    "may be put together in any order",
    () => lines(numbers.pipe(pipeTo(cat().pipe(pipeTo(sort.pipe(pipeTo(head))))))),
    ["1", "2"]
  )
  gives(
    "read what is run into the stdin of the first",
    () =>
      Effect.gen(function* () {
        const child = yield* start(cat().pipe(pipeTo(sort)))
        yield* Stream.run(bytes("b\n", "a\n"), child.stdin)
        return [yield* text(child.stdout), yield* child.exitCode]
      }),
    ["a\nb\n", ExitCode(0)]
  )
  gives(
    "read stdout, stderr, both, or another descriptor",
    () =>
      Effect.gen(function* () {
        const source = sh("echo out; sleep 0.05; echo err >&2; echo three >&3", {
          additionalFds: { fd3: { type: "output" } }
        })
        return yield* Effect.forEach(["stdout", "stderr", "all", "fd3", "fd1"] as const, (from) =>
          string(source.pipe(pipeTo(cat(), { from })))
        )
      }),
    ["out\n", "err\n", "out\nerr\n", "three\n", "out\n"]
  )
  gives(
    "read on stdin, or on another descriptor",
    () =>
      Effect.forEach(
        [sh("cat <&3"), sh("cat <&3", { additionalFds: { fd3: { type: "duplex" } } })],
        (reader) => string(echo("a").pipe(pipeTo(reader, { to: "fd3" })))
      ),
    ["a\n", "a\n"]
  )
  gives(
    "end when the last one has enough",
    () => string(ChildProcess.make`yes`.pipe(pipeTo(ChildProcess.make`head -n1`))),
    "y\n"
  )
  gives(
    "are not held up by what the first ones say elsewhere",
    () => string(sh("head -c 1000000 /dev/zero >&2; echo done").pipe(pipeTo(cat()))),
    "done\n"
  )
  works("are all ended by kill, and with their Scope at once", () =>
    Effect.gen(function* () {
      const file = join(folder, "pids")
      const stubborn = sh(`trap '' TERM; echo $$ >> ${file}; while :; do sleep 0.01; done`)
      const pids = () => readLines(file)
      writeFileSync(file, "")
      const three = stubborn.pipe(pipeTo(stubborn), pipeTo(stubborn))
      let began = 0
      yield* Effect.scoped(
        Effect.andThen(
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
      yield* child.kill({ killSignal: "SIGKILL" })
      expect(pids().map((pid) => runs(pid))).toEqual([false, false, false])
    })
  )
})

describe("what nobody reads does not hold a command up", () => {
  const loud = (options?: ChildProcess.CommandOptions) =>
    sh("head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero; echo done; exit 3", options)
  works("where its output is a string, lines, or asked for its exit code", () =>
    Effect.gen(function* () {
      expect((yield* string(loud())).length).toBe(1_000_005)
      expect((yield* lines(loud())).length).toBe(1)
      expect(yield* exitCode(loud())).toBe(3)
    })
  )
  works("where its exit is waited for, and all of it can be read afterwards", () =>
    Effect.gen(function* () {
      const child = yield* start(loud())
      expect(yield* child.exitCode).toBe(3)
      expect((yield* text(child.stdout)).slice(-6)).toBe("\0done\n")
      expect((yield* text(child.stderr)).length).toBe(1_000_000)
    })
  )
  works("where only its other output is read", () =>
    Effect.gen(function* () {
      const child = yield* start(loud())
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
      expect(yield* exitCode(loud({ stdout: counting }))).toBe(3)
      expect(written).toBe(1_000_005)
      written = 0
      expect((yield* string(loud({ stderr: counting }))).length).toBe(1_000_005)
      expect(written).toBe(1_000_000)
    })
  )
})

describe("a command that was let go", () => {
  const idle = ChildProcess.make("sleep", ["100"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" })
  works("goes on when its Scope has closed, until it is killed by hand", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const child = yield* Scope.provide(idle, scope)
      yield* child.unref
      yield* Scope.close(scope, Exit.void)
      expect(yield* child.isRunning).toBe(true)
      yield* child.kill({ killSignal: "SIGKILL" })
      expect(yield* child.isRunning).toBe(false)
    })
  )
  it("goes on when its loop has closed, and is in no table", async () => {
    const pid = await onLoop(
      Effect.tap(
        Effect.map(idle, ({ pid, unref }) => ({ pid, unref })),
        ({ unref }) => unref
      )
    )
    expect(runs(pid.pid)).toBe(true)
    process.kill(pid.pid, "SIGKILL")
    await until(() => !exists(pid.pid))
  })
  works("is ended with its Scope where that was taken back", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const child = yield* Scope.provide(idle, scope)
      const reref = yield* child.unref
      yield* reref
      yield* Scope.close(scope, Exit.void)
      expect(yield* child.isRunning).toBe(false)
    })
  )
  works(
    "has its exit code after its Scope, and takes what it has started with it where that is an error",
    () =>
      Effect.gen(function* () {
        const file = join(folder, "orphan")
        const scope = yield* Scope.make()
        const child = yield* Scope.provide(
          sh(`sleep 100 & echo $! > ${file}; exit 3`, {
            stdin: "ignore",
            stdout: "ignore",
            stderr: "ignore"
          }),
          scope
        )
        yield* child.unref
        yield* Scope.close(scope, Exit.void)
        expect(yield* child.exitCode).toBe(3)
        yield* Effect.promise(() => until(() => !readLines(file).some(runs)))
      })
  )
  works("is every command of several", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const file = join(folder, "both")
      writeFileSync(file, "")
      const one = (stdio: ChildProcess.CommandOptions) =>
        sh(`echo $$ >> ${file}; sleep 100; :`, { stderr: "ignore", ...stdio })
      const child = yield* Scope.provide(
        one({ stdin: "ignore" }).pipe(ChildProcess.pipeTo(one({ stdout: "ignore" }))),
        scope
      )
      yield* child.unref
      yield* Effect.promise(() => until(() => readLines(file).length === 2))
      yield* Scope.close(scope, Exit.void)
      expect(readLines(file).map(runs)).toEqual([true, true])
      yield* child.kill({ killSignal: "SIGKILL" })
      expect(readLines(file).map(runs)).toEqual([false, false])
    })
  )
})

describe("much of it", () => {
  works(
    "256 MiB go through two commands",
    () =>
      Effect.gen(function* () {
        const size = 256 * 2 ** 20
        const child = yield* ChildProcess.make("head", ["-c", String(size), "/dev/zero"]).pipe(
          ChildProcess.pipeTo(cat())
        )
        const read = yield* Stream.runFold(
          child.stdout,
          () => 0,
          (n, chunk) => n + chunk.length
        )
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
          (i) => string(sh("cat; echo out$1", { stdin: bytes(`in${i} `) }, String(i))),
          { concurrency: "unbounded" }
        )
        expect(given).toEqual(all.map((i) => `in${i} out${i}\n`))
      }),
    60_000
  )
  works("a Stream that is left early ends its command", () =>
    Effect.gen(function* () {
      const [pid] = yield* Stream.runCollect(Stream.take(streamLines(sh("echo $$; exec sleep 100")), 1))
      expect(runs(Number(pid))).toBe(false)
    })
  )
  works("a fiber that is interrupted while it waits has ended its command", () =>
    Effect.gen(function* () {
      const file = join(folder, "pid")
      writeFileSync(file, "")
      const fiber = yield* Effect.forkChild(exitCode(sh(`echo $$ > ${file}; exec sleep 100`)))
      yield* Effect.promise(() => until(() => readLines(file).length > 0))
      yield* Fiber.interrupt(fiber)
      expect(readLines(file).map((pid) => runs(pid))).toEqual([false])
    })
  )
})
