// The socket through which a thread can be seen.
// Covers: Conversation, lives, socketPath
import * as Effect from "effect/Effect"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { createConnection, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { threadId } from "node:worker_threads"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Loop, type LoopOptions, type Report, SyncLoop } from "../../../src/index.js"
import { ofSocketName, socketFolder, socketName } from "../../../src/Loop/inspect/socketPath.js"

let runtime: string
const before = process.env["XDG_RUNTIME_DIR"]

beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), "aio-run-"))
  process.env["XDG_RUNTIME_DIR"] = runtime
})

afterEach(() => {
  if (before === undefined) delete process.env["XDG_RUNTIME_DIR"]
  else process.env["XDG_RUNTIME_DIR"] = before
  rmSync(runtime, { recursive: true })
})

const folder = (): string => socketFolder() ?? ""
const path = (): string => join(folder(), socketName(process.pid, threadId))

const within = <A>(use: () => Promise<A>, options: LoopOptions = {}): Promise<A> =>
  Effect.runPromise(Loop.scoped(Effect.promise(use), { name: "seen", inspect: true, ...options }))

const connect = async (): Promise<Socket> => {
  const socket = createConnection(path())
  socket.setEncoding("utf8")
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject))
  return socket
}

const ended = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) =>
    socket
      .once("close", resolve)
      .resume()
      .on("error", () => {})
  )

const lines = (socket: Socket, count: number): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) => {
    let text = ""
    socket.on("data", (more: string) => {
      text += more
      const all = text.split("\n")
      if (all.length > count) resolve(all.slice(0, count))
    })
  })

const names = (line: string | undefined) =>
  (JSON.parse(line ?? "") as { dumps: ReadonlyArray<{ loop: { name: string } }> }).dumps.map(
    ({ loop }) => loop.name
  )

