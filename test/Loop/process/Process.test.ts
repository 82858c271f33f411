// Child processes with streams: `createSubprocessExec`, `createSubprocessShell` and the Process they give.
// Covers: createSubprocess, ProcessStreams
import { it } from "@effect/vitest"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, describe, expect } from "vitest"
import {
  BrokenPipeError,
  CancelledError,
  type EventLoop,
  InvalidStateError,
  ProcessLookupError,
  type ProcessOptions,
  SpawnError
} from "../../../src/index.js"
import { onLoop, openFds, until } from "../../fixtures/subprocess/recording.js"
import { collecting } from "../../support/scopedLoops.js"

const folder = mkdtempSync(join(tmpdir(), "B-process-"))
afterAll(() => rmSync(folder, { recursive: true }))

const failure = (future: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(future).then(
    (value) => Promise.reject(new Error(`it gave ${String(value)}`)),
    (error: unknown) => error
  )

const all = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const
const both = { stdin: "pipe", stdout: "pipe" } as const

const sh = (loop: EventLoop, script: string) => loop.createSubprocessExec("sh", ["-c", script], all)

describe("a Process", () => {
  it.live("subprocess-019 gives back what was written, and its return code", () =>
    onLoop(async (loop) => {
      const cat = await loop.createSubprocessExec("cat", [], both)
      expect(cat.returncode).toBeNull()
      expect(String(cat)).toBe(`<Process ${cat.pid}>`)
      cat.stdin.write("some data")
      await cat.stdin.drain()
      cat.stdin.close()
      expect((await cat.stdout.read()).toString()).toBe("some data")
      expect(await cat.wait()).toBe(0)
      expect(cat.returncode).toBe(0)
      expect(cat.stderr).toBeNull()
      expect(String(cat)).toBe(`<Process ${cat.pid} returncode=0>`)
    })
  )

  it.live("subprocess-026 empty input is input", () =>
    onLoop(async (loop) => {
      for (const input of ["", new Uint8Array(0), undefined]) {
        const wc = await loop.createSubprocessExec("wc", ["-c"], both)
        const [out, err] = await wc.communicate(input)
        expect([Number(out), err, wc.returncode]).toEqual([0, null, 0])
      }
    })
  )

  it.live("subprocess-027 devnull reads as the end, and throws output away", () =>
    onLoop(async (loop) => {
      const reads = await loop.createSubprocessExec("wc", ["-c"], { stdin: "devnull", stdout: "pipe" })
      expect(reads.stdin).toBeNull()
      expect(Number((await reads.communicate())[0])).toBe(0)
      const writes = await loop.createSubprocessShell("echo x; echo y >&2", {
        stdout: "devnull",
        stderr: "devnull"
      })
      expect(await writes.communicate()).toEqual([null, null])
      expect(await writes.wait()).toBe(0)
      expect([1, 2].map((fd) => writes.transport.getPipeTransport(fd))).toEqual([null, null])
    })
  )

  it.live("subprocess-041 ten waits give the return code, and a wait after the exit needs no event", () =>
    onLoop(async (loop) => {
      const child = await sh(loop, "read x; exit 7")
      const waits = Array.from({ length: 10 }, () => child.wait())
      child.stdin.write("\n")
      expect(await Promise.all(waits)).toEqual(Array(10).fill(7))
      const late = child.wait()
      expect(late.done()).toBe(true)
      expect(await late).toBe(7)
    })
  )

  it.live("subprocess-029 cancelling a wait ends the waiting only", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessExec("sleep", ["100"])
      const task = loop.createTask(() => child.wait())
      const other = child.wait()
      await loop.sleep(0)
      task.cancel()
      expect(await failure(task)).toBeInstanceOf(CancelledError)
      expect(task.cancel()).toBe(false)
      expect([child.returncode, other.done()]).toEqual([null, false])
      child.kill()
      expect([await child.wait(), await other]).toEqual([-9, -9])
    })
  )

  it.live("subprocess-035 gives everything to a slow reader, although the child is long gone", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessExec("head", ["-c", "262144", "/dev/zero"], { stdout: "pipe" })
      const sizes: Array<number> = []
      for (;;) {
        const data = await child.stdout.read(65536)
        if (data.length === 0) break
        sizes.push(data.length)
        if (sizes.length < 4) await loop.sleep(100)
        else if (child.returncode === null) await child.wait()
      }
      expect(sizes.reduce((a, b) => a + b, 0)).toBe(262144)
      expect(await child.wait()).toBe(0)
    })
  )

  it.live("keeps what was not read at the exit, for as long as it takes", () =>
    onLoop(async (loop) => {
      const child = await sh(loop, "head -c 100000 /dev/zero; echo end >&2")
      expect(await child.wait()).toBe(0)
      await loop.sleep(20)
      expect((await child.stdout.read()).length).toBe(100000)
      expect((await child.stderr.read()).toString()).toBe("end\n")
    })
  )

  it.live("subprocess-038 ten children at once keep their output apart", () =>
    onLoop(async (loop) => {
      const outputs = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          loop.createTask(async () => {
            const child = await sh(loop, `echo out-${i}; echo err-${i} >&2`)
            return (await child.communicate()).map(String)
          })
        )
      )
      expect(outputs).toEqual(Array.from({ length: 10 }, (_, i) => [`out-${i}\n`, `err-${i}\n`]))
    })
  )

  it.live("subprocess-044 a signal at about the end is sent or refused, and no code is made up", () =>
    onLoop(async (loop) => {
      const codes = new Set<number>()
      for (let i = 0; i < 30; i++) {
        const child = await loop.createSubprocessExec("sh", ["-c", "exit 0"], { stdout: "pipe" })
        if (i % 3 === 0) await child.stdout.read()
        if (i % 3 === 1) await loop.sleep(0)
        try {
          child.sendSignal("SIGTERM")
        } catch (error) {
          expect(error).toBeInstanceOf(ProcessLookupError)
        }
        codes.add(await child.wait())
        expect(() => child.terminate()).toThrow(ProcessLookupError)
        expect(() => child.kill()).toThrow(ProcessLookupError)
      }
      for (const code of codes) expect([0, -15]).toContain(code)
    })
  )

  it.live("a signal to the group reaches what a shell has started", () =>
    onLoop(async (loop) => {
      const shell = await loop.createSubprocessShell("sleep 100 & wait", { stdout: "pipe" })
      expect(() => shell.signalGroup("SIGNOPE" as never)).toThrow(
        expect.objectContaining({ _tag: "SignalError" })
      )
      shell.signalGroup("SIGKILL")
      // Whoever has the pipe has ended.
      expect(String(await shell.stdout.read())).toBe("")
      expect(await shell.wait()).toBe(-9)
      expect(() => shell.signalGroup("SIGTERM")).toThrow(ProcessLookupError)
    })
  )

  it.live("subprocess-037 subprocess-040 a program, argument and cwd may be file: URLs", () =>
    onLoop(async (loop) => {
      const program = pathToFileURL("/bin/sh")
      const child = await loop.createSubprocessExec(
        program,
        ["-c", 'pwd; echo "$0"', pathToFileURL("/tmp/a b")],
        {
          stdout: "pipe",
          cwd: new URL("file:///")
        }
      )
      expect(String((await child.communicate())[0])).toBe("/\n/tmp/a b\n")
    })
  )

  it.live("subprocess-039 env reaches a program and a shell, without the parent's", () =>
    onLoop(async (loop) => {
      const env = { FOO: "bar" }
      const exec = await loop.createSubprocessExec("/usr/bin/env", [], { stdout: "pipe", env })
      expect(String((await exec.communicate())[0])).toBe("FOO=bar\n")
      const shell = await loop.createSubprocessShell("echo $FOO$HOME", { stdout: "pipe", env })
      expect(String((await shell.communicate())[0])).toBe("bar\n")
    })
  )

  it.live("subprocess-056 output goes to a file, and so does an error text", () =>
    onLoop(async (loop) => {
      const path = join(folder, "out")
      const fd = openSync(path, "w")
      const child = await loop.createSubprocessExec("cat", ["/no/such/file"], { stdout: fd, stderr: fd })
      expect([child.stdout, child.stderr]).toEqual([null, null])
      expect(await child.wait()).toBe(1)
      const echo = await loop.createSubprocessExec("echo", ["out"], { stdout: fd })
      expect(await echo.wait()).toBe(0)
      closeSync(fd)
      expect(readFileSync(path, "utf8")).toMatch(/No such file[^\n]*\nout\n$/)
    })
  )

  it.live("subprocess-049 subprocess-050 subprocess-053 executable, pid and a pipe of another number", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessExec("no-such-name", ["-c", "read x <&4; echo $0 $$ $x >&4"], {
        executable: "/bin/sh",
        fds: { 4: "pipe" }
      })
      const pipe = child.pipe(4)
      pipe?.writer.write("word\n")
      expect(String(await pipe?.reader.readline())).toBe(`no-such-name ${child.pid} word\n`)
      expect([child.pipe(3), child.pipe(1)]).toEqual([null, null])
      expect(await child.wait()).toBe(0)
      await pipe?.writer.waitClosed()
    })
  )

  it.live("fails to start with the error of the system, and leaves nothing", () =>
    onLoop(async (loop) => {
      const before = openFds()
      const tried: ReadonlyArray<ProcessOptions> = [{}, all, { cwd: "/no/such/folder" }]
      for (const options of tried) {
        const error = await failure(loop.createSubprocessExec("/no/such/program", [], options))
        expect(error).toBeInstanceOf(SpawnError)
        expect(error).toMatchObject({ code: "ENOENT" })
      }
      await until(() => openFds() <= before)
      expect(loop.statistics().processes).toBe(0)
    })
  )

  it.live("its stdout is an async iterable of lines", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessExec("seq", ["10000"], { stdout: "pipe" })
      let sum = 0
      for await (const line of child.stdout) sum += Number(line)
      expect(sum).toBe((10000 * 10001) / 2)
      expect(await child.wait()).toBe(0)
    })
  )

  it.live("its limit is that of a line", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessShell("echo 123456; echo 12", { stdout: "pipe", limit: 4 })
      expect(await failure(child.stdout.readline())).toMatchObject({ _tag: "LimitOverrunError" })
      expect(String(await child.stdout.readline())).toBe("12\n")
    })
  )
})

