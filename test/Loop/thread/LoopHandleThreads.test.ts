/** LoopHandles between real threads. What one end does is tested in LoopHandle.test.ts, in one thread. */
import { type MessagePort, type Transferable, Worker } from "node:worker_threads"
import { afterEach, describe, expect, it } from "vitest"
import { LoopClosedError, LoopHandle, type OfferedHandle, SyncLoop } from "../../../src/index.js"
import type { Offered, offers } from "../../fixtures/threads/worker.js"
import { compiledUrl } from "../../support/compiled.js"

const fixture = compiledUrl("test/fixtures/threads/worker.ts")

let started: Array<Worker> = []

/** A worker of the fixture: the messages that come from it, one after the other, and its end. */
class Thread {
  readonly worker: Worker
  readonly exited: Promise<number>
  readonly #said: Array<unknown> = []
  readonly #waiting: Array<(message: unknown) => void> = []

  constructor(name: string, port?: MessagePort, count = 0) {
    const transferList: Array<Transferable> = port === undefined ? [] : [port]
    this.worker = new Worker(fixture, { workerData: { case: name, port, count }, transferList, stderr: true })
    started.push(this.worker)
    this.exited = new Promise((resolve, reject) => {
      this.worker.once("exit", resolve)
      this.worker.once("error", reject)
    })
    this.worker.on("message", (message) => {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#said.push(message)
      else waiting(message)
    })
  }

