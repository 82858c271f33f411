/** Readers in processes of their own: what keeps them, what must not end them, and what is there without koffi. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { Duplex } from "node:stream"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { compiled, compiledRoot } from "../../support/compiled.js"

const folders: Array<string> = []

afterAll(() => {
  for (const each of folders) fs.rmSync(each, { recursive: true, force: true })
})

/** Generous: a process takes a second or two to start on a busy machine. */
const options = { timeout: 60_000 }

const children = new Set<ReturnType<typeof spawn>>()

afterAll(() => {
  // Only what a failed test has left behind.
  for (const child of children) child.kill("SIGKILL")
})

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly said: ReadonlyArray<string>
  readonly errors: string
}

/** Runs one program of the fixture; `ready` is called when it has said so, with its descriptor 3 and its input. */
const run = async (
  program: string,
  ready: (socket: Duplex, stdin: NodeJS.WritableStream | null) => void = () => {},
  stdin: "ignore" | "pipe" | number = "ignore",
  file = "programs.ts"
): Promise<Ended> => {
  const child = spawn(process.execPath, [compiled(`test/fixtures/readers/${file}`), program], {
    stdio: [stdin, "pipe", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: "", EFFECT_AIO_DEBUG: "" }
  })
  children.add(child)
  let output = ""
  let errors = ""
  let told = false
  const socket = child.stdio[3] as Duplex
  // A child that has ended closes it.
  socket.on("error", () => {})
  child.stdin?.on("error", () => {})
  child.stdout!.on("data", (chunk: Buffer) => {
    output += chunk.toString()
    if (told || !output.includes("ready")) return
    told = true
    ready(socket, child.stdin)
  })
  child.stderr!.on("data", (chunk: Buffer) => (errors += chunk.toString()))
  // Not `exit`: what it has written may come after that.
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null]
  socket.destroy()
  child.stdin?.destroy()
  children.delete(child)
  return { code, signal, said: output.split("\n").filter((line) => line !== ""), errors }
}

/** Sends a byte after a while in which a process that nothing keeps has ended. */
const later = (socket: Duplex): void => void setTimeout(() => socket.write("x"), 500)

const done = { code: 0, signal: null, errors: "" }

describe.concurrent("a process whose only registration is a reader or writer", () => {
  for (const program of ["keeps", "wait", "unref one of two", "ref again"]) {
    it(`stays for it, and ends when it is gone: ${program}`, options, async () => {
      expect(await run(program, later)).toEqual({ ...done, said: ["ready", "got x"] })
    })
  }

  it("ends when it was removed, before anything came", options, async () => {
    expect(await run("removed")).toEqual({ ...done, said: ["ready"] })
  })

  it("ends when it is unref'd, also by what took its place", options, async () => {
    expect(await run("unref")).toEqual({ ...done, said: ["ready true false"] })
    expect(await run("cancelled by its replacement")).toEqual({ ...done, said: ["ready"] })
  })

  it("ends when it is unref'd and ready all the time", options, async () => {
    expect(await run("unref and ready")).toEqual({ ...done, said: ["ready true"] })
  })

  it(
    "is called turn after turn when it is unref'd, while something else keeps a process that sleeps",
    options,
    async () => {
      expect(await run("unref among others")).toEqual({ ...done, said: ["ready"] })
    }
  )

  it("ends while its SyncLoop is at rest, ready or not", options, async () => {
    expect(await run("at rest")).toEqual({ ...done, said: ["ready true"] })
  })

  it("ends when its loop is closed, and by process.exit() with everything active", options, async () => {
    expect(await run("closed")).toEqual({ ...done, said: ["ready true"] })
    expect(await run("exits")).toEqual({ ...done, code: 7, said: ["ready"] })
  })

  it("ends by process.exit() when a descriptor is ready and nobody has looked", options, async () => {
    expect(await run("exits when armed")).toEqual({ ...done, code: 7, said: ["ready"] })
  })

  it("a promise that the callback resolved goes on, with nothing else to wake it", options, async () => {
    expect(await run("promise", later)).toEqual({ ...done, said: ["ready", "got x"] })
  })

  it("descriptors that are closed while they are registered do not end it", options, async () => {
    expect(await run("survives")).toEqual({ ...done, said: ["survived"] })
  })

  it("process.stdin is read, and let go: with its other end open the process ends", options, async () => {
    expect(await run("standardInput", (_, stdin) => void stdin!.write("hello\n"), "pipe")).toEqual({
      ...done,
      said: ["ready", "got hello true"]
    })
  })

  it("process.stdin is handed on to who reads it as data in the same turn", options, async () => {
    expect(await run("standard input handed on", (_, stdin) => void stdin!.end("hello\n"), "pipe")).toEqual({
      ...done,
      said: ["ready", "got hello", "end"]
    })
  })

  it("standard input that is /dev/null or a file cannot be waited for by its number", options, async () => {
    expect(await run("standard input by number")).toEqual({ ...done, said: ["EPERM false"] })
    const file = fs.openSync(fileURLToPath(import.meta.url), "r")
    expect(await run("standard input by number", undefined, file)).toEqual({ ...done, said: ["EPERM false"] })
    fs.closeSync(file)
  })
})

