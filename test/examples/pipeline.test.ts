// The second example, run as its users run it: real programs of the system, real signals, a real FIFO.
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { Chunk, Effect, Stream } from "effect"
import * as fc from "fast-check"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { blocks } from "../../examples/pipeline/blocks.js"
import { compiled } from "../support/compiled.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Logs, configs, and what the program would leave behind. */
const ours = mkdtempSync(join(tmpdir(), "effect-aio-pipeline-"))
afterAll(() => rmSync(ours, { recursive: true }))

interface Program {
  readonly output: () => string
  /** The first match in what it prints. */
  readonly prints: (pattern: RegExp) => Promise<RegExpExecArray>
  /** Writes a line to its FIFO. */
  readonly tell: (line: string) => Promise<void>
  readonly signal: (name: NodeJS.Signals) => void
  /** Its exit code, when it has exited. */
  readonly exited: Promise<number | null>
  /** Its own children that are alive, and temporary folders that are there. */
  readonly left: () => ReadonlyArray<string>
}

const running = new Set<Program>()

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return "" // It has ended.
  }
}

const start = (...options: ReadonlyArray<string>): Program => {
  const mark = `EFFECT_AIO_PIPELINE=${randomUUID()}`
  const temporary = mkdtempSync(join(ours, "tmp-"))
  const child = spawn(process.execPath, [compiled("examples/pipeline/main.ts"), ...options], {
    cwd: root,
    env: {
      ...process.env,
      NODE_OPTIONS: "",
      TMPDIR: temporary,
      EFFECT_AIO_PIPELINE: mark.split("=")[1]
    },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let text = ""
  const listeners = new Set<() => void>()
  const add = (chunk: Buffer): void => {
    text += chunk.toString()
    for (const listener of listeners) listener()
  }
  child.stdout.on("data", add)
  child.stderr.on("data", add)
  const exited = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      running.delete(program)
      resolve(code)
    })
  })
  const program: Program = {
    output: () => text,
    prints: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(text)
          if (found === null) return
          listeners.delete(look)
          resolve(found)
        }
        listeners.add(look)
        look()
        void exited.then(() => reject(new Error(`it exited before it printed ${pattern}:\n${text}`)))
      }),
    tell: async (line) => {
      const [, fifo = ""] = await program.prints(/^control: echo status > (.*)$/m)
      // Fails where nobody reads it, instead of waiting.
      const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
      writeSync(fd, `${line}\n`)
      closeSync(fd)
    },
    signal: (name) => void child.kill(name),
    exited,
    left: () => [
      ...readdirSync("/proc")
        .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== child.pid)
        .filter((pid) => read(`/proc/${pid}/environ`).includes(mark))
        .map((pid) => read(`/proc/${pid}/cmdline`).split("\0")[0] ?? ""),
      ...readdirSync(temporary).filter((name) => name.startsWith("pipeline-"))
    ]
  }
  running.add(program)
  return program
}

/** The names in the closing report, in order. */
const closed = (output: string): Array<string> =>
  [...(output.split("closing:\n")[1] ?? "").matchAll(/^ {2}([a-z]+) +[\d.]+ ms/gm)].map(
    ([, name]) => name ?? ""
  )

/** A trace: `events` times something that took 3 µs in every category. Some names are hard to read. */
const trace = (events: number): string => {
  const names = ["plain", 'quote \\" and },{ brace', "back\\\\slash", "[{"]
  const all = Array.from({ length: events }, (_, n) => {
    const common = `"pid":1,"tid":1,"ts":${1_000 + 10 * n},"tts":0`
    const [category, name] = [n % 2 === 0 ? "left" : "node,right", names[n % names.length]]
    return `{${common},"ph":"X","cat":"${category}","name":"${name}","dur":3,"tdur":3,"args":{"nested":[{"a":1},{"b":"}"}]}}`
  })
  return `{"traceEvents":[${all.join(",")}]}`
}

const file = (name: string, content: string | Buffer): string => {
  const path = join(ours, name)
  writeFileSync(path, content)
  return path
}