describe.runIf(process.platform !== "win32")("inspect: true", () => {
  it("offers a socket that only its user may open, in a folder that only its user may enter, until the loop is closed", async () => {
    await within(async () => {
      expect(statSync(path()).mode & 0o777).toBe(0o600)
      expect(statSync(folder()).mode & 0o777).toBe(0o700)
    })
    expect(readdirSync(folder())).toEqual([])
  })

  it("is off where nothing is said", () =>
    Effect.runPromise(Loop.scoped(Effect.sync(() => expect(existsSync(path())).toBe(false)))))

  it("answers each question by a line, in their order, also where they come in pieces", () =>
    within(async () => {
      const socket = await connect()
      const answers = lines(socket, 3)
      socket.write('{"most":10}\n{"canc')
      await new Promise(setImmediate)
      socket.write('el":123456789}\n{"most":10}\n')
      const [first, second, third] = await answers
      expect(names(first)).toContain("seen")
      expect(JSON.parse(second ?? "")).toEqual({ done: "" })
      expect(names(third)).toContain("seen")
      socket.destroy()
    }))

  it("cancels what it is asked to", () =>
    Effect.runPromise(
      Loop.scoped(
        Effect.flatMap(Loop, (loop) =>
          Effect.promise(async () => {
            const task = loop.createTask(() => loop.sleep(60_000), { name: "nap" })
            const socket = await connect()
            const dumped = lines(socket, 1)
            socket.write('{"most":10}\n')
            const { dumps } = JSON.parse((await dumped)[0] ?? "") as {
              dumps: ReadonlyArray<{ rows: ReadonlyArray<{ name: string; key?: number }> }>
            }
            const key = dumps.flatMap(({ rows }) => rows).find(({ name }) => name === "nap")?.key
            const done = lines(socket, 1)
            socket.write(`{"cancel":${key}}\n`)
            expect(await done).toEqual(['{"done":"cancelled task nap"}'])
            await expect(task).rejects.toThrow("cancelled from outside")
            socket.destroy()
          })
        ),
        { inspect: true }
      )
    ))

  it.each(["nonsense\n", "{}\n", '{"most":"all"}\n', `${"x".repeat(2_000)}`, "null\n"])(
    "hangs up on what asks for nothing that is known: %.20s",
    (text) =>
      within(async () => {
        const socket = await connect()
        const end = ended(socket)
        socket.write(text)
        await end
        const another = await connect()
        const answer = lines(another, 1)
        another.write('{"most":1}\n')
        expect(names((await answer)[0])).toContain("seen")
        another.destroy()
      })
  )

  it("makes no second answer for one who does not read the first, and is closed with the loop", async () => {
    let asked = 0
    const gone = await within(
      async () => {
        const loops = Array.from({ length: 200 }, (_, i) =>
          SyncLoop.make({ name: `${i} ${"x".repeat(190)}` })
        )
        const spy = loops[0] as SyncLoop
        const statistics = spy.statistics.bind(spy)
        spy.statistics = () => {
          asked++
          return statistics()
        }
        const socket = await connect()
        socket.pause()
        for (let i = 0; i < 500; i++) socket.write('{"most":1000}\n')
        // As many as the system's buffers take.
        for (let last = -1; last !== asked;) {
          last = asked
          for (let i = 0; i < 200; i++) await new Promise(setImmediate)
        }
        for (const loop of loops) await loop.close()
        return { end: ended(socket) }
      },
      { closeDeadline: 1_000 }
    )
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThan(100)
    await gone.end
  })

  it("is one for all loops of the thread that want it, and stays until the last of them is closed", async () => {
    await within(async () => {
      await within(async () => {})
      const socket = await connect()
      socket.destroy()
    })
    expect(existsSync(path())).toBe(false)
  })

  it("takes the place of what processes have left that are gone, and touches nothing else", async () => {
    await within(async () => {})
    // Linux numbers processes up to 2^22.
    writeFileSync(join(folder(), socketName(2 ** 22 + 1, 0)), "")
    writeFileSync(join(folder(), "notes"), "")
    writeFileSync(path(), "")
    await within(async () =>
      expect(readdirSync(folder()).sort()).toEqual([socketName(process.pid, threadId), "notes"].sort())
    )
  })

  it("is reported, and the loop goes on, where the folder is open to others", async () => {
    await within(async () => {})
    chmodSync(folder(), 0o755)
    const reports: Array<Report> = []
    const seen = await Effect.runPromise(
      Loop.scoped(
        Effect.sync(() => "went on"),
        { name: "main", inspect: true, exceptionHandler: (_, report) => void reports.push(report) }
      )
    )
    expect(seen).toBe("went on")
    expect(reports.map(({ exception, message }) => `${message}: ${String(exception)}`)).toEqual([
      `main cannot be seen through a socket; Node's inspector can be used: Error: ${folder()} is not a folder of this user's alone: remove it, or set XDG_RUNTIME_DIR`
    ])
  })

  it("is reported where the path is longer than the system takes, and where somebody else listens there", async () => {
    const reports: Array<Report> = []
    const report = (): Promise<unknown> =>
      Effect.runPromise(
        Loop.scoped(
          Effect.promise(async () => {
            while (reports.length === 0) await new Promise(setImmediate)
          }),
          { name: "main", inspect: true, exceptionHandler: (_, report) => void reports.push(report) }
        )
      )
    await within(async () => {})
    mkdirSync(join(path(), "kept"), { recursive: true })
    await report()
    expect(String(reports.pop()?.exception)).toMatch(/EADDRINUSE/)
    process.env["XDG_RUNTIME_DIR"] = join(runtime, "x".repeat(120))
    await report()
    expect(String(reports[0]?.exception)).toMatch(
      /^Error: \/.*\.sock is longer than 103 bytes: set XDG_RUNTIME_DIR/
    )
  })

  it("is true or false", () => {
    const options = { inspect: "yes" } as unknown as LoopOptions
    expect(() => SyncLoop.make(options)).toThrow(new TypeError('inspect is a boolean, not "yes"'))
  })
})

describe("the name of a socket", () => {
  it("tells the process and the thread, and other names do not", () => {
    expect(ofSocketName(socketName(12, 3))).toEqual({ pid: 12, thread: 3 })
    for (const name of ["notes", "12.sock", "12-3.sock.bak", "-3.sock"])
      expect(ofSocketName(name)).toBeUndefined()
  })
})