describe.concurrent("in a worker thread", () => {
  it("events come, and the thread ends when nothing is registered", options, async () => {
    expect(await run("worker events")).toEqual({ ...done, said: ["got ab", "exit 0"] })
  })

  it("terminate() and process.exit() while active end the thread, and not the process", options, async () => {
    expect(await run("worker terminated")).toEqual({ ...done, said: ["terminated 1"] })
    expect(await run("worker exits")).toEqual({ ...done, said: ["exit 5"] })
  })

  it(
    "it ends when a descriptor is ready and nobody has looked, by process.exit() and by itself",
    options,
    async () => {
      expect(await run("worker exits when armed")).toEqual({ ...done, said: ["exit 6", "exit 0"] })
    }
  )

  it("terminate() at any moment ends the thread, and not the process", options, async () => {
    const { said, ...how } = await run("", undefined, "ignore", "terminate.mjs")
    expect(how).toEqual(done)
    const codes = "1 1 1"
    expect(said).toEqual(["pingPong", "gaps", "busy", "idle", "ready"].map((mode) => `${mode} ${codes}`))
  })

  it("closing the loop lets the thread end", options, async () => {
    expect(await run("worker done")).toEqual({ ...done, said: ["closed", "exit 0"] })
  })
})

describe.concurrent("without a backend", () => {
  /** What the program said; `koffi` is what stands in its place. */
  const without = async (flags: ReadonlyArray<string>, koffi?: string): Promise<unknown> => {
    const own = fs.mkdtempSync(path.join(os.tmpdir(), "A-readers-without-"))
    folders.push(own)
    for (const name of ["src", "package.json", "test/fixtures/readers"]) {
      fs.cpSync(path.join(compiledRoot, name), path.join(own, name), { recursive: true })
    }
    fs.mkdirSync(path.join(own, "node_modules"))
    const modules = path.join(own, "node_modules")
    fs.symlinkSync(path.join(compiledRoot, "node_modules/effect"), path.join(modules, "effect"))
    if (koffi === "real")
      fs.symlinkSync(path.join(compiledRoot, "node_modules/koffi"), path.join(modules, "koffi"))
    else if (koffi !== undefined) {
      fs.mkdirSync(path.join(modules, "koffi"))
      fs.writeFileSync(path.join(modules, "koffi/index.js"), koffi)
    }
    const child = spawn(process.execPath, [...flags, "test/fixtures/readers/without.mjs"], {
      cwd: own,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "", EFFECT_AIO_DEBUG: "" }
    })
    children.add(child)
    let output = ""
    child.stdout!.on("data", (chunk: Buffer) => (output += chunk.toString()))
    child.stderr!.on("data", (chunk: Buffer) => (output += chunk.toString()))
    await once(child, "close")
    children.delete(child)
    const line = output.split("\n").find((text) => text.startsWith("["))
    return line === undefined ? output : JSON.parse(line)
  }

  const said = (reason: string, cause: boolean) => [
    `addReader FdPollUnavailableError ERR_FD_POLL_UNAVAILABLE ${reason} ${cause}`,
    `addWriter FdPollUnavailableError ERR_FD_POLL_UNAVAILABLE ${reason} ${cause}`,
    "false false 0",
    "RangeError ERR_INVALID_FD",
    "FdPollUnavailableError",
    "stream x true"
  ]

  it(
    "koffi is absent: FdPollUnavailableError says so; streams work, and removers give false",
    options,
    async () => {
      expect(await without(["--import", "./test/fixtures/readers/absent.mjs"])).toEqual(
        said("the optional peer koffi is not installed: npm install koffi@3", true)
      )
    }
  )

  it(
    "native addons are disabled, by --no-addons and by --permission: the reason says so",
    options,
    async () => {
      const reason = "native addons are disabled (--no-addons, or --permission without --allow-addons)"
      expect(await without(["--no-addons"], "real")).toEqual(said(reason, true))
      const permission =
        Number(process.versions.node.split(".")[0]) < 24 ? "--experimental-permission" : "--permission"
      expect(await without([permission, "--allow-fs-read=*"], "real")).toEqual(said(reason, true))
    }
  )

  it("koffi is too old, or breaks when it is loaded: the reason says so", options, async () => {
    expect(await without([], "exports.version = '2.14.1'")).toEqual(
      said("koffi 2.14.1 has no node.poll; install koffi 3.3.4 or later", false)
    )
    expect(await without([], "throw new Error('Cannot find the native module')")).toEqual(
      said("the optional peer koffi could not be loaded", true)
    )
  })
})
