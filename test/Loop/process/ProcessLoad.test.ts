// Many children, much data, and every end against every state.
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { describe, expect } from "vitest"
import { compiled } from "../../support/compiled.js"
import {
  BrokenPipeError,
  CancelledError,
  type EventLoop,
  LoopClosedError,
  type Process,
  ProcessLookupError,
  type StreamWriter
} from "../../../src/index.js"
import { onLoop, openFds, until } from "../../fixtures/subprocess/recording.js"
import { open } from "../../support/scopedLoops.js"

const MiB = 1024 * 1024
const both = { stdin: "pipe", stdout: "pipe" } as const
const all = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const

/** A writer that minds its drains. */
const pour = (loop: EventLoop, child: Process<StreamWriter>, total: number, wrote: (n: number) => void) =>
  loop.createTask(async () => {
    const block = Buffer.alloc(65536, "x")
    for (let n = 0; n < total; n += block.length) {
      child.stdin.write(block)
      await child.stdin.drain()
      wrote(n + block.length)
    }
    child.stdin.close()
  })

describe("much data", () => {
  it.live("256 MiB go through a child in constant memory", () =>
    onLoop(async (loop) => {
      const total = 256 * MiB
      const before = process.memoryUsage().rss
      let peak = 0
      let written = 0
      let ahead = 0
      let read = 0
      const child = await loop.createSubprocessExec("cat", [], both)
      const pouring = pour(loop, child, total, (n) => (written = n))
      for (let reads = 0; ; reads++) {
        const data = await child.stdout.read(MiB)
        if (data.length === 0) break
        read += data.length
        ahead = Math.max(ahead, written - read)
        if (reads % 256 === 0) peak = Math.max(peak, process.memoryUsage().rss)
      }
      await pouring
      expect([read, await child.wait()]).toEqual([total, 0])
      expect(ahead).toBeLessThan(4 * MiB)
      expect(peak - before).toBeLessThan(128 * MiB)
    })
  )

  it.live("a reader that stops holds up the child, and the writer behind it", () =>
    onLoop(async (loop) => {
      const total = 16 * MiB
      let written = 0
      const child = await loop.createSubprocessExec("cat", [], both)
      const pouring = pour(loop, child, total, (n) => (written = n))
      // Until nothing moves any more: all the buffers between are full.
      let still = 0
      while (still < 50 || written <= 128 * 1024) {
        const last = written
        await loop.sleep(2)
        still = written === last ? still + 1 : 0
      }
      expect(written).toBeLessThan(4 * MiB)
      expect(pouring.done()).toBe(false)
      expect((await child.stdout.read()).length).toBe(total)
      await pouring
      expect(await child.wait()).toBe(0)
    })
  )

  it.live("a protocol that pauses gets nothing more until it resumes", () =>
    onLoop(async (loop) => {
      let received = 0
      const lost = loop.createFuture<void>()
      const [transport] = await loop.subprocessExec(
        () => ({
          pipeDataReceived(_: number, data: Buffer) {
            received += data.length
            if (received === data.length) transport.getPipeTransport(1)?.pauseReading()
          },
          connectionLost: () => lost.setResult()
        }),
        "head",
        ["-c", `${8 * MiB}`, "/dev/zero"]
      )
      while (received === 0) await loop.sleep(1)
      const first = received
      await loop.sleep(50)
      expect(received).toBe(first)
      expect(transport.getReturncode()).toBeNull()
      transport.getPipeTransport(1)?.resumeReading()
      await lost
      expect(received).toBe(8 * MiB)
    })
  )
})

describe("many children", () => {
  it.live("200 at once, each with three pipes and its own output", () =>
    onLoop(async (loop) => {
      const before = openFds()
      const children = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          loop.createSubprocessExec("sh", ["-c", `read x; echo "$x ${i}"; exit ${i}`], all)
        )
      )
      expect(loop.statistics().processes).toBe(200)
      expect(loop._transportFds.size).toBe(600)
      const outputs = await Promise.all(children.map((child, i) => child.communicate(`line ${i}\n`)))
      expect(outputs.map(([out]) => out.toString())).toEqual(children.map((_, i) => `line ${i} ${i}\n`))
      expect(children.map(({ returncode }) => returncode)).toEqual(children.map((_, i) => i))
      await until(() => openFds() <= before)
      expect([loop.statistics().processes, loop._transportFds.size]).toEqual([0, 0])
    })
  )

  it.live("100 are ended with the loop, whatever they wait for", () =>
    Effect.gen(function* () {
      const children: Array<Process> = []
      yield* onLoop(async (loop) => {
        for (let i = 0; i < 100; i++) {
          children.push(await loop.createSubprocessExec("sh", ["-c", "exec cat"], i % 2 === 0 ? all : both))
        }
      })
      expect(new Set(children.map(({ returncode }) => returncode))).toEqual(new Set([-15]))
      expect(() => children[0]?.kill()).toThrow(ProcessLookupError)
    })
  )
})