/** A log of some blocks, in two traces: more than the pipes hold when two of them have passed. */
const log = file(
  "trace.log.gz",
  Buffer.concat([gzipSync(trace(80_000), { level: 1 }), gzipSync(trace(2_000), { level: 1 })])
)
const config = (categories: ReadonlyArray<string>, top: number): string =>
  file("config.json", JSON.stringify({ categories, top }))

describe("examples/pipeline", () => {
  afterEach(() => {
    for (const program of running) program.signal("SIGKILL")
  })

  it("--once: a log of its own, a reload, a FIFO, and a shell that finds the same", async () => {
    const program = start("--once", "--megabytes", "8")
    expect(await program.exited, program.output()).toBe(0)
    const output = program.output()
    expect(output).toMatch(
      /^made a log of [\d.]+ MiB, [\d.]+ MiB packed: node's trace of [1-9]\d* requests$/m
    )
    expect(output).toContain("paused after 1 block\n")
    expect(output).toMatch(/^status: [\d.]+ MiB read, /m)
    expect(output).toContain("config reloaded: 5 categories, top 8\n")
    expect(output).toContain("resumed\n")
    expect(output).toMatch(/^node.http +http.client.request +[1-9]/m)
    expect(output.match(/^(node\.|v8 ).*\d$/gm)).toHaveLength(8)
    expect(output).toMatch(/at most [\d.]+ MiB of memory/)
    expect(output).toMatch(/^a shell finds the same \d\d groups/m)
    expect(output).toContain("left running: nothing")
    expect(output).not.toMatch(/closing|level=/)
    expect(program.left()).toEqual([])
  }, 120_000)

  it("answers its FIFO, and has SIGHUP reload the config for the blocks that follow", async () => {
    const program = start("--paused", "--config", config(["left"], 10), log)
    await program.tell("status")
    await program.prints(/^status: .* 0 blocks parsed/m)
    await program.tell("dance")
    await program.prints(/^no such command: dance/m)
    await program.tell("step 2")
    await program.prints(/^paused after 2 blocks$/m)

    config(["right"], 0)
    program.signal("SIGHUP")
    await program.prints(/^config not reloaded: .*config.json is no config file: .*\["top"\]/ms)
    config(["right"], 4)
    program.signal("SIGHUP")
    await program.prints(/^config reloaded: 1 categories, top 4$/m)
    await program.tell("resume")
    expect(await program.exited, program.output()).toBe(0)

    const rows = [...program.output().matchAll(/^(left|right) +(.*?) +([\d,]+) +([\d.]+) +(\d+)$/gm)].map(
      ([, category, name, count]) => [category, name, Number(count?.replace(",", ""))] as const
    )
    // The first two blocks have been asked for the one category, the others for the other: some of each, and of none all.
    expect(rows.map(([category, name]) => `${category}: ${name}`).sort()).toEqual([
      "left: back\\slash",
      "left: plain",
      "right: [{",
      'right: quote " and },{ brace'
    ])
    for (const [, , count] of rows) {
      expect(count).toBeGreaterThan(0)
      expect(count).toBeLessThan(82_000 / 4)
    }
    expect(program.left()).toEqual([])
  }, 120_000)

  it("SIGTERM in the middle closes everything in order, with exit code 143, and leaves nothing", async () => {
    const program = start("--paused", log)
    await program.tell("step 2")
    await program.prints(/^paused after 2 blocks$/m)
    expect(program.left()).toEqual(expect.arrayContaining(["gzip", "sort", "awk"]))
    program.signal("SIGTERM")
    expect(await program.exited, program.output()).toBe(143)
    const output = program.output()
    expect(closed(output)).toEqual([
      "blocks",
      "jobs",
      "gzip",
      "sort",
      "awk",
      "workers",
      "control",
      "folder",
      "loop"
    ])
    expect(output).toMatch(/blocks .* no new ones after 2 blocks$/m)
    expect(output).toMatch(/jobs .* (0 done, 0 failed, 2|1 done, 0 failed, 1|2 done, 0 failed, 0) joined$/m)
    expect(output).toMatch(/folder .*pipeline-\w+ is gone$/m)
    expect(output).toContain("left running: nothing")
    expect(output).not.toMatch(/level=(ERROR|FATAL)/)
    expect(program.left()).toEqual([])
  }, 120_000)

  it("SIGINT while the log is made ends node in order, with exit code 130", async () => {
    const program = start("--megabytes", "100000")
    await program.prints(/^making a log/m)
    program.signal("SIGINT")
    expect(await program.exited, program.output()).toBe(130)
    expect(closed(program.output()).filter((name) => name !== "node")).toEqual(["folder", "loop"])
    expect(program.left()).toEqual([])
  }, 120_000)

  it("input that is broken fails the program, with what and where, and leaves nothing", async () => {
    const job = start(file("broken.gz", gzipSync('{"traceEvents":[{"pid":1,"cat":"v8"},{"pid":oops}]}')))
    const gzip = start(file("plain.gz", "hello"))
    for (const program of [job, gzip]) {
      expect(await program.exited, program.output()).toBe(1)
      expect(closed(program.output()).slice(-2)).toEqual(["folder", "loop"])
      expect(program.output()).toContain("left running: nothing")
      expect(program.left()).toEqual([])
    }
    expect(job.output()).toMatch(
      /JobFailed: block 1 \(at byte 16\) could not be parsed: SyntaxError: Unexpected token 'o'/
    )
    expect(job.output()).toMatch(/jobs .* 0 done, 1 failed, 0 joined$/m)
    expect(gzip.output()).toMatch(/ToolFailed: gzip failed with exit code 1: gzip: .*not in gzip format/)
  }, 120_000)
})

