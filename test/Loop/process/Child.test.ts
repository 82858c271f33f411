// One child process on a loop: how it is started, what it is given, and its exit.
// Covers: SubprocessOptions, checkRoom, processGroups, socketPair, spawnChild
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import {
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  closeSync,
  writeFileSync,
  createWriteStream
} from "node:fs"
import { open as openFile } from "node:fs/promises"
import { createServer, connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, describe, expect } from "vitest"
import { compiled } from "../../support/compiled.js"
import { type EventLoop, LoopClosedError, Loop, SpawnError } from "../../../src/index.js"
import type { SubprocessOptions } from "../../../src/Loop/process/SubprocessOptions.js"
import {
  exited,
  exists,
  openFds,
  read,
  runs,
  shell,
  spawn,
  stopped,
  until,
  watchPid
} from "../../fixtures/child/children.js"
import { collecting, open, scoped } from "../../support/scopedLoops.js"

const folder = mkdtempSync(join(tmpdir(), "E-child-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** A body of promises on a loop of its own. */
const onLoop = (body: (loop: EventLoop) => Promise<unknown>) =>
  scoped(Effect.flatMap(Loop, (loop) => Effect.promise(() => body(loop))))

const output = async (loop: EventLoop, command: string, options?: SubprocessOptions): Promise<string> =>
  read(await shell(loop, command, options))

const failure = (
  loop: EventLoop,
  program: string,
  args: ReadonlyArray<string> = [],
  options?: SubprocessOptions
) =>
  spawn(loop, program, args, options).then(
    () => undefined,
    (error: unknown) => error
  )

describe("what a child is given", () => {
  it.live(
    "subprocess-039 env replaces the parent's environment, an empty one is empty, undefined is left out",
    () =>
      onLoop(async (loop) => {
        process.env["E_CHILD"] = "parent"
        expect(await output(loop, "echo $E_CHILD")).toBe("parent\n")
        expect(await output(loop, "echo $FOO$E_CHILD", { env: { FOO: "bar", E_CHILD: undefined } })).toBe(
          "bar\n"
        )
        expect(await read(await spawn(loop, "/usr/bin/env", [], { env: {} }))).toBe("")
        delete process.env["E_CHILD"]
      })
  )

  it.live("the program is looked up on the PATH of the child's environment", () =>
    onLoop(async (loop) => {
      writeFileSync(join(folder, "e-own-program"), "#!/bin/sh\necho own\n", { mode: 0o755 })
      expect(await failure(loop, "e-own-program")).toMatchObject({ code: "ENOENT" })
      expect(await read(await spawn(loop, "e-own-program", [], { env: { PATH: folder } }))).toBe("own\n")
    })
  )

  it.live("subprocess-040 cwd is a path or a file: URL", () =>
    onLoop(async (loop) => {
      expect(await output(loop, "pwd", { cwd: "/" })).toBe("/\n")
      expect(await output(loop, "pwd", { cwd: pathToFileURL(folder) })).toBe(`${folder}\n`)
    })
  )

  it.live("subprocess-037 a program and arguments may be file: URLs", () =>
    onLoop(async (loop) => {
      const script = join(folder, "with space")
      writeFileSync(script, `#!/bin/sh\necho "$1"\n`, { mode: 0o755 })
      const child = await spawn(loop, pathToFileURL(script), [pathToFileURL("/tmp/a b")])
      expect(child.command).toBe(`${JSON.stringify(script)} "/tmp/a b"`)
      expect(await read(child)).toBe("/tmp/a b\n")
    })
  )

  it.live(
    "subprocess-049 executable is what runs, although argv[0] names something that does not exist",
    () =>
      onLoop(async (loop) => {
        const child = await spawn(loop, "no-such-thing", ["-c", "echo $0"], { executable: "sh" })
        expect(await read(child)).toBe("no-such-thing\n")
      })
  )

  it.live("subprocess-050 its pid is the child's", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "echo $$")
      expect(await read(child)).toBe(`${child.pid}\n`)
    })
  )

  it.live("detached leads a session and group of its own, otherwise it is the parent's", () =>
    onLoop(async (loop) => {
      const groups = async (detached: boolean) => {
        const child = await shell(loop, "cut -d ' ' -f 5,6 /proc/$$/stat", { detached })
        return [(await read(child)).trim(), child.pid] as const
      }
      const [own, pid] = await groups(true)
      expect(own).toBe(`${pid} ${pid}`)
      const [others, other] = await groups(false)
      expect(others.split(" ")).not.toContain(String(other))
    })
  )

  it.live("uid and gid are the child's", () =>
    onLoop(async (loop) => {
      const uid = process.getuid?.() ?? 0
      const to = uid === 0 ? 12345 : uid
      expect(await output(loop, "id -u", { uid: to })).toBe(`${to}\n`)
      if (uid === 0) expect(await output(loop, "id -g", { gid: 54321 })).toBe("54321\n")
    })
  )
})

