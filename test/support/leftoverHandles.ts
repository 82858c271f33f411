// For every test file: when its tests have run, the process holds what it held before. No child process, no worker
// thread, no file descriptor. `leftoverProcesses.ts` looks for what has left the process.
import { readdirSync, readlinkSync } from "node:fs"
import { afterAll, beforeAll, expect } from "vitest"
import { ProcessHoldings } from "../../src/testing/ProcessHoldings.js"

const linux = process.platform === "linux"

/** What every open file descriptor is, those of libuv, sockets and pipes too, without numbers that differ from run to run. */
const descriptors = (): ReadonlyArray<string> =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`]
    } catch {
      return [] // The one that was open to read the folder.
    }
  })

/** Descriptors that Node opens for itself, when it first needs them, and keeps. */
const ofNode = /\/dev\/(null|urandom)|node-compile-cache/

if (linux) {
  // From here on, as the tests of a file may start something before the first of them.
  const holdings = new ProcessHoldings()
  let before: ReadonlySet<string>
  beforeAll(() => {
    before = new Set(descriptors())
  })
  afterAll(async () => {
    const left = (): ReadonlyArray<string> => [
      ...holdings
        .come()
        .filter(({ what }) => what === "process" || what === "thread")
        .map(({ name, what }) => `${what} ${name}`),
      ...descriptors().filter((fd) => !before.has(fd) && !ofNode.test(fd))
    ]
    // What was closed last may need some turns to be gone.
    for (let turn = 0; turn < 500 && left().length > 0; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(left(), "left when the tests of this file had run").toEqual([])
  })
}
