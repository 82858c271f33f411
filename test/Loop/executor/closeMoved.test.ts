// What was moved to a job that never ran is closed, wherever the job was when it ended.
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import {
  type EventLoop,
  Executor,
  Limiter,
  SyncLoop,
  transfer,
  type Transferred
} from "../../../src/index.js"
import { Gate, hold, onLoop, settled, spin, until } from "../../fixtures/executor/pool.js"

const folder = mkdtempSync(join(tmpdir(), "aio-moved-"))
const file = join(folder, "file")
writeFileSync(file, "text")
afterAll(() => rmSync(folder, { recursive: true }))

/** How many descriptors of the file this process has, its threads included. */
const opened = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file
    } catch {
      return false
    }
  }).length

/** Everything that can move and is open, and the news of their ends. */
const things = async () => {
  const log: Array<string> = []
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener("close", () => log.push("port"))
  port1.start()
  const end = (name: string) => () => void log.push(name)
  const list = [
    await open(file),
    port2,
    new ReadableStream({ cancel: end("readable") }),
    new WritableStream({ abort: end("writable"), close: end("written") }),
    new ArrayBuffer(8)
  ]
  const closed = async (): Promise<void> => {
    await until(() => log.length >= 3 && opened() === 0)
    expect([...log].sort()).toEqual(["port", "readable", "writable"])
  }
  return { closed, list, moved: transfer(list as Array<unknown>, list as unknown as Array<Transferred>) }
}

const never = (_: Array<unknown>): string => "ran"

describe("what was moved to a job", () => {
  it("that is cancelled in the queue is closed", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
      const gate = new Gate()
      const first = loop.runInExecutor(executor, hold, gate.cells)
      const { closed, moved } = await things()
      const future = loop.runInExecutor(executor, never, moved)
      expect(opened()).toBe(1)
      future.cancel()
      await closed()
      gate.open()
      await first
    })
  })

  it("that is cancelled while it waits for a permit is closed", async () => {
    await onLoop(async (loop) => {
      const limiter = Limiter.make(1)
      await using executor = Executor.make({ maxWorkers: 2, limiter, name: "aio-test" })
      const gate = new Gate()
      const first = loop.runInExecutor(executor, hold, gate.cells)
      const { closed, moved } = await things()
      loop.runInExecutor(executor, never, moved).cancel()
      await closed()
      gate.open()
      await first
    })
  })

  it("that is cancelled while its thread starts is closed there", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: "1 hour" })
      const { closed, moved } = await things()
      const future = loop.runInExecutor(executor, never, moved)
      future.cancel()
      await settled(future)
      expect(future.cancelled()).toBe(true)
      await closed()
    })
  })

  it("whose thread is terminated before it has begun is closed", async () => {
    await onLoop(async (loop) => {
      for (const grace of [0, 1, 5, 20]) {
        await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace })
        const handle: FileHandle = await open(file)
        const future = loop.runInExecutor(executor, (h: FileHandle) => void h.fd, transfer(handle, [handle]))
        future.cancel()
        await settled(future)
        await until(() => opened() === 0)
      }
    })
  })

  it("that is refused is closed: its module is not there, or not its export", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
      for (const work of [
        { module: "/no/such/module.mjs", export: "f" },
        { module: "node:fs", export: "none" }
      ]) {
        const { closed, moved } = await things()
        expect(await settled(loop.runInExecutor(executor, work, moved))).toMatchObject({
          _tag: "JobRefusedError"
        })
        await closed()
      }
    })
  })

  it("that a shutdown or a closing loop has taken out of the queue is closed", async () => {
    const ends: ReadonlyArray<(loop: EventLoop, executor: Executor) => Promise<unknown>> = [
      (_, executor) => executor.shutdown({ deadline: 0 }),
      (loop, executor) => Promise.all([(loop as SyncLoop).close(), executor.shutdown()])
    ]
    for (const end of ends) {
      const loop = SyncLoop.make({ exceptionHandler: () => {} })
      const executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: 0 })
      const { closed, moved } = await things()
      await loop.runUntilComplete(async () => {
        const gate = new Gate()
        const first = loop.runInExecutor(executor, spin, gate.cells)
        await gate.entered()
        void settled(loop.runInExecutor(executor, never, moved))
        void settled(first)
      })
      await end(loop, executor)
      await closed()
      await loop.close()
    }
  })

  it("that runs is the job's: nothing of it is closed for it", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
      const handle: FileHandle = await open(file)
      const text = async (h: FileHandle): Promise<string> => {
        const read = await h.readFile("utf8")
        await h.close()
        return read
      }
      expect(await loop.runInExecutor(executor, text, transfer(handle, [handle]))).toBe("text")
      expect(opened()).toBe(0)
    })
  })
})
