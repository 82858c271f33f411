import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { afterAll, describe, expect, it, vi } from "vitest"
import { keptAliveBy, WorkersSeen } from "../../../src/Loop/host/keptAlive.js"

const idle = "setInterval(() => {}, 1e6)"

describe("what keeps a process alive", () => {
  const listed = (...names: ReadonlyArray<string>) =>
    vi.spyOn(process, "getActiveResourcesInfo").mockReturnValue([...names])
  const workers = new WorkersSeen()

  afterAll(() => {
    workers.close()
  })

  it("S3 is what Node lists, counted, without the standard streams", () => {
    listed("TTYWrap", "Timeout", "PipeWrap", "Timeout", "TCPServerWrap")
    expect(keptAliveBy(workers)).toBe("Timeout (2), TCPServerWrap")
  })

  it("S3 is a worker thread as long as it runs, which Node does not list", async () => {
    listed("PipeWrap", "PipeWrap")
    const seen = new WorkersSeen()
    const worker = new Worker(idle, { eval: true, stdout: true, stderr: true })
    const id = worker.threadId
    await once(worker, "online")
    expect(keptAliveBy(seen)).toBe(`worker thread ${id}`)
    await worker.terminate()
    expect(seen.names()).toEqual([])
    seen.close()
  })

  it("S3 is called unknown where nothing is known, and what cannot be seen is said", () => {
    listed()
    expect(keptAliveBy(workers)).toMatch(
      /^nothing that Node lists; .*thread pool.*native add-on.*worker thread/
    )
    listed("PipeWrap", "PipeWrap")
    expect(keptAliveBy(workers)).toMatch(
      /^PipeWrap \(2\), of which the standard streams keep nothing alive; or .*thread pool/
    )
  })

  it("S5 leaves no listener", () => {
    const before = process.listenerCount("worker")
    new WorkersSeen().close()
    expect(process.listenerCount("worker")).toBe(before)
  })
})
