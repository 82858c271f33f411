// Children that a helper process starts: the same as those that this process starts, and what becomes of both when either ends.
// Covers: HelpedChild, helped, helperProgram, connectPipes
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { AsyncLocalStorage } from "node:async_hooks"
import { execFileSync, spawn as spawnByNode } from "node:child_process"
import { mkdtempSync, openSync, closeSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect } from "vitest"
import { type EventLoop, Loop, SpawnError } from "../../../src/index.js"
import type { Child } from "../../../src/Loop/process/Child.js"
import {
  exists,
  exited,
  openFds,
  read,
  runs,
  shell,
  spawn,
  until,
  watchPid
} from "../../fixtures/child/children.js"
import { compiled } from "../../support/compiled.js"
import { collecting, open, scoped } from "../../support/scopedLoops.js"

const folder = mkdtempSync(join(tmpdir(), "aio-helper-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** The fields of a process's `stat` after its name. */
const stat = (pid: number): ReadonlyArray<string> => {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1")
  return text.slice(text.lastIndexOf(")") + 2).split(" ")
}
const parentOf = (pid: number): number => Number(stat(pid)[1])
const groupOf = (pid: number): number => Number(stat(pid)[2])

const isHelper = (pid: number): boolean => {
  try {
    return (
      parentOf(pid) === process.pid &&
      readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("effect-aio-spawn")
    )
  } catch {
    return false
  }
}
const helpers = (): ReadonlyArray<number> =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && isHelper(pid))

afterEach(async () => {
  // Whoever closes a loop in order has waited for it; who does not, has told it to leave.
  await until(() => helpers().length === 0)
})

const onLoop = (
  body: (loop: EventLoop) => Promise<unknown>,
  { reports = false, spawnHelper = true }: { readonly reports?: boolean; readonly spawnHelper?: boolean } = {}
) => {
  const collected = collecting()
  return Effect.andThen(
    scoped(
      Effect.flatMap(Loop, (loop) => Effect.promise(() => body(loop))),
      { spawnHelper, exceptionHandler: collected.exceptionHandler }
    ),
    () => {
      const said = collected.reports.map(({ message }) => message)
      if (!reports) expect(said).toEqual([])
      return said
    }
  )
}

const textOf = async (child: Child | PromiseLike<Child>): Promise<string> => {
  const started = await child
  const text = await read(started)
  await exited(started)
  return text
}

const sleeper = async (loop: EventLoop, options = {}): Promise<Child> =>
  spawn(loop, "sleep", ["100"], options)

describe.each([
  ["this process", false],
  ["a helper process", true]
] as const)("a child that %s starts", (_, spawnHelper) => {
  const here = (body: (loop: EventLoop) => Promise<unknown>) => onLoop(body, { spawnHelper })

  it.live("is that one's, in this one's group, or leads its own", () =>
    here(async (loop) => {
      for (const detached of [false, true]) {
        const child = await sleeper(loop, { detached })
        expect(parentOf(child.pid) === process.pid).toBe(!spawnHelper)
        expect(groupOf(child.pid)).toBe(detached ? child.pid : groupOf(process.pid))
        child.kill()
        expect(await exited(child)).toBe(-9)
      }
    })
  )

  it.live("has the environment, directory and name of now, or those that it is given", () =>
    here(async (loop) => {
      await textOf(shell(loop, ":"))
      process.env["AIO_LATER"] = "now"
      try {
        expect(await textOf(shell(loop, "pwd; echo $AIO_LATER"))).toBe(`${process.cwd()}\nnow\n`)
      } finally {
        delete process.env["AIO_LATER"]
      }
      const given = { cwd: folder, env: { A: "ä\n☂" }, executable: "/bin/sh" }
      expect(await textOf(spawn(loop, "a name", ["-c", 'pwd; echo "$A$B" $0'], given))).toBe(
        `${folder}\nä\n☂ a name\n`
      )
    })
  )

  it.live("gets what is as long as the system takes, in any letters", () =>
    here(async (loop) => {
      // 1.2 MB; a single one may have 128 KiB.
      const args = Array.from({ length: 10 }, () => "☂".repeat(40_000))
      const command = 'printf %s "$@" | wc -c'
      expect(await textOf(spawn(loop, "sh", ["-c", command, "sh", ...args]))).toBe("1200000\n")
    })
  )

  it.live("ends with its exit code, or the negative number of its signal", () =>
    here(async (loop) => {
      expect(await exited(await shell(loop, "exit 3"))).toBe(3)
      expect(await exited(await shell(loop, "kill -USR1 $$"))).toBe(-10)
    })
  )

  it.live("has pipes that block, close, and hold as much as pipes do", () =>
    here(async (loop) => {
      const child = await spawn(loop, "cat", [], { stdin: "pipe" })
      const stdin = child.pipes.get(0)
      let taken = 0
      while (stdin?.write("x".repeat(65_536), () => taken++) === true);
      for (let i = 0; i < 100; i++) stdin?.write("x".repeat(65_536), () => taken++)
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(taken).toBeLessThan(50)
      stdin?.end("end")
      const text = await textOf(child)
      expect([text.length > 100 * 65_536, text.slice(-4)]).toEqual([true, "xend"])
      expect(await exited(child)).toBe(0)
    })
  )

  it.live("has one pipe for stdout and stderr, in the order of writing", () =>
    here(async (loop) => {
      const text = await textOf(
        shell(loop, "for i in 1 2 3; do echo o$i; echo e$i >&2; done", { stderr: "stdout" })
      )
      expect(text).toBe("o1\ne1\no2\ne2\no3\ne3\n")
    })
  )

  it.live("has no descriptor beyond its own", () =>
    here(async (loop) => {
      const given = { stdin: "pipe", stderr: "pipe" } as const
      const byNode = execFileSync("ls", ["/proc/self/fd"], { encoding: "utf8", stdio: "pipe" })
      expect(await textOf(spawn(loop, "ls", ["/proc/self/fd"], given))).toBe(byNode)
    })
  )

  it.live("is one of 200 at once, each with its own output", () =>
    here(async (loop) => {
      const before = openFds()
      const texts = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          textOf(spawn(loop, "echo", [`${i}`], { stdin: "pipe", stderr: "pipe" }))
        )
      )
      expect(texts).toEqual(texts.map((_, i) => `${i}\n`))
      await until(() => openFds().length <= before.length + helpers().length)
    })
  )

  it.live("tells in the context in which it was started", () =>
    here(async (loop) => {
      const store = new AsyncLocalStorage<string>()
      await textOf(shell(loop, ":"))
      const seen = await store.run("inner", async () => {
        const child = await shell(loop, "sleep 0.01; echo text")
        await exited(child)
        const first = store.getStore()
        await read(child)
        return [first, store.getStore()]
      })
      expect(seen).toEqual(["inner", "inner"])
    })
  )

  it.live("gets the signals that others ignore", () =>
    here(async (loop) => {
      const child = await sleeper(loop)
      for (const helper of helpers())
        for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.kill(helper, signal)
      await textOf(shell(loop, ":"))
      for (const signal of ["SIGINT", "SIGHUP", "SIGQUIT"] as const) {
        const one = await sleeper(loop)
        one.sendSignal(signal)
        expect(await exited(one)).toBeLessThan(0)
      }
      child.terminate()
      expect(await exited(child)).toBe(-15)
    })
  )

  it.live("is not there where its start was cancelled, at any moment", () =>
    here(async (loop) => {
      const mark = `${20_000 + process.pid}.${spawnHelper ? 1 : 2}`
      for (let i = 0; i < 40; i++) {
        const start = spawn(loop, "sleep", [mark], { stdin: "pipe", stderr: "stdout" })
        if (i % 4 > 0) await loop.sleep(i / 4)
        start.cancel()
        await start.then(
          (child) => {
            child.discard(() => {})
            return exited(child)
          },
          () => {}
        )
      }
      const left = readdirSync("/proc").filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(mark)
        } catch {
          return false
        }
      })
      expect(left).toEqual([])
      expect(loop.statistics().processes).toBe(0)
    })
  )
})

