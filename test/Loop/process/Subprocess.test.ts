// Loop.subprocess: a child process as Effect code sees it.
// Covers: pipeStreams, ScopedChild, unread
import { it } from "@effect/vitest"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, Schedule, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect } from "vitest"
import {
  BrokenPipeError,
  InvalidStateError,
  Loop,
  LoopClosedError,
  ProcessLookupError,
  SignalError,
  SpawnError,
  type Subprocess,
  type SubprocessOptions
} from "../../../src/index.js"
import { runs, until, watchPid } from "../../fixtures/child/children.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"

const folder = mkdtempSync(join(tmpdir(), "E-scoped-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** A child that must be gone at the end of the test. */
const start = (command: string, args?: ReadonlyArray<string>, options?: SubprocessOptions) =>
  Effect.tap(Loop.subprocess(command, args, options), ({ pid }) => Effect.sync(() => watchPid(pid)))

const sh = (command: string, options?: SubprocessOptions) => start("sh", ["-c", command], options)

const text = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) => Stream.mkString(Stream.decodeText(stream))

/** In a Scope and a loop of its own. */
const inside = <A, E, R>(effect: Effect.Effect<A, E, R>, options?: Parameters<typeof scoped>[1]) =>
  scoped(Effect.scoped(effect), options)

const forked = (stream: Stream.Stream<Uint8Array, LoopClosedError>, to: Subprocess["stdin"]) =>
  Effect.forkScoped(Stream.run(stream, to))

/** Waits in real time for what no event tells of. */
const eventually = (f: () => boolean) => Effect.promise(() => until(f))

const squashed = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) && Cause.squash(exit.cause)