it.effect("subprocess-055 without redirection a child has the parent's own stdout and stderr", () =>
  Effect.sync(() => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [compiled("test/fixtures/subprocess/inherits.ts")],
      { input: "input\n", encoding: "utf8" }
    )
    expect([status, stderr, stdout]).toEqual([
      0,
      "error\n",
      `exec\ninput\nshell\n${JSON.stringify([null, null, null, null, null, null])}\n`
    ])
  })
)

describe("every end against every state", () => {
  const states = {
    "just started": async () => {},
    running: async (child: Process) => void (await child.stdout?.readline()),
    "told to end": async (child: Process) => {
      await child.stdout?.readline()
      child.terminate()
    },
    exited: async (child: Process) => {
      child.kill()
      await child.wait()
    },
    closed: async (child: Process, loop: EventLoop) => {
      child.transport.close()
      while (child.stdout?.atEof() === false) await loop.sleep(1)
      await child.wait()
    }
  }
  const ends = {
    terminate: (child: Process) => child.terminate(),
    kill: (child: Process) => child.kill(),
    "close its transport": (child: Process) => child.transport.close(),
    "close its pipes": (child: Process) => {
      for (const fd of [0, 1, 2]) child.transport.getPipeTransport(fd)?.close()
    },
    "kill it from outside": (child: Process) => {
      try {
        process.kill(child.pid, "SIGKILL")
      } catch {
        // It has ended.
      }
    }
  }
  for (const [state, bring] of Object.entries(states)) {
    for (const [end, act] of Object.entries(ends)) {
      it.live(`${end}, when it is ${state}`, () =>
        onLoop(async (loop) => {
          const before = openFds()
          const child = await loop.createSubprocessExec("sh", ["-c", "echo ready; exec cat"], all)
          await bring(child, loop)
          const exited = child.returncode !== null
          const wait = loop.createTask(() => child.wait())
          const cancelled = loop.createTask(() => child.wait())
          await loop.sleep(0)
          cancelled.cancel()
          try {
            act(child)
            if (end === "terminate" || end === "kill") expect(exited).toBe(false)
          } catch (error) {
            expect(error).toBeInstanceOf(ProcessLookupError)
            expect(end === "terminate" || end === "kill").toBe(true)
            expect(child.returncode).not.toBeNull()
          }
          const code = await wait
          // 1, 2 and -13: it writes to a pipe that is closed.
          expect([0, 1, 2, -9, -13, -15]).toContain(code)
          expect(await child.wait()).toBe(code)
          expect(child.returncode).toBe(code)
          if (!exited) expect(cancelled.cancelled()).toBe(true)
          child.transport.close()
          await until(() => openFds() <= before && loop._transportFds.size === 0)
          child.stdin.write("x")
          await expect(Promise.resolve(child.stdin.drain())).rejects.toBeInstanceOf(BrokenPipeError)
        })
      )
    }
  }

  it.scopedLive("the loop is closed at once, in each of the states, under what waits", () =>
    Effect.gen(function* () {
      for (const bring of Object.values(states)) {
        const loop = yield* open()
        const [child, settled] = yield* Effect.promise(async () => {
          const child = await loop.createSubprocessExec("sh", ["-c", "echo ready; exec cat"], all)
          await bring(child, loop)
          const tasks = [
            loop.createTask(() => child.wait()),
            loop.createTask(() => child.stderr.read()),
            loop.createTask(async () => {
              child.stdin.write(Buffer.alloc(MiB))
              await child.stdin.drain()
              await loop.sleep(1e6)
            })
          ]
          await loop.sleep(0)
          return [child, Promise.allSettled(tasks)] as const
        })
        loop.close()
        const outcomes = yield* Effect.promise(() => settled)
        for (const outcome of outcomes) {
          if (outcome.status === "rejected")
            expect(
              [LoopClosedError, BrokenPipeError, CancelledError].some((C) => outcome.reason instanceof C)
            ).toBe(true)
        }
        yield* Effect.promise(() => until(() => child.returncode !== null))
        expect(loop._transportFds.size).toBe(0)
        expect(() => child.kill()).toThrow(ProcessLookupError)
      }
    })
  )

  it.live("the loop closes in order under a task in each of the waits", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let child!: Process
      yield* onLoop(async (loop) => {
        const cat = await loop.createSubprocessExec("cat", [], all)
        child = cat
        for (const [name, f] of [
          ["wait", () => cat.wait()],
          ["read", () => cat.stdout.readline()],
          ["closed", () => cat.stdin.waitClosed()]
        ] as const) {
          loop.createTask(async () => {
            try {
              await f()
            } finally {
              // In cleanup the process is still there: it ends after the tasks.
              log.push(`${name} ${cat.returncode}`)
            }
          })
        }
        await loop.sleep(0)
      })
      expect(log.sort()).toEqual(["closed null", "read null", "wait null"])
      expect(child.returncode).not.toBeNull()
    })
  )
})