describe("what the system refuses is the same error", () => {
  const plain = join(folder, "plain.txt")
  writeFileSync(plain, "text", { mode: 0o644 })
  const cases: Readonly<Record<string, readonly [string, ReadonlyArray<string>, object]>> = {
    "a missing program": ["no-such-program", ["x"], {}],
    "a missing path": ["/no/such/program", [], { stdin: "pipe" }],
    "a missing cwd": ["ls", [], { cwd: "/no/such" }],
    "a cwd that is a file": ["ls", [], { cwd: plain }],
    "a file that may not be run": [plain, [], {}],
    "an argument that is too long": ["ls", ["x".repeat(3_000_000)], {}]
  }
  it.live.each(Object.entries(cases))("%s", ([, [program, args, options]]) =>
    Effect.gen(function* () {
      const errors: Array<SpawnError> = []
      for (const spawnHelper of [false, true])
        yield* onLoop(
          async (loop) => {
            const error: unknown = await spawn(loop, program, args, options).then(
              () => undefined,
              (error: unknown) => error
            )
            if (error instanceof SpawnError) errors.push(error)
          },
          { spawnHelper }
        )
      const seen = errors.map((error) => ({
        text: String(error),
        cause: { ...(error.cause as object) },
        code: error.code
      }))
      expect(seen).toHaveLength(2)
      expect(seen[1]).toEqual(seen[0])
    })
  )
})