describe("communicate", () => {
  it.live("subprocess-057 large inputs come back through a child that copies", () =>
    onLoop(async (loop) => {
      for (const size of [65_536, 65_537, 1_000_000]) {
        const input = Buffer.alloc(size, "0123456789")
        const child = await loop.createSubprocessExec("dd", ["bs=1000", "status=none"], all)
        const [out, err] = await child.communicate(input)
        expect(out.equals(input)).toBe(true)
        expect([err.length, child.returncode]).toEqual([0, 0])
      }
      const slow = await loop.createSubprocessExec("dd", ["bs=1", "status=none"], both)
      const input = Buffer.alloc(65_537, "0123456789")
      expect((await slow.communicate(input))[0].equals(input)).toBe(true)
    })
  )

  it.live("subprocess-057 written at once and read meanwhile", () =>
    onLoop(async (loop) => {
      const input = Buffer.alloc(1_000_000, "0123456789")
      const child = await loop.createSubprocessExec("cat", [], both)
      child.stdin.write(input)
      const output = child.stdout.readexactly(input.length)
      await child.stdin.drain()
      child.stdin.close()
      expect((await output).equals(input)).toBe(true)
      expect(await child.wait()).toBe(0)
    })
  )

  it.live(
    "subprocess-058 written in one go and drained, the child sees all lines while stdin stays open",
    () =>
      onLoop(async (loop) => {
        for (const size of [8192, 8193, 219_263, 219_264]) {
          const line = "x".repeat(99) + "\n"
          const input = line.repeat(Math.floor(size / 100)) + "x".repeat(size % 100) + "\nend\n"
          const lines = input.split("\n").length - 1
          const child = await loop.createSubprocessExec("sed", ["-n", "/^end$/{=;q}"], both)
          child.stdin.write(input)
          await child.stdin.drain()
          expect(Number(await child.stdout.readline())).toBe(lines)
          expect(await child.wait()).toBe(0)
        }
      })
  )

  it.live("a child that does not read its input is no failure", () =>
    onLoop(async (loop) => {
      for (const script of ["exec <&-; echo done", "exit 3", "echo done; sleep 0.05"]) {
        const child = await sh(loop, script)
        const [out] = await child.communicate(Buffer.alloc(1_000_000))
        expect(String(out)).toBe(script.includes("done") ? "done\n" : "")
        expect(child.returncode).toBe(script === "exit 3" ? 3 : 0)
      }
    })
  )

  it.live("cancelling it leaves the child running, and what was read can be read again", () =>
    onLoop(async (loop) => {
      const child = await sh(loop, "echo first; read x; echo second; exit 4")
      const task = child.communicate()
      task.cancel()
      expect(await failure(task)).toBeInstanceOf(CancelledError)
      // Without input it closes stdin, which lets the child go on.
      expect(String((await child.communicate())[0])).toBe("first\nsecond\n")
      expect(child.returncode).toBe(4)
    })
  )

  it.live("cancelling it in the middle gives back what it had collected", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessShell("echo first; sleep 100", {
        stdout: "pipe",
        detached: true
      })
      const task = child.communicate()
      await loop.sleep(100)
      task.cancel()
      await failure(task)
      expect(child.returncode).toBeNull()
      expect(String(await child.stdout.readline())).toBe("first\n")
      child.kill()
      expect(await child.wait()).toBe(-9)
    })
  )

  it.live("cancelling it while the child does not take its input leaves its output to be read", () =>
    onLoop(async (loop) => {
      const child = await sh(loop, "echo first; exec sleep 100")
      const task = child.communicate(Buffer.alloc(1_000_000))
      await loop.sleep(0)
      await loop.sleep(0)
      task.cancel()
      expect(await failure(task)).toBeInstanceOf(CancelledError)
      expect(String(await child.stdout.readline())).toBe("first\n")
      child.transport.close()
      expect(await child.wait()).toBe(-9)
    })
  )

  it.live("input without a pipe for it, and what is no input, are refused", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessExec("true", [], { stdout: "pipe" })
      expect(() => child.communicate("x")).toThrow(InvalidStateError)
      expect(() => child.communicate(7 as never)).toThrow(TypeError)
      const reading = child.stdout.readexactly(1000)
      expect(await failure(child.communicate())).toBeInstanceOf(InvalidStateError)
      expect(await failure(reading)).toMatchObject({ _tag: "IncompleteReadError" })
      expect(await child.wait()).toBe(0)
    })
  )
})