describe("where its file descriptors lead", () => {
  it.live("subprocess-027 devnull gives an end of file at once, takes what is written, and is no pipe", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "cat; echo gone >&3; echo x; echo y >&2", {
        stdin: "devnull",
        stdout: "devnull",
        stderr: "devnull",
        fds: { 3: "devnull" }
      })
      expect(child.pipes.size).toBe(0)
      expect(await exited(child)).toBe(0)
    })
  )

  it.live("subprocess-010 stderr to stdout is one pipe, in the order in which both were written", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "for i in 1 2 3; do echo out$i; echo err$i >&2; done", {
        stderr: "stdout"
      })
      expect([...child.pipes.keys()]).toEqual([1])
      expect(await read(child)).toBe("out1\nerr1\nout2\nerr2\nout3\nerr3\n")
    })
  )

  it.live("stderr to stdout follows stdout wherever it leads", () =>
    onLoop(async (loop) => {
      const file = join(folder, "both.txt")
      const fd = openSync(file, "w")
      const child = await shell(loop, "echo out; echo err >&2", { stdout: fd, stderr: "stdout" })
      closeSync(fd)
      expect(await exited(child)).toBe(0)
      expect(readFileSync(file, "utf8")).toBe("out\nerr\n")
      expect(await exited(await shell(loop, "echo x >&2", { stdout: "devnull", stderr: "stdout" }))).toBe(0)
      const inherited = await shell(
        loop,
        `test "$(readlink /proc/$$/fd/2)" = "$(readlink /proc/${process.pid}/fd/1)"`,
        {
          stdout: "inherit",
          stderr: "stdout"
        }
      )
      expect(await exited(inherited)).toBe(0)
    })
  )

  it.live("what is larger than any buffer goes through the pipe that both share", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "head -c 500000 /dev/zero; head -c 500000 /dev/zero >&2", {
        stderr: "stdout"
      })
      expect((await read(child)).length).toBe(1_000_000)
    })
  )

  it.live(
    "the pipe that both share blocks, so that no program meets EAGAIN, and belongs to the child alone",
    () =>
      onLoop(async (loop) => {
        const child = await shell(loop, "cat /proc/$$/fdinfo/1; cat /proc/$$/fdinfo/2", { stderr: "stdout" })
        const flags = [...(await read(child)).matchAll(/flags:\s*(\d+)/g)].map(([, octal]) =>
          parseInt(octal ?? "", 8)
        )
        expect(flags).toHaveLength(2)
        for (const flag of flags) expect(flag & 0o4000).toBe(0)
      })
  )

  it.live("subprocess-053 a descriptor that is passed on can be used, and no other one is there", () =>
    onLoop(async (loop) => {
      const file = join(folder, "passed.txt")
      const fd = openSync(file, "w")
      const other = openSync(file, "r")
      const child = await shell(loop, "echo passed >&5; ls /proc/$$/fd", { fds: { 5: fd } })
      // The shell may have one of its own, from 10 on; what the test runner was started with is not of Node's making.
      const inherited = openFds()
        .filter((line) => /^\d+ /.test(line))
        .map((line) => Number(line.split(" ")[0]))
      const fds = (await read(child)).trim().split("\n").map(Number)
      expect(fds).toEqual(expect.arrayContaining([0, 1, 2, 5]))
      const cloexec = (n: number) =>
        (parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${n}`, "utf8"))?.[1] ?? "0", 8) &
          0o2000000) !==
        0
      expect(cloexec(other)).toBe(true)
      const leaked = fds.filter((n) => n > 2 && n !== 5 && inherited.includes(n) && cloexec(n))
      expect(leaked).toEqual([])
      closeSync(fd)
      closeSync(other)
      expect(readFileSync(file, "utf8")).toBe("passed\n")
    })
  )

  it.live("an extra pipe can be written and read by both", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "read line <&4; echo got $line >&4", { fds: { 4: "pipe" } })
      child.pipes.get(4)?.write("hello\n")
      expect(await read(child, 4)).toBe("got hello\n")
    })
  )

  it.live("subprocess-055 inherit is the parent's own, and no pipe", () =>
    onLoop(async (loop) => {
      const child = await shell(
        loop,
        `for fd in 0 1 2; do test "$(readlink /proc/$$/fd/$fd)" = "$(readlink /proc/${process.pid}/fd/$fd)" || exit 1; done`,
        { stdin: "inherit", stdout: "inherit", stderr: "inherit" }
      )
      expect([child.pipes.size, await exited(child)]).toEqual([0, 0])
    })
  )

  it.live("subprocess-056 an open file takes the output: by number, as a FileHandle, as a WriteStream", () =>
    onLoop(async (loop) => {
      const file = join(folder, "output.txt")
      const handle = await openFile(file, "w")
      const stream = createWriteStream(join(folder, "errors.txt"))
      await new Promise((resolve) => stream.once("open", resolve))
      const child = await shell(loop, "echo fine; echo wrong >&2; exit 1", { stdout: handle, stderr: stream })
      expect(await exited(child)).toBe(1)
      await handle.close()
      await new Promise((resolve) => stream.close(resolve))
      expect([readFileSync(file, "utf8"), readFileSync(join(folder, "errors.txt"), "utf8")]).toEqual([
        "fine\n",
        "wrong\n"
      ])
    })
  )

  it.live("a socket is given to the child as it is", () =>
    onLoop(async (loop) => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(join(folder, "socket"), resolve))
      const accepted = new Promise<string>((resolve) =>
        server.once("connection", (socket) => {
          let text = ""
          socket.on("data", (bytes) => (text += String(bytes))).on("close", () => resolve(text))
        })
      )
      const socket = connect(join(folder, "socket"))
      await new Promise((resolve) => socket.once("connect", resolve))
      const child = await shell(loop, "echo through the socket", { stdout: socket })
      socket.destroy()
      expect(await exited(child)).toBe(0)
      expect(await accepted).toBe("through the socket\n")
      server.close()
      expect(() => shell(loop, "", { stdout: socket })).toThrow(TypeError)
    })
  )
})

describe("what is refused, before anything is started", () => {
  const cases: ReadonlyArray<readonly [string, () => unknown, (loop: EventLoop) => unknown]> = [
    ["no program", () => TypeError, (loop) => spawn(loop, undefined as never)],
    ["an array as the program", () => TypeError, (loop) => spawn(loop, ["ls"] as never)],
    ["a number among the arguments", () => TypeError, (loop) => spawn(loop, "ls", [1 as never])],
    ["arguments that are no array", () => TypeError, (loop) => spawn(loop, "ls", "-l" as never)],
    ["an empty program", () => RangeError, (loop) => spawn(loop, "")],
    ["a NUL byte in the program", () => TypeError, (loop) => spawn(loop, "l\0s")],
    ["a NUL byte in an argument", () => TypeError, (loop) => spawn(loop, "ls", ["a\0b"])],
    ["a URL that is no file", () => TypeError, (loop) => spawn(loop, new URL("http://localhost/ls"))],
    ["options that are no object", () => TypeError, (loop) => spawn(loop, "ls", [], 1 as never)],
    ["an unknown option", () => RangeError, (loop) => spawn(loop, "ls", [], { cwdd: "/" } as never)],
    ["a cwd that is no path", () => TypeError, (loop) => spawn(loop, "ls", [], { cwd: 1 as never })],
    ["an env that is no object", () => TypeError, (loop) => spawn(loop, "ls", [], { env: "A=1" as never })],
    ["an env that is a Map", () => TypeError, (loop) => spawn(loop, "ls", [], { env: new Map() as never })],
    ["stdin that is null", () => TypeError, (loop) => spawn(loop, "ls", [], { stdin: null as never })],
    ["stdout that is null", () => TypeError, (loop) => spawn(loop, "ls", [], { stdout: null as never })],
    ["a number in env", () => TypeError, (loop) => spawn(loop, "ls", [], { env: { A: 1 as never } })],
    ["a NUL byte in env", () => TypeError, (loop) => spawn(loop, "ls", [], { env: { A: "\0" } })],
    [
      "a variable with = in its name",
      () => RangeError,
      (loop) => spawn(loop, "ls", [], { env: { "A=B": "" } })
    ],
    [
      "an unknown redirection",
      () => RangeError,
      (loop) => spawn(loop, "ls", [], { stdout: "ignore" as never })
    ],
    ["stdout to stdout", () => RangeError, (loop) => spawn(loop, "ls", [], { stdout: "stdout" as never })],
    ["a negative descriptor", () => RangeError, (loop) => spawn(loop, "ls", [], { stdout: -1 })],
    [
      "an object without descriptor",
      () => TypeError,
      (loop) => spawn(loop, "ls", [], { stdin: {} as never })
    ],
    [
      "a file that is not open yet",
      () => TypeError,
      (loop) => spawn(loop, "ls", [], { stdin: { fd: null as never } })
    ],
    [
      "an extra descriptor below 3",
      () => RangeError,
      (loop) => spawn(loop, "ls", [], { fds: { 2: "pipe" } })
    ],
    [
      "an extra descriptor beyond all",
      () => RangeError,
      (loop) => spawn(loop, "ls", [], { fds: { 100000: "pipe" } })
    ],
    ["fds that are no object", () => TypeError, (loop) => spawn(loop, "ls", [], { fds: "3" as never })],
    ["a uid that is no number", () => TypeError, (loop) => spawn(loop, "ls", [], { uid: "root" as never })],
    ["fds that are a Map", () => TypeError, (loop) => spawn(loop, "ls", [], { fds: new Map() as never })],
    ["a uid beyond what Node takes", () => RangeError, (loop) => spawn(loop, "ls", [], { uid: 2 ** 31 })],
    ["a negative gid", () => RangeError, (loop) => spawn(loop, "ls", [], { gid: -1 })],
    [
      "detached that is no boolean",
      () => TypeError,
      (loop) => spawn(loop, "ls", [], { detached: 1 as never })
    ],
    ["a negative killGrace", () => RangeError, (loop) => spawn(loop, "ls", [], { killGrace: -1 })],
    [
      "a killGrace that is no duration",
      () => TypeError,
      (loop) => spawn(loop, "ls", [], { killGrace: {} as never })
    ],
    [
      "a killSignal that is none",
      () => RangeError,
      (loop) => spawn(loop, "ls", [], { killSignal: "SIGNOPE" as never })
    ],
    ["a killSignal of 0", () => RangeError, (loop) => spawn(loop, "ls", [], { killSignal: 0 })],
    [
      "a killSignal that is no name",
      () => TypeError,
      (loop) => spawn(loop, "ls", [], { killSignal: null as never })
    ]
  ]
  for (const [what, error, call] of cases) {
    it.live(`subprocess-015 ${what} is a ${(error() as { name: string }).name}`, () =>
      onLoop(async (loop) => {
        expect(() => call(loop)).toThrow(error() as never)
        expect(loop.statistics().processes).toBe(0)
      })
    )
  }

  for (const option of [
    "shell",
    "encoding",
    "text",
    "errors",
    "bufsize",
    "universalNewlines",
    "stdio",
    "timeout"
  ]) {
    it.live(`subprocess-013 subprocess-036 the option ${option} is refused, with the remedy`, () =>
      onLoop(async (loop) => {
        const call = () => spawn(loop, "ls", [], { [option]: true } as never)
        expect(call).toThrow(RangeError)
        expect(call).toThrow(new RegExp(`no option "${option}": `))
      })
    )
  }

  it.live("subprocess-015 a hole among the arguments is missed by its number", () =>
    onLoop(async (loop) => {
      const args = ["a"]
      args[2] = "b"
      expect(() => spawn(loop, "ls", args)).toThrow(new TypeError("argument 1 is a string, not undefined"))
    })
  )

  it.live("a closed loop refuses, and starts nothing", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(open())
      expect(() => spawn(loop, "ls")).toThrow(LoopClosedError)
    })
  )
})

describe("what the system refuses", () => {
  const bad = (
    what: string,
    code: string,
    why: RegExp,
    program: string,
    args: Array<string>,
    options: SubprocessOptions
  ) =>
    it.live(`subprocess-033 ${what} is a SpawnError with ${code}, and leaves nothing`, () =>
      onLoop(async (loop) => {
        const before = openFds()
        for (const stdin of ["pipe", "devnull"] as const) {
          for (const stderr of ["stdout", "pipe"] as const) {
            const error = await failure(loop, program, args, { stdin, stderr, ...options })
            expect(error).toBeInstanceOf(SpawnError)
            expect(error).toMatchObject({ code })
            expect(String(error)).toMatch(why)
            expect((error as SpawnError).cause).toMatchObject({ code })
          }
        }
        await until(() => openFds().length === before.length)
        expect(loop.statistics().processes).toBe(0)
      })
    )
  writeFileSync(join(folder, "plain.txt"), "text", { mode: 0o644 })
  writeFileSync(join(folder, "bad-interpreter"), "#!/no/such/interpreter\n", { mode: 0o755 })
  const file = join(folder, "plain.txt")
  bad("a missing program", "ENOENT", /no program no-such-program on the PATH/, "no-such-program", [], {})
  bad("a missing path", "ENOENT", /there is no program \/no\/such/, "/no/such/program", [], {})
  bad(
    "a missing interpreter",
    "ENOENT",
    /the interpreter that it names is not/,
    join(folder, "bad-interpreter"),
    [],
    {}
  )
  bad("a path missing in cwd", "ENOENT", /there is no program \.\/test/, "./test", [], { cwd: "/" })
  bad(
    "a missing interpreter in cwd",
    "ENOENT",
    /the interpreter that it names is not/,
    "./bad-interpreter",
    [],
    { cwd: folder }
  )
  bad("a missing cwd", "ENOENT", /working directory \/no\/such does not exist/, "ls", [], { cwd: "/no/such" })
  bad("a cwd that is a file", "ENOTDIR", /plain.txt is no directory/, "ls", [], { cwd: file })
  bad("a file that may not be run", "EACCES", /permission denied/, file, [], {})
  bad("an argument that is too long", "E2BIG", /too long/, "ls", ["x".repeat(3_000_000)], {})
  bad("a descriptor that is not open", "EBADF", /is not open/, "ls", [], { fds: { 3: 1023 } })

  const given: Readonly<Record<string, (fd: number) => SubprocessOptions>> = {
    "as stdin": (fd) => ({ stdin: fd }),
    "as stdout": (fd) => ({ stdout: fd }),
    "as stderr": (fd) => ({ stderr: fd }),
    "as stdin, and stdout and stderr share a pipe": (fd) => ({ stdin: fd, stderr: "stdout" }),
    "as another one": (fd) => ({ fds: { 3: fd } }),
    "as another one, beside one that is opened for the start": (fd) => ({ fds: { 3: "devnull", 4: fd } }),
    "as an object": (fd) => ({ stdin: { fd } }),
    "as the parent's own": (fd) => ({ fds: { [fd]: "inherit" } })
  }
  for (const [how, options] of Object.entries(given)) {
    it.live(`a number that was just closed is a SpawnError with EBADF: ${how}`, () =>
      onLoop(async (loop) => {
        const before = openFds()
        const fd = openSync("/dev/null", "r")
        closeSync(fd)
        const error = await failure(loop, "ls", [], { stdin: "pipe", ...options(fd) })
        expect(error).toBeInstanceOf(SpawnError)
        expect(error).toMatchObject({ code: "EBADF" })
        await until(() => openFds().length === before.length)
      })
    )
  }

  if (process.getuid?.() !== 0) bad("another user", "EPERM", /not permitted/, "ls", [], { uid: 0 })

  it.live(
    "EMFILE, with no descriptor left or too few, is a SpawnError that leaves none open, and the next start works",
    () =>
      Effect.sync(() => {
        const { status, stderr, stdout } = spawnSync(
          "sh",
          [
            "-c",
            `ulimit -n 300; exec "$0" "$1"`,
            process.execPath,
            compiled("test/fixtures/child/noDescriptors.ts")
          ],
          { encoding: "utf8" }
        )
        expect([stderr, stdout.replaceAll(/with \d+/g, "with more"), status]).toEqual([
          "",
          "pipe SpawnError EMFILE\nstdout SpawnError EMFILE\nthen 0\npipe with more\nstdout with more\nnothing left\n",
          0
        ])
      })
  )

  it.live("the command in the error is shortened", () =>
    onLoop(async (loop) => {
      const error = (await failure(loop, "no-such-program", ["y".repeat(5_000_000)])) as SpawnError
      expect(error.command.length).toBeLessThan(90)
    })
  )
})

describe("the names of its own descriptors", () => {
  // The Gotcha of `subprocessExec`. If Node comes to make real pipes, it can go.
  it.live.runIf(process.platform === "linux")(
    "cannot be opened where they are pipes; a cat between helps",
    () =>
      onLoop(async (loop) => {
        const feed = async (command: string): Promise<string> => {
          const child = await shell(loop, command, { stdin: "pipe", stderr: "stdout" })
          child.pipes.get(0)?.end("text")
          return read(child)
        }
        expect(await feed("cat /dev/stdin")).toMatch(/No such device or address/)
        expect(await feed("echo x > /dev/stdout")).toMatch(/No such device or address/)
        expect(await feed("cat | cat /dev/stdin")).toBe("text")
        expect(await feed("{ echo x > /dev/stdout; } | cat")).toBe("x\n")
        expect(await feed("echo x >&2")).toBe("x\n")
      })
  )
})

describe("its exit", () => {
  it.live("is its code, or the negative number of the signal", () =>
    onLoop(async (loop) => {
      const codes = ["exit 0", "exit 8", "kill -HUP $$", "kill -9 $$", "kill -TERM $$"].map(async (command) =>
        exited(await shell(loop, command))
      )
      expect(await Promise.all(codes)).toEqual([0, 8, -1, -9, -15])
    })
  )

  it.live("subprocess-012 a child in a group of its own is seen to exit", () =>
    onLoop(async (loop) => {
      expect(await exited(await shell(loop, "exit 8", { detached: true }))).toBe(8)
    })
  )

  it.live("is told as a callback of the loop, at once where it has exited, and not when taken back", () =>
    onLoop(async (loop) => {
      const log: Array<string> = []
      const child = await shell(loop, "exit 3")
      child.onExit(() => log.push("never"))()
      child.onExit(() => log.push("first"))
      await exited(child)
      child.onExit(() => log.push("again"))
      log.push("asked")
      await exited(child)
      expect(log).toEqual(["first", "asked", "again"])
    })
  )

  it.live("subprocess-035 what was written before the exit is read after it, and slowly", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "head -c 262144 /dev/zero")
      const pipe = child.pipes.get(1)
      let length = 0
      let reads = 0
      while (pipe !== undefined && !pipe.readableEnded) {
        const bytes: unknown = pipe.read()
        if (bytes instanceof Uint8Array) length += bytes.length
        if (reads++ < 5) await new Promise((resolve) => setTimeout(resolve, 30))
        else await new Promise((resolve) => setImmediate(resolve))
      }
      expect([length, child.returncode]).toEqual([262144, 0])
    })
  )

  it.live("a short tail that nobody reads is still there long after the exit", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "echo tail")
      await exited(child)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(await read(child)).toBe("tail\n")
    })
  )

  it.live("subprocess-038 ten children at once do not mix what they write", () =>
    onLoop(async (loop) => {
      const texts = await Promise.all(
        Array.from({ length: 10 }, async (_, i) =>
          output(loop, `for i in 1 2 3 4 5; do echo child ${i}; done`)
        )
      )
      expect(texts).toEqual(Array.from({ length: 10 }, (_, i) => `child ${i}\n`.repeat(5)))
    })
  )

  it.live("subprocess-034 ten failed starts and ten children leave no descriptor and no listener", () =>
    onLoop(async (loop) => {
      await exited(await shell(loop, "exit"))
      const before = openFds()
      for (let i = 0; i < 10; i++) {
        await failure(loop, "no-such-program", [], { stdin: "pipe", stderr: "pipe" })
        const child = await shell(loop, "cat", { stdin: "pipe", stderr: "stdout" })
        const pipes = [...child.pipes.values()]
        child.pipes.get(0)?.end("x")
        expect(await read(child)).toBe("x")
        await exited(child)
        await until(() => pipes.every((pipe) => pipe.closed))
        // A socket says that it is closed before it tells so.
        const left = () =>
          pipes.reduce((n, p) => n + p.listenerCount("error") + p.listenerCount("readable"), 0)
        await until(() => left() === 0)
      }
      await until(() => openFds().length <= before.length)
      expect(loop.statistics().processes).toBe(0)
    })
  )

  it.live("an EPIPE that nobody waits for is no uncaught exception", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "exec <&-; echo closed; sleep 100", { stdin: "pipe" })
      await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
      for (let i = 0; i < 100; i++) child.pipes.get(0)?.write("x".repeat(10_000))
      await until(() => child.pipes.get(0)?.closed === true)
      await stopped(child)
    })
  )
})

describe("signals to it", () => {
  it.live(
    "subprocess-008 a signal by name or number ends it with minus its number, also where the parent ignores it",
    () =>
      onLoop(async (loop) => {
        const ignore = (): void => {}
        process.on("SIGHUP", ignore)
        for (const signal of ["SIGHUP", 1] as const) {
          const child = await shell(loop, "echo ready; exec sleep 100")
          await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
          child.sendSignal(signal)
          expect(await exited(child)).toBe(-1)
          await read(child)
        }
        process.off("SIGHUP", ignore)
      })
  )

  it.live("subprocess-006 subprocess-007 kill and terminate", () =>
    onLoop(async (loop) => {
      const killed = await spawn(loop, "sleep", ["100"])
      killed.kill()
      const told = await spawn(loop, "sleep", ["100"])
      told.terminate()
      expect([await exited(killed), await exited(told)]).toEqual([-9, -15])
    })
  )

  it.live("after the exit they throw ProcessLookupError, before it SignalError for what is no signal", () =>
    onLoop(async (loop) => {
      const child = await spawn(loop, "sleep", ["100"])
      expect(() => child.sendSignal("SIGNOPE" as never)).toThrow(
        expect.objectContaining({ _tag: "SignalError" })
      )
      expect(() => child.sendSignal(65)).toThrow(expect.objectContaining({ _tag: "SignalError" }))
      expect(() => child.sendSignal(-1)).toThrow(expect.objectContaining({ _tag: "SignalError" }))
      expect(() => child.sendSignal(1.5)).toThrow(expect.objectContaining({ _tag: "SignalError" }))
      expect(() => child.sendSignal(null as never)).toThrow(TypeError)
      child.sendSignal(0)
      child.kill()
      await exited(child)
      for (const call of [() => child.sendSignal("SIGHUP"), () => child.terminate(), () => child.kill()]) {
        expect(call).toThrow(expect.objectContaining({ _tag: "ProcessLookupError", pid: child.pid }))
        expect(call).toThrow(/sleep 100 \(pid \d+\) has ended with -9/)
      }
    })
  )

  it.live("subprocess-044 a signal that meets the exit is sent or refused, and the code is a true one", () =>
    onLoop(async (loop) => {
      for (let i = 0; i < 50; i++) {
        const child = await shell(loop, "exit 0", { stdout: "devnull" })
        const end = exited(child)
        for (let turns = i % 10; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
        try {
          child.terminate()
        } catch (error) {
          expect(error).toMatchObject({ _tag: "ProcessLookupError" })
        }
        expect([0, -15]).toContain(await end)
      }
    })
  )
})

describe("signals to its group", () => {
  it.live("reach all of it, also when its leader has exited, and are refused when nothing is left", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "sleep 100 & echo $!; wait")
      await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
      const grandchild = Number(String(child.pipes.get(1)?.read()))
      child.signalGroup("SIGINT")
      child.signalGroup("SIGKILL")
      await until(() => !runs(grandchild))
      expect([-2, -9]).toContain(await exited(child))
      expect(() => child.signalGroup("SIGTERM")).toThrow(
        expect.objectContaining({ _tag: "ProcessLookupError" })
      )
      const left = await shell(loop, "sleep 100 >/dev/null & echo $!")
      const orphan = Number(await read(left))
      await until(() => left.returncode !== null)
      expect([runs(orphan), left.ended]).toEqual([true, false])
      left.signalGroup(15)
      await new Promise<void>((resolve) => void left.onEnd(resolve))
      expect([runs(orphan), left.ended]).toEqual([false, true])
      expect(() => left.signalGroup("SIGNOPE" as never)).toThrow(
        expect.objectContaining({ _tag: "SignalError" })
      )
    })
  )

  it.live("go to the process alone where it leads none", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "sleep 100 >/dev/null & echo $!; wait", { detached: false })
      await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
      const other = Number(String(child.pipes.get(1)?.read()))
      child.signalGroup("SIGTERM")
      expect([await exited(child), runs(other)]).toEqual([-15, true])
      process.kill(other, "SIGKILL")
      child.closePipes()
    })
  )
})

describe("a child that was let go", () => {
  it.live("is none of the loop's: not counted, not ended by it, and has its exit code all the same", () =>
    Effect.gen(function* () {
      const child = yield* scoped(
        Effect.flatMap(Loop, (loop) =>
          Effect.promise(async () => {
            const kept = await shell(loop, "exec sleep 100", { stdout: "devnull" })
            kept.unref()
            kept.unref()
            expect(loop.statistics().processes).toBe(0)
            const piped = await spawn(loop, "cat", [], { stdin: "pipe" })
            piped.unref()
            const short = await shell(loop, "exit 3", { stdout: "devnull" })
            short.unref()
            expect(await exited(short)).toBe(3)
            return kept
          })
        )
      )
      // With the loop, its pipes are closed: cat finds the end of its input, and ends.
      expect(runs(child.pid)).toBe(true)
      child.ref()
      process.kill(child.pid, "SIGKILL")
      yield* Effect.promise(() => until(() => !exists(child.pid)))
    })
  )

  it.live("is the loop's again with ref, which ends it", () =>
    Effect.gen(function* () {
      const pid = yield* scoped(
        Effect.flatMap(Loop, (loop) =>
          Effect.promise(async () => {
            const child = await shell(loop, "exec sleep 100", { stdout: "devnull" })
            child.unref()
            child.ref()
            child.ref()
            expect(loop.statistics().processes).toBe(1)
            return child.pid
          })
        )
      )
      expect(runs(pid)).toBe(false)
    })
  )
})

describe("a start that is cancelled", () => {
  for (const [how, options] of [
    ["at once", {}],
    ["while stdout and stderr are joined", { stderr: "stdout" }],
    ["with a child that ignores SIGTERM", { stderr: "devnull" }]
  ] as const) {
    it.live(`subprocess-030 ${how} kills and reaps what may have been started`, () =>
      onLoop(async (loop) => {
        const before = openFds()
        const start = shell(loop, "trap '' TERM; sleep 100 & sleep 100", options)
        const pids = loop._capabilities.size
        expect([start.cancel("enough"), pids]).toEqual([true, 1])
        start.cancel("again")
        await expect(Promise.resolve(start)).rejects.toMatchObject({ _tag: "CancelledError" })
        expect(loop.statistics().processes).toBe(0)
        await until(() => openFds().length === before.length)
      })
    )
  }

  it.live("subprocess-030 in a task ends that with CancelledError once the child is reaped", () =>
    onLoop(async (loop) => {
      const log: Array<unknown> = []
      const task = loop.createTask(async () => {
        const start = spawn(loop, "sleep", ["100"])
        log.push(loop.statistics().processes)
        await start
      })
      loop.callSoon(() => task.cancel())
      await expect(Promise.resolve(task)).rejects.toMatchObject({ _tag: "CancelledError" })
      log.push(loop.statistics().processes)
      expect(log).toEqual([1, 0])
    })
  )

  it.live("with its loop closed under it, in every turn of its start, leaves nothing", () =>
    Effect.gen(function* () {
      const before = openFds()
      for (let turns = 0; turns < 12; turns++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const loop = yield* open(collecting())
            const start = spawn(loop, "sleep", ["100"], { stdin: "pipe", stderr: "stdout" })
            const settled = start.then(
              () => {},
              () => {}
            )
            for (let i = 0; i < turns; i++)
              yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            loop.close()
            expect(loop.statistics().processes).toBe(0)
            yield* Effect.promise(() => Promise.resolve(settled))
            if (start.done() && start.exception() === undefined) {
              const { pid } = start.result()
              yield* Effect.promise(() => until(() => !exists(pid)))
            }
          })
        )
      }
      yield* Effect.promise(() => until(() => openFds().length === before.length))
    })
  )
})

describe("its end", () => {
  it.live("is SIGTERM, in its own group, and waited for", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "sleep 100 & echo $!; wait")
      await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
      const grandchild = Number(String(child.pipes.get(1)?.read()))
      expect(runs(grandchild)).toBe(true)
      await stopped(child)
      expect([runs(grandchild), child.returncode, exists(child.pid)]).toEqual([false, -15, false])
      child.closePipes()
    })
  )

  it.live("is SIGKILL after the grace where SIGTERM is ignored, for grandchildren as well", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "trap '' TERM; sleep 100 & echo $!; wait; sleep 100", { killGrace: 50 })
      await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
      const grandchild = Number(String(child.pipes.get(1)?.read()))
      await stopped(child)
      expect([runs(grandchild), child.returncode]).toEqual([false, -9])
      child.closePipes()
    })
  )

  it.live("begins with its killSignal, by name or number", () =>
    onLoop(async (loop) => {
      const command = "trap 'exit 5' INT; trap '' TERM; echo ready; while :; do sleep 0.01; done"
      for (const killSignal of ["SIGINT", 2] as const) {
        const child = await shell(loop, command, { killSignal, killGrace: "1 hour" })
        await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
        await stopped(child)
        expect(child.returncode).toBe(5)
        child.closePipes()
      }
    })
  )

  it.live("is told to who waits for it without telling it to end, until they take it back", () =>
    onLoop(async (loop) => {
      const log: Array<string> = []
      const child = await shell(loop, "exec sleep 100")
      const forget = child.onEnd(() => log.push("forgotten"))
      child.onEnd(() => log.push("told"))
      forget()
      child.kill()
      await until(() => log.length > 0)
      child.onEnd(() => log.push("at once"))
      expect(log).toEqual(["told", "at once"])
      child.closePipes()
    })
  )

  it.live("comes to a group whose leader has exited, also to one that ignores SIGTERM", () =>
    onLoop(async (loop) => {
      for (const command of ["sleep 100 & echo $!", "trap '' TERM; sleep 100 & echo $!"]) {
        const child = await shell(loop, command, { killGrace: 50 })
        await exited(child)
        const grandchild = Number(String(child.pipes.get(1)?.read()))
        expect([runs(grandchild), child.ended, loop.statistics().processes]).toEqual([true, false, 1])
        await stopped(child)
        expect([runs(grandchild), child.ended, child.returncode]).toEqual([false, true, 0])
        child.closePipes()
      }
    })
  )

  it.live("lets others live that do not belong to its own group", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "sleep 100 >/dev/null & echo $!; wait", { detached: false })
      await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
      const grandchild = Number(String(child.pipes.get(1)?.read()))
      await stopped(child)
      expect(runs(grandchild)).toBe(true)
      process.kill(grandchild, "SIGKILL")
      child.closePipes()
    })
  )

  it.live("comes to a process that is stopped", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "exec sleep 100", { killGrace: Infinity })
      child.sendSignal("SIGSTOP")
      await until(() => /\) T /.test(readFileSync(`/proc/${child.pid}/stat`, "latin1")))
      await stopped(child)
      expect(child.returncode).toBe(-15)
    })
  )

  it.live("is told to everybody who asked, once, whenever they asked", () =>
    onLoop(async (loop) => {
      const log: Array<number> = []
      const child = await shell(loop, "trap '' TERM; echo ready; sleep 100", { killGrace: 20 })
      await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
      const ends = [1, 2, 3].map((n) => stopped(child).then(() => log.push(n)))
      await Promise.all(ends)
      child.stop(() => log.push(4))
      child.end(() => log.push(5))
      child.discard(() => log.push(6))
      child.release()
      expect(log).toEqual([1, 2, 3, 4, 5, 6])
    })
  )

  it.live("is not held up by a grandchild that has left the group", () =>
    onLoop(async (loop) => {
      const child = await shell(loop, "setsid sleep 100 >/dev/null 2>&1 & echo $!; wait")
      await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
      const left = watchPid(Number(String(child.pipes.get(1)?.read())))
      await until(() => readFileSync(`/proc/${left}/cmdline`, "latin1").startsWith("sleep"))
      await stopped(child)
      expect(runs(left)).toBe(true)
      process.kill(left, "SIGKILL")
      await until(() => !exists(left))
      child.closePipes()
    })
  )

  it.live("that takes long is reported once, by pid and command", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.flatMap(Loop, (loop) =>
          Effect.promise(async () => {
            const child = await shell(loop, "trap '' TERM; echo ready; sleep 100", { killGrace: 200 })
            await until(() => (child.pipes.get(1)?.readableLength ?? 0) > 0)
            await Promise.all([stopped(child), stopped(child)])
            child.closePipes()
          })
        ),
        { exceptionHandler, slowJoin: 20 }
      )
      expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
      expect(reports[0]?.message).toMatch(
        /for pid \d+: sh -c .* \(terminating\), which has not ended; it is killed 200ms/
      )
    })
  )
})