describe("a helper process", () => {
  it.live("is not asked for a child that is given what is open here, or further pipes", () =>
    onLoop(async (loop) => {
      const fd = openSync("/dev/null", "r+")
      try {
        for (const options of [{ stdout: fd }, { fds: { 3: "pipe" } }, { fds: { 3: "devnull" } }] as const) {
          const child = await sleeper(loop, options)
          expect(parentOf(child.pid)).toBe(process.pid)
          child.kill()
          child.closePipes()
        }
        expect(helpers()).toEqual([])
      } finally {
        closeSync(fd)
      }
    })
  )

  it.live("is one for a loop, and gone with it, in its order, with nothing left over", () =>
    Effect.gen(function* () {
      let pids: ReadonlyArray<number> = []
      yield* onLoop((one) =>
        Effect.runPromise(
          onLoop(async (other) => {
            for (const loop of [one, other, one, other]) await sleeper(loop)
            pids = helpers()
            expect(pids).toHaveLength(2)
            expect(one.statistics().processes).toBe(2)
          })
        )
      )
      expect(pids.filter(exists)).toEqual([])
    })
  )

  it.live(
    "that was killed is named, with the children that end with it, and the next start makes another",
    () =>
      Effect.gen(function* () {
        const pids: Array<number> = []
        const said = yield* onLoop(
          async (loop) => {
            const kept = await sleeper(loop)
            const loose = await sleeper(loop)
            loose.unref()
            const [helper = 0] = helpers()
            pids.push(helper, kept.pid)
            const under = spawn(loop, "echo", [])
            process.kill(helper, "SIGKILL")
            await expect(Promise.resolve(under)).rejects.toMatchObject({
              _tag: "SpawnError",
              code: "EPIPE",
              message: expect.stringContaining("the helper process that was to start it has ended") as string
            })
            expect(await exited(kept)).toBe(-9)
            expect(runs(loose.pid)).toBe(true)
            expect(await textOf(shell(loop, "echo again"))).toBe("again\n")
            process.kill(loose.pid, "SIGKILL")
            expect(await exited(loose)).toBe(255)
            // They are orphans, and somebody else reaps them.
            await until(() => !exists(kept.pid) && !exists(loose.pid))
          },
          { reports: true }
        )
        expect(said).toEqual([
          `the helper process ${pids[0]} that starts children has ended (SIGKILL); ` +
            `the children that it had started were killed: pid ${pids[1]}`
        ])
      })
  )

  it.live("that is stopped holds up neither the closing nor what it is asked when it goes on", () =>
    Effect.gen(function* () {
      yield* onLoop(async (loop) => {
        const child = await sleeper(loop)
        const [helper = 0] = helpers()
        process.kill(helper, "SIGSTOP")
        const start = shell(loop, "echo late")
        await new Promise((resolve) => setTimeout(resolve, 20))
        expect(start.done()).toBe(false)
        process.kill(helper, "SIGCONT")
        expect(await textOf(start)).toBe("late\n")
        child.kill()
        await exited(child)
        process.kill(helper, "SIGSTOP")
      })
    })
  )

  it.live("is not waited for by the cancel of a start that it was not told of", () =>
    onLoop(async (loop) => {
      const first = await sleeper(loop)
      const [helper = 0] = helpers()
      process.kill(helper, "SIGSTOP")
      const starts = Array.from({ length: 20 }, () => sleeper(loop))
      const last = spawn(loop, "sleep", ["100"], { stdin: "pipe" })
      await new Promise((resolve) => setTimeout(resolve, 20))
      last.cancel()
      await expect(Promise.resolve(last)).rejects.toMatchObject({ _tag: "CancelledError" })
      process.kill(helper, "SIGCONT")
      for (const child of [first, ...(await Promise.all(starts))]) child.kill()
    })
  )

  it.live("leaves a child that was let go running when the loop closes", () =>
    Effect.gen(function* () {
      let pid = 0
      yield* onLoop(async (loop) => {
        const child = await sleeper(loop, { stdout: "devnull" })
        child.unref()
        pid = child.pid
      })
      expect(runs(pid)).toBe(true)
      process.kill(pid, "SIGKILL")
      yield* Effect.promise(() => until(() => !exists(pid)))
    })
  )

  it.live("C3 tells of children that a loop closed by force has killed, and starts none after it", () =>
    Effect.gen(function* () {
      const loop = yield* open({ ...collecting(), spawnHelper: true })
      const child = yield* Effect.promise(() => sleeper(loop))
      const starts = Array.from({ length: 40 }, () => spawn(loop, "sleep", ["100"], { stdin: "pipe" }))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const settled = Promise.allSettled(starts)
      loop.close()
      const outcomes = yield* Effect.promise(() => settled)
      expect(outcomes.map(({ status }) => status)).toEqual(starts.map(() => "rejected"))
      yield* Effect.promise(() => until(() => child.returncode === -9 && helpers().length === 0))
    }).pipe(Effect.scoped)
  )
})