  next(): Promise<any> {
    return this.#said.length > 0
      ? Promise.resolve(this.#said.shift())
      : new Promise((resolve, reject) => {
          this.#waiting.push(resolve)
          this.exited.then((code) => reject(new Error(`the thread ended with ${code}`)), reject)
        })
  }
}

afterEach(async () => {
  const workers = started
  started = []
  await Promise.all(workers.map((worker) => worker.terminate()))
})

/** A loop of this thread with functions for the others, and what they have noted. */
const offering = () => {
  const loop = SyncLoop.make({ name: "main" })
  const notes: Array<unknown> = []
  const log: Array<string> = []
  const functions: Offered = {
    note: (what) => void notes.push(what),
    add: async (a, b) => {
      await loop.sleep(0)
      return a + b
    },
    fail: async () => {
      throw new RangeError("too far", { cause: "the cause" })
    },
    forever: async () => {
      log.push("forever begins")
      try {
        return (await loop.sleep(3_600_000)) as never
      } finally {
        log.push("forever ends")
      }
    },
    slow: async () => {
      try {
        await loop.sleep(3_600_000)
      } finally {
        log.push("slow cleans up")
        await loop.sleep(5)
        log.push("slow is clean")
      }
      return "done"
    },
    stop: () => void loop.stop()
  }
  return { loop, notes, log, offer: () => loop.threadHandle(functions) }
}

const closed = (handle: OfferedHandle, loop: SyncLoop) =>
  loop.runUntilComplete(async () => {
    while (!handle.closed) await loop.sleep(1)
  })

// Each thread loads Effect for itself.
describe("LoopHandle, between threads", { timeout: 60_000 }, () => {
  it("threads-007 threads-008 threads-009 a thread without a loop has callbacks and coroutines run here", async () => {
    const { log, loop, notes, offer } = offering()
    const handle = offer()
    const thread = new Thread("plain", handle.port, 100)
    const first = await loop.runUntilComplete(() => thread.next())
    expect(first).toEqual({
      sums: Array.from({ length: 10 }, () => 42),
      failed: { name: "RangeError", message: "too far", cause: "the cause", closed: false },
      functions: ["note", "add", "fail", "forever", "slow", "stop"]
    })
    expect(notes).toEqual(Array.from({ length: 100 }, (_, i) => i))
    const second = await loop.runUntilComplete(() => thread.next())
    expect(second).toEqual({ given: { cancelled: "no patience", own: true }, state: true })
    expect(["forever begins,forever ends", ""]).toContain(log.join())
    expect(loop.statistics()).toMatchObject({ tasks: 0, handles: 1 })
    await closed(handle, loop)
    expect(await thread.exited).toBe(0)
    expect(loop.statistics().handles).toBe(0)
    await loop.close()
  })

  it("threads-007 several threads with a handle each, and loops of their own, get what is theirs", async () => {
    const { loop, offer } = offering()
    const threads = Array.from({ length: 4 }, () => new Thread("looped", offer().port))
    const answers = await loop.runUntilComplete(() => Promise.all(threads.map((thread) => thread.next())))
    expect(answers).toEqual(threads.map(() => ({ inSync: [true, 3], inEffect: 42 })))
    await Promise.all(threads.map(({ exited }) => exited))
    await loop.close()
    expect(loop.statistics().handles).toBe(0)
  })

  it("threads-001 threads-002 4096 calls wake an idle loop, in their order, and the last one stops it", async () => {
    const { loop, notes, offer } = offering()
    const thread = new Thread("pours", offer().port, 4096)
    await loop.runForever()
    expect(notes).toEqual(Array.from({ length: 4096 }, (_, i) => i))
    expect(await thread.exited).toBe(0)
    await loop.close()
  })

  it("threads-009 S5 a thread that is terminated, or leaves, has what it asked for cancelled", async () => {
    const { log, loop, offer } = offering()
    for (const name of ["waits", "exits"]) {
      log.length = 0
      const handle = offer()
      const thread = new Thread(name, handle.port)
      if (name === "waits") {
        await loop.runUntilComplete(async () => {
          while (log.length === 0) await loop.sleep(1)
        })
        void thread.worker.terminate()
      }
      await closed(handle, loop)
      await loop.runUntilComplete(async () => {
        while (loop.allTasks().size > 1) await loop.sleep(1)
      })
      expect(log).toEqual(["forever begins", "forever ends"])
      expect(loop.statistics()).toMatchObject({ handles: 0, tasks: 0 })
      await thread.exited
    }
    await loop.close()
  })

  it("C3 closing the loop cancels and joins what was asked for; the thread sees LoopClosedError", async () => {
    const { log, loop, offer } = offering()
    const thread = new Thread("waits", offer().port)
    await loop.runUntilComplete(async () => {
      while (log.length === 0) await loop.sleep(1)
    })
    expect(await thread.next()).toBe("ready")
    await loop.close()
    expect(log).toEqual(["forever begins", "forever ends"])
    expect(await thread.next()).toMatchObject({ name: "LoopClosedError", closed: true })
    expect(await thread.exited).toBe(0)
  })

  it("a handle keeps its thread only while something is pending", async () => {
    const { loop, offer } = offering()
    const thread = new Thread("ends", offer().port)
    expect(await loop.runUntilComplete(() => thread.next())).toBe(2)
    expect(await thread.exited).toBe(0)
    await loop.close()
  })

  it("S1 a loop that asked and closes cancels what is pending in the other thread, and waits for its end", async () => {
    const { log, loop, notes, offer } = offering()
    const thread = new Thread("closes", offer().port)
    expect(await loop.runUntilComplete(() => thread.next())).toBe("closed")
    await loop.runUntilComplete(async () => {
      while (notes.length === 0) await loop.sleep(1)
      log.push("told")
    })
    expect(log).toEqual(["slow cleans up", "slow is clean", "told"])
    expect(notes).toEqual([{ closed: true, tasks: 0 }])
    await thread.exited
    await loop.close()
  })

  it("threads-003 a loop of a thread is called from here, and stopped; its functions run there", async () => {
    const thread = new Thread("server")
    const { port } = (await thread.next()) as { port: MessagePort }
    const handle = LoopHandle.from<typeof offers>(port)
    expect(handle.loop).toBe("server")
    expect(await handle.runCoroutineThreadsafe("threadId")).toBe(thread.worker.threadId)
    expect(await handle.runCoroutineThreadsafe("double", 21)).toBe(42)
    const waiting = handle.runCoroutineThreadsafe("forever")
    await handle.runCoroutineThreadsafe("threadId")
    waiting.cancel()
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" })
    expect(await thread.next()).toBe("cancelled in the worker")
    handle.callSoonThreadsafe("stop")
    expect(await thread.next()).toBe("server closed")
    expect(await thread.exited).toBe(0)
    await expect.poll(() => handle.closed).toBe(true)
    expect(() => handle.runCoroutineThreadsafe("threadId")).toThrow(LoopClosedError)
  })

  it("C3 the thread of the loop dies: what is pending fails with LoopClosedError, whatever state it is in", async () => {
    for (const how of ["terminate", "exit"] as const) {
      const thread = new Thread("scoped")
      const { port } = (await thread.next()) as { port: MessagePort }
      const handle = LoopHandle.from<typeof offers>(port)
      const running = handle.runCoroutineThreadsafe("forever")
      const cancelled = handle.runCoroutineThreadsafe("forever")
      await handle.runCoroutineThreadsafe("threadId")
      const blocked =
        how === "terminate" ? handle.runCoroutineThreadsafe("block") : handle.runCoroutineThreadsafe("leave")
      const behind = handle.runCoroutineThreadsafe("double", 1)
      cancelled.cancel("early")
      if (how === "terminate") {
        expect(await thread.next()).toBe("blocks")
        await thread.worker.terminate()
      }
      for (const future of [running, blocked, behind]) {
        await expect(future).rejects.toBeInstanceOf(LoopClosedError)
      }
      await expect(cancelled).rejects.toMatchObject({ name: "AbortError", reason: "early" })
      expect(await thread.exited).toBe(how === "terminate" ? 1 : 7)
    }
  })

  it("threads-007 one worker calls the loop of another one", async () => {
    const server = new Thread("server")
    const { port } = (await server.next()) as { port: MessagePort }
    const client = new Thread("client", port)
    expect(await client.next()).toEqual({ other: true, doubled: 42 })
    expect(await server.next()).toBe("server closed")
    expect(await Promise.all([server.exited, client.exited])).toEqual([0, 0])
  })
})