const split = (size: number, chunks: Iterable<Uint8Array>) =>
  Stream.fromIterable(chunks).pipe(blocks(size), Stream.runCollect, Effect.map(Chunk.toReadonlyArray))

const cut = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

describe("blocks of a trace", () => {
  it("hold every event once, whatever is in it, and however the bytes come", () => {
    const event = fc.dictionary(
      fc.string(),
      fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as unknown)
    )
    const traces = fc
      .array(fc.array(event, { maxLength: 5 }), { maxLength: 3 })
      .filter((all) => all.flat().length > 0)
    return fc.assert(
      fc.asyncProperty(traces, fc.nat(300), fc.integer({ min: 1, max: 100 }), async (traces, size, chunk) => {
        const text = traces
          .map((events) => JSON.stringify({ traceEvents: events }, undefined, chunk % 3))
          .join("\n")
        const bytes = new TextEncoder().encode(text)
        const found = await Effect.runPromise(split(size, cut(bytes, chunk)))
        const parsed = found.flatMap(
          (block) => JSON.parse(`[${new TextDecoder().decode(block.bytes)}]`) as Array<unknown>
        )
        expect(parsed).toEqual(JSON.parse(JSON.stringify(traces.flat())))
        expect(found.map(({ number }) => number)).toEqual(found.map((_, n) => n + 1))
        for (const block of found) {
          expect(bytes.subarray(block.at, block.at + block.bytes.length)).toEqual(block.bytes)
        }
      }),
      { numRuns: 60 }
    )
  })

  it.each([
    ["hello", 0, "it does not begin with"],
    ["", 0, "it has no events"],
    ['{"traceEvents":[]}', 18, "it has no events"],
    ['{"traceEvents":[{}]}]', 20, "it closes what it never opened"],
    ['{"traceEvents":[{"a":"]}', 24, "it ends in the middle"]
  ])("refuse %s at byte %i", async (text, at, why) => {
    const error = await Effect.runPromise(Effect.flip(split(1_000, [new TextEncoder().encode(text)])))
    expect(error).toMatchObject({ _tag: "NotATrace", at })
    expect(error.why).toContain(why)
  })

  it("refuse an event that never ends, before they have taken all memory", async () => {
    const begin = new TextEncoder().encode('{"traceEvents":[{},{"a":"')
    const more = Array.from({ length: 20 }, () => new Uint8Array(2 ** 20).fill(0x61))
    const error = await Effect.runPromise(Effect.flip(split(1_000, [begin, ...more])))
    expect(error).toMatchObject({ _tag: "NotATrace", at: 18, why: "what begins here has no end" })
  })
})
