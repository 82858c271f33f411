// For every test file: when its tests have run, the process holds what it held before. No child process, no worker
// thread, no file descriptor. `leftoverProcesses.ts` looks for what has left the process.
import { readFileSync, readdirSync, readlinkSync } from "node:fs"
import type { Worker } from "node:worker_threads"
import { afterAll, beforeAll, expect } from "vitest"

const workers = new Set<Worker>()
process.on("worker", (worker) => {
  workers.add(worker)
  worker.once("exit", () => workers.delete(worker))
})

const linux = process.platform === "linux"

/** What every open file descriptor is, without numbers that differ from run to run. */
const descriptors = (): ReadonlyArray<string> =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`]
    } catch {
      return [] // The one that was open to read the folder.
    }
  })

const children = (): ReadonlyArray<string> =>
  readFileSync(`/proc/self/task/${process.pid}/children`, "utf8")
    .split(" ")
    .filter((pid) => pid !== "")
    .map((pid) => {
      const read = (file: string): string => {
        try {
          return readFileSync(`/proc/${pid}/${file}`, "utf8").replaceAll("\0", " ").trim()
        } catch {
          return "?"
        }
      }
      return `pid ${pid} ${read("comm")}: ${read("cmdline")}`
    })

/** Descriptors that Node opens for itself, when it first needs them, and keeps. */
const ofNode = /\/dev\/(null|urandom)|node-compile-cache/

if (linux) {
  let before: ReadonlySet<string>
  beforeAll(() => {
    before = new Set(descriptors())
  })
  afterAll(async () => {
    const left = (): ReadonlyArray<string> => [
      ...children(),
      ...[...workers].map(({ threadId }) => `worker thread ${threadId}`),
      ...descriptors().filter((fd) => !before.has(fd) && !ofNode.test(fd))
    ]
    // What was closed last may need some turns to be gone.
    for (let turn = 0; turn < 500 && left().length > 0; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(left(), "left when the tests of this file had run").toEqual([])
  })
}