describe("input to a process that has ended", () => {
  it.live("write is dropped, and drain fails and names the process", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessExec("sh", ["-c", "exit 5"], { stdin: "pipe" })
      await child.wait()
      child.stdin.write("too late")
      const error = await failure(child.stdin.drain())
      expect(error).toBeInstanceOf(BrokenPipeError)
      expect(String(error)).toContain(`fd 0 of sh -c "exit 5" (pid ${child.pid}): it has ended with 5`)
      expect(child.stdin.isClosing()).toBe(true)
      child.stdin.close()
      child.stdin.write("again")
      expect(await failure(child.stdin.drain())).toBeInstanceOf(BrokenPipeError)
      await child.stdin.waitClosed()
    })
  )

  it.live("what was written and not taken fails the drain that waits, and waitClosed", () =>
    onLoop(async (loop) => {
      const child = await loop.createSubprocessExec("sleep", ["100"], { stdin: "pipe" })
      child.stdin.write(Buffer.alloc(10_000_000))
      const drain = child.stdin.drain()
      const cancelled = child.stdin.drain()
      const closed = child.stdin.waitClosed()
      await loop.sleep(0)
      expect(cancelled.cancel()).toBe(true)
      expect(drain.done()).toBe(false)
      child.kill()
      expect(await failure(drain)).toBeInstanceOf(BrokenPipeError)
      expect(await failure(closed)).toBeInstanceOf(BrokenPipeError)
      expect(await child.wait()).toBe(-9)
    })
  )

  it.live("a child that closes its input breaks the pipe while it runs", () =>
    onLoop(async (loop) => {
      const child = await sh(loop, "exec <&-; echo closed; exec sleep 100")
      await child.stdout.readline()
      let error: unknown
      while (error === undefined) {
        child.stdin.write("x")
        await child.stdin.drain().then(
          () => loop.sleep(0),
          (e: unknown) => {
            error = e
          }
        )
      }
      expect(error).toBeInstanceOf(BrokenPipeError)
      expect((error as BrokenPipeError).cause).toMatchObject({ code: "EPIPE" })
      expect(child.returncode).toBeNull()
      child.transport.close()
      expect(await child.wait()).toBe(-9)
    })
  )

  for (const [who, wait] of [
    ["wait()", (child: Awaited<ReturnType<typeof sh>>) => child.wait()],
    ["a read of stdout", (child: Awaited<ReturnType<typeof sh>>) => child.stdout.readline()]
  ] as const) {
    it.live(`J6 ${who} that may never end, because nobody reads stderr, is told once`, () => {
      const { exceptionHandler, reports } = collecting()
      return onLoop(
        async (loop) => {
          const child = await sh(loop, "head -c 2000000 /dev/zero >&2; echo out")
          const waits = wait(child)
          await until(() => reports.length > 0)
          await loop.sleep(30)
          expect((await child.stderr.read()).length).toBe(2_000_000)
          await waits
          expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
          expect(reports[0]?.message.replaceAll(/\d+:/g, "N:")).toContain(
            `${who} waits for pid N: sh -c "head -c 2000000 /dev/zero >&2; echo out", whose stderr is full, with nobody`
          )
          expect(loop.statistics().timers).toBe(0)
        },
        { exceptionHandler, slowJoin: 10 }
      )
    })
  }

  it.live("J6 what is full and nobody waits for is not told", () => {
    const { exceptionHandler, reports } = collecting()
    return onLoop(
      async (loop) => {
        const child = await sh(loop, "exec head -c 2000000 /dev/zero")
        await until(() => child.transport._full(1))
        await loop.sleep(30)
        const rest = child.stdout.read()
        expect(loop.statistics().timers).toBe(0)
        expect((await rest).length).toBe(2_000_000)
        expect(await child.wait()).toBe(0)
        expect(reports).toEqual([])
        expect(loop.statistics().timers).toBe(0)
      },
      { exceptionHandler, slowJoin: 5 }
    )
  })
})