describe("what goes in and comes out", () => {
  it.live("subprocess-019 bytes and strings go through cat, and the exit is 0", () =>
    inside(
      Effect.gen(function* () {
        const cat = yield* start("cat")
        yield* Stream.run(
          Stream.make("some ", new TextEncoder().encode("da"), Buffer.from("ta é")),
          cat.stdin
        )
        expect(yield* text(cat.stdout)).toBe("some data é")
        expect(yield* cat.exitCode).toBe(0)
      })
    )
  )

  it.live("subprocess-026 empty input is an end of file", () =>
    inside(
      Effect.gen(function* () {
        const wc = yield* start("wc", ["-c"])
        yield* Stream.run(Stream.empty, wc.stdin)
        expect([(yield* text(wc.stdout)).trim(), yield* wc.exitCode]).toEqual(["0", 0])
      })
    )
  )

  it.live("chunks come as they are written, while the child runs", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* sh("echo one; read line; echo two $line")
        const go = yield* Deferred.make<string>()
        yield* Effect.forkScoped(Stream.run(Stream.fromEffect(Deferred.await(go)), child.stdin))
        const seen: Array<string> = []
        yield* Stream.runForEach(Stream.decodeText(child.stdout), (line) => {
          seen.push(line)
          return Deferred.succeed(go, "go\n")
        })
        expect(seen).toEqual(["one\n", "two go\n"])
      })
    )
  )

  it.live("the tail of the output is there when it is read after the exit", () =>
    inside(
      Effect.gen(function* () {
        for (const length of [1, 4_096, 65_536]) {
          const child = yield* sh(`head -c ${length} /dev/zero; echo tail`)
          expect(yield* child.exitCode).toBe(0)
          yield* settle
          expect((yield* text(child.stdout)).length).toBe(length + 5)
        }
      })
    )
  )

  it.live("stderr is its own pipe, or that of stdout in the order of writing, and inherited by default", () =>
    inside(
      Effect.gen(function* () {
        const two = yield* sh("echo out; echo err >&2", { stderr: "pipe" })
        expect(yield* Effect.all([text(two.stdout), text(two.stderr)])).toEqual(["out\n", "err\n"])
        const one = yield* sh("echo err >&2; echo out; echo err >&2", { stderr: "stdout" })
        expect(yield* text(one.stdout)).toBe("err\nout\nerr\n")
        for (const stream of [one.stderr, (yield* sh("exit")).stderr]) {
          const error = squashed(yield* Effect.exit(Stream.runDrain(stream)))
          expect(error).toBeInstanceOf(InvalidStateError)
          expect(String(error)).toMatch(
            /stderr of pid \d+: sh -c .* is no pipe: ask for one with stderr: "pipe"/
          )
        }
        const none = yield* sh("exit", { stdin: "devnull" })
        expect(squashed(yield* Effect.exit(Stream.run(Stream.make("x"), none.stdin)))).toBeInstanceOf(
          InvalidStateError
        )
      })
    )
  )

  it.live("extra pipes go both ways", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* sh("read a <&3; echo got $a >&3; cat <&4 >&1", { fds: { 3: "pipe", 4: "pipe" } })
        yield* Stream.run(Stream.make("hello\n"), child.fd(3).sink)
        yield* Stream.run(Stream.make("from 4"), child.fd(4).sink)
        expect(yield* text(child.fd(3).stream)).toBe("got hello\n")
        expect(yield* text(child.stdout)).toBe("from 4")
        expect(() => child.fd(5)).toThrow(/fd 5 of pid .* is no extra pipe; there are: 3, 4/)
        expect(() => child.fd(1)).toThrow(RangeError)
      })
    )
  )

  it.live("an extra pipe with something unread in it ends as any other", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* sh("echo bye >&3; sleep 0.05", { fds: { 3: "pipe" } })
        yield* Stream.run(Stream.make("never read"), child.fd(3).sink)
        expect([yield* text(child.fd(3).stream), yield* child.exitCode]).toEqual(["bye\n", 0])
      })
    )
  )

  it.live("subprocess-057 more than all buffers is copied without a deadlock", () =>
    inside(
      Effect.gen(function* () {
        for (const length of [65_536, 65_537, 1_000_000]) {
          const bytes = new Uint8Array(length).map((_, i) => i % 251)
          const cat = yield* start("cat")
          yield* forked(Stream.make(bytes), cat.stdin)
          const back = yield* Stream.runCollect(cat.stdout)
          expect(Buffer.concat(Chunk.toReadonlyArray(back)).equals(bytes)).toBe(true)
        }
      })
    )
  )

  it.live("subprocess-058 lines written at once are all counted", () =>
    inside(
      Effect.gen(function* () {
        for (const length of [8_192, 8_193, 219_263, 219_264]) {
          const lines = Math.floor(length / 3)
          const child = yield* sh(`head -n ${lines} | wc -l`)
          yield* Stream.run(Stream.make("ab\n".repeat(lines)), child.stdin)
          expect((yield* text(child.stdout)).trim()).toBe(String(lines))
        }
      })
    )
  )

  it.live("what was written before the process exited reaches a grandchild that reads on", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* sh("exec 3<&0; cat <&3 & exit 0")
        const written = yield* Effect.forkScoped(Stream.run(Stream.make("x".repeat(2 ** 20)), child.stdin))
        const read = yield* text(child.stdout)
        yield* Fiber.join(written)
        expect([read.length, yield* child.exitCode]).toEqual([2 ** 20, 0])
      })
    )
  )

  it.live("two children make a pipeline, as in the example", () =>
    inside(
      Effect.gen(function* () {
        const file = join(folder, "words.txt")
        writeFileSync(file, Array.from({ length: 20_000 }, (_, i) => `word ${(i * 7919) % 5000}\n`).join(""))
        execFileSync("gzip", [file])
        const unzip = yield* start("gzip", ["-dc", `${file}.gz`])
        const sort = yield* start("sort", ["-u"], { env: { LC_ALL: "C" } })
        yield* forked(unzip.stdout, sort.stdin)
        const sorted = yield* text(sort.stdout)
        expect(sorted).toBe(
          execFileSync("sh", ["-c", `gzip -dc ${file}.gz | LC_ALL=C sort -u`], { encoding: "utf8" })
        )
        expect(yield* Effect.all([unzip.exitCode, sort.exitCode])).toEqual([0, 0])
      })
    )
  )

  it.live("256 MiB go through in constant memory", () =>
    inside(
      Effect.gen(function* () {
        const size = 256 * 1024 * 1024
        const chunk = new Uint8Array(65_536)
        const cat = yield* start("cat")
        let peak = 0
        const before = process.memoryUsage.rss()
        yield* forked(Stream.take(Stream.repeatValue(chunk), size / chunk.length), cat.stdin)
        const length = yield* Stream.runFold(cat.stdout, 0, (sum, bytes) => {
          peak = Math.max(peak, process.memoryUsage.rss())
          return sum + bytes.length
        })
        expect(length).toBe(size)
        expect((peak - before) / 1024 / 1024).toBeLessThan(128)
      })
    )
  )

  it.live("a child that nobody reads waits, and what it has written is bounded", () =>
    inside(
      Effect.gen(function* () {
        const yes = yield* start("yes")
        const written = (): number =>
          Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${yes.pid}/io`, "utf8"))?.[1])
        let last = -1
        yield* Effect.repeat(
          Effect.delay(
            Effect.sync(() => {
              const now = written()
              const same = now === last && now > 0
              last = now
              return same
            }),
            "30 millis"
          ),
          { until: (same) => same, schedule: Schedule.forever }
        )
        expect(last).toBeLessThan(4 * 1024 * 1024)
        const [first] = Chunk.toReadonlyArray(yield* Stream.runCollect(Stream.take(yes.stdout, 1)))
        expect(String(Buffer.from(first ?? []).subarray(0, 4))).toBe("y\ny\n")
      })
    )
  )
})

describe("each pipe is used once", () => {
  it.live("a second reader or writer dies with InvalidStateError, also beside the first", () =>
    inside(
      Effect.gen(function* () {
        const cat = yield* start("cat")
        yield* Stream.run(Stream.make("x"), cat.stdin)
        const first = yield* Effect.fork(text(cat.stdout))
        yield* Effect.yieldNow()
        const second = squashed(yield* Effect.exit(text(cat.stdout)))
        expect(second).toBeInstanceOf(InvalidStateError)
        expect(String(second)).toMatch(/stdout of pid \d+: cat can be read once/)
        expect(String(squashed(yield* Effect.exit(Stream.run(Stream.make("y"), cat.stdin))))).toMatch(
          /stdin of pid \d+: cat can be written once/
        )
        expect(yield* Fiber.join(first)).toBe("x")
      })
    )
  )

  it.live("leaving stdout early closes the pipe: the child ends at its next write, as before head", () =>
    inside(
      Effect.gen(function* () {
        const yes = yield* start("yes", [], { stderr: "devnull" })
        const first = yield* Stream.decodeText(yes.stdout).pipe(
          Stream.splitLines,
          Stream.take(3),
          Stream.runCollect
        )
        expect(Chunk.toReadonlyArray(first)).toEqual(["y", "y", "y"])
        // Node's pipes are sockets: with something unread in it, the first write after the close is "reset".
        expect([-13, 1]).toContain(yield* yes.exitCode)
      })
    )
  )

  it.live("so does interrupting a read that waits, and a failure downstream", () =>
    inside(
      Effect.gen(function* () {
        const quiet = yield* sh("sleep 0.05; echo x; echo y 2>/dev/null || exit 5", { stderr: "devnull" })
        const reading = yield* Effect.fork(Stream.runDrain(quiet.stdout))
        yield* settle
        yield* Fiber.interrupt(reading)
        expect(yield* quiet.exitCode).toBe(-13)
        const yes = yield* start("yes", [], { stderr: "devnull" })
        const failed = Stream.runForEach(yes.stdout, () => Effect.fail("enough"))
        expect(yield* Effect.flip(failed)).toBe("enough")
        expect([-13, 1]).toContain(yield* yes.exitCode)
      })
    )
  )
})

describe("the Sink", () => {
  it.live("fails with BrokenPipeError when the child has closed its input, or has ended", () =>
    inside(
      Effect.gen(function* () {
        const endless = Stream.repeatValue("x".repeat(10_000))
        const closes = yield* sh("exec <&-; sleep 100")
        const error = yield* Effect.flip(Stream.run(endless, closes.stdin))
        expect(error).toBeInstanceOf(BrokenPipeError)
        expect(error.message).toMatch(/stdin of pid \d+: sh -c .* has no reader: the process has closed it/)
        const ends = yield* sh("exit 3")
        expect(yield* ends.exitCode).toBe(3)
        const after = yield* Effect.flip(Stream.run(Stream.make("x"), ends.stdin))
        expect(after).toMatchObject({ _tag: "BrokenPipeError", code: "EPIPE" })
        expect(after.message).toMatch(/has ended with 3/)
        const head = yield* start("head", ["-n", "1"])
        expect(
          yield* Effect.flip(
            Stream.run(
              Stream.map(endless, (s) => `${s}\n`),
              head.stdin
            )
          )
        ).toMatchObject({
          _tag: "BrokenPipeError"
        })
        expect((yield* text(head.stdout)).length).toBe(10_001)
      })
    )
  )

  it.live("is interrupted while it waits for a child that does not read, which then sees the end", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* sh("read go <&3; wc -c", { fds: { 3: "pipe" } })
        const writing = yield* Effect.fork(
          Stream.run(Stream.repeatValue(new Uint8Array(65_536)), child.stdin)
        )
        yield* settle
        yield* Fiber.interrupt(writing)
        yield* Stream.run(Stream.make("go\n"), child.fd(3).sink)
        expect(Number(yield* text(child.stdout))).toBeLessThan(4_000_000)
        expect(yield* child.exitCode).toBe(0)
      })
    )
  )

  it.live("closes the input when the Stream into it fails, and fails with that", () =>
    inside(
      Effect.gen(function* () {
        const cat = yield* start("cat")
        const failing = Stream.concat(Stream.make("so far"), Stream.fail("wrong"))
        expect(yield* Effect.flip(Stream.run(failing, cat.stdin))).toBe("wrong")
        yield* cat.exitCode
        expect("so far".startsWith(yield* text(cat.stdout))).toBe(true)
      })
    )
  )

  it.live("dies of what is neither bytes nor a string", () =>
    inside(
      Effect.gen(function* () {
        const cat = yield* start("cat")
        const exit = yield* Effect.exit(Stream.run(Stream.make(1 as never), cat.stdin))
        expect(squashed(exit)).toBeInstanceOf(TypeError)
      })
    )
  )
})

describe("its exit and signals to it", () => {
  it.live("subprocess-041 ten that wait get the same code, and so does who asks later", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* sh("exit 6")
        const codes = yield* Effect.all(
          Array.from({ length: 10 }, () => child.exitCode),
          { concurrency: "unbounded" }
        )
        expect(codes).toEqual(Array(10).fill(6))
        expect(yield* child.exitCode).toBe(6)
        expect([yield* child.isRunning, child.returncode]).toEqual([false, 6])
      })
    )
  )

  it.live("subprocess-029 interrupting the wait leaves the child running", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* start("sleep", ["100"])
        const waiting = yield* Effect.fork(child.exitCode)
        yield* settle
        yield* Fiber.interrupt(waiting)
        expect([runs(child.pid), yield* child.isRunning, child.returncode]).toEqual([true, true, null])
        yield* child.kill
        expect(yield* child.exitCode).toBe(-9)
      })
    )
  )

  it.live("signals are Effects, with the two errors of theirs", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* sh("trap 'echo usr; exit 4' USR1; echo ready; while :; do sleep 0.01; done")
        const seen: Array<string> = []
        yield* Stream.runForEach(Stream.decodeText(child.stdout), (line) => {
          seen.push(line)
          return line === "ready\n" ? child.sendSignal("SIGUSR1") : Effect.void
        })
        expect([seen, yield* child.exitCode]).toEqual([["ready\n", "usr\n"], 4])
        for (const signal of [child.terminate, child.kill, child.sendSignal(15)]) {
          expect(yield* Effect.flip(signal)).toBeInstanceOf(ProcessLookupError)
        }
        expect(yield* Effect.flip(child.sendSignal("SIGNOPE" as never))).toBeInstanceOf(SignalError)
        const shell = yield* sh("sleep 100 & wait", { stderr: "devnull" })
        yield* shell.signalGroup("SIGINT")
        expect(yield* shell.exitCode).toBe(-2)
        yield* shell.signalGroup("SIGKILL").pipe(Effect.ignore)
        yield* eventually(() => !runs(shell.pid))
        expect(yield* Effect.flip(child.signalGroup("SIGTERM"))).toBeInstanceOf(ProcessLookupError)
        expect(yield* Effect.flip(shell.signalGroup("SIGNOPE" as never))).toBeInstanceOf(SignalError)
        const told = yield* start("sleep", ["100"])
        yield* told.terminate
        expect(yield* told.exitCode).toBe(-15)
      })
    )
  )

  it.live(
    "J6 a wait for a child that waits for a reader is reported once, with the pipe and the remedy",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        yield* inside(
          Effect.gen(function* () {
            const child = yield* sh("head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2", {
              stderr: "stdout"
            })
            const waits = yield* Effect.all([Effect.fork(child.exitCode), Effect.fork(child.exitCode)])
            yield* eventually(() => reports.length > 0)
            yield* Effect.sleep("40 millis")
            expect(yield* Stream.runFold(child.stdout, 0, (sum, bytes) => sum + bytes.length)).toBe(
              20_000_000
            )
            expect(yield* Fiber.join(Fiber.all(waits))).toEqual([0, 0])
          }),
          { exceptionHandler, slowJoin: 10 }
        )
        expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
        expect(reports[0]?.message).toMatch(
          /^exitCode waits for pid \d+: sh -c .*, whose stdout is full, with nobody/
        )
      })
  )

  it.live("J6 so is a read of one pipe, while another is full with nobody to read it", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* inside(
        Effect.gen(function* () {
          const child = yield* sh("head -c 2000000 /dev/zero >&2; echo out", { stderr: "pipe" })
          const out = yield* Effect.fork(text(child.stdout))
          yield* eventually(() => reports.length > 0)
          expect(yield* Stream.runFold(child.stderr, 0, (sum, bytes) => sum + bytes.length)).toBe(2_000_000)
          expect(yield* Fiber.join(out)).toBe("out\n")
          const { timers } = yield* Loop.statistics
          expect(timers).toBe(0)
        }),
        { exceptionHandler, slowJoin: 10 }
      )
      expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
      expect(reports[0]?.message).toMatch(
        /^a Stream of stdout waits for pid \d+: sh -c .*, whose stderr is full, with nobody/
      )
    })
  )

  it.live("J6 and one for a child that is slow for other reasons is not", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* inside(
        Effect.gen(function* () {
          const child = yield* sh("echo short; sleep 0.1")
          expect(yield* child.exitCode).toBe(0)
          expect(yield* text(child.stdout)).toBe("short\n")
        }),
        { exceptionHandler, slowJoin: 5 }
      )
      expect(reports).toEqual([])
    })
  )

  it.live("it reads well in texts", () =>
    inside(
      Effect.gen(function* () {
        const child = yield* sh("exit 2")
        expect(String(child)).toBe(`<Subprocess pid ${child.pid}: sh -c "exit 2" running>`)
        yield* child.exitCode
        expect(JSON.parse(JSON.stringify(child))).toEqual({
          _id: "Subprocess",
          pid: child.pid,
          command: `sh -c "exit 2"`,
          returncode: 2
        })
      })
    )
  )
})

describe("what cannot be started", () => {
  it.live("B2 is a typed failure, and a mistake in the arguments a defect", () =>
    inside(
      Effect.gen(function* () {
        const missing = yield* Effect.flip(start("no-such-program"))
        expect(missing).toBeInstanceOf(SpawnError)
        expect(yield* Effect.flip(start("ls", [], { cwd: "/no/such" }))).toMatchObject({
          code: "ENOENT",
          cwd: "/no/such"
        })
        expect(squashed(yield* Effect.exit(start("ls", [1 as never])))).toBeInstanceOf(TypeError)
        expect(squashed(yield* Effect.exit(start("ls", [], { shell: true } as never)))).toBeInstanceOf(
          RangeError
        )
        expect((yield* Loop).statistics().processes).toBe(0)
      })
    )
  )

  it.live("C3 a closed loop is a typed failure", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(open())
      const exit = yield* Effect.exit(Effect.scoped(Effect.provideService(start("ls"), Loop, loop)))
      expect(squashed(exit)).toBeInstanceOf(LoopClosedError)
    })
  )
})