it.live("a child that was let go lives on where the process with the helper is killed", () =>
  Effect.promise(async () => {
    const parent = spawnByNode(process.execPath, [compiled("test/fixtures/child/helped.ts"), "lets go"], {
      stdio: ["ignore", "pipe", "ignore"]
    })
    const line = await new Promise<string>((resolve) =>
      parent.stdout.once("data", (data) => resolve(String(data)))
    )
    const pid = watchPid(Number(/child (\d+)/.exec(line)?.[1]))
    const helper = parentOf(pid)
    parent.kill("SIGKILL")
    await until(() => !runs(helper))
    expect(runs(pid)).toBe(true)
    process.kill(pid, "SIGKILL")
    await until(() => !exists(pid))
  })
)

describe("a process with a helper leaves nothing", () => {
  const ways: ReadonlyArray<readonly [string, string, NodeJS.Signals?]> = [
    ["exits by process.exit", "exits"],
    ["is ended by an exception", "throws"],
    ["is killed (SIGKILL)", "waits", "SIGKILL"],
    ["ends", "ends"],
    ["has its loop in a thread", "thread"]
  ]
  it.live.each(ways)("where it %s", ([, way, signal]) =>
    Effect.promise(async () => {
      const parent = spawnByNode(process.execPath, [compiled("test/fixtures/child/helped.ts"), way], {
        stdio: ["ignore", "pipe", "ignore"]
      })
      const line = await new Promise<string>((resolve) =>
        parent.stdout.once("data", (data) => resolve(String(data)))
      )
      const pid = watchPid(Number(/child (\d+)/.exec(line)?.[1]))
      if (signal !== undefined) {
        expect(runs(pid)).toBe(true)
        parent.kill(signal)
      }
      if (parent.exitCode === null && parent.signalCode === null)
        await new Promise((resolve) => parent.once("exit", resolve))
      await until(() => !exists(pid))
      const left = execFileSync("ps", ["-eo", "ppid,args"], { encoding: "utf8" })
      expect(left).not.toMatch(new RegExp(`^ *${parent.pid} `, "m"))
    })
  )
})
