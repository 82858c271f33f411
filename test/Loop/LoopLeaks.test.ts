/** What thousands of loops leave behind when they have closed: nothing. In a process of their own, with its gc. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { beforeAll, describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"

const fixture = compiled("test/fixtures/manyLoops.ts")

const keepsFrames = Number(process.versions.node.split(".")[0]) >= 24

interface Look {
  readonly heap: number
  readonly listeners: number
  readonly resources: ReadonlyArray<string>
  /** How many AsyncLocalStorages are in use. */
  readonly storages: number
}

interface Measured {
  readonly during: Look
  readonly before: Look
  readonly after: Look
  /** How many loops were collected. */
  readonly finalized: number
}

const cases = [
  ["10,000 that are opened and closed in a Scope", "empty,10000,tracking"],
  ["2,000 with a task, a timer and an Effect each, one after the other", "worked,2000,tracking"],
  ["3,000 with a task each, open at once in one Scope", "stacked,3000,tracking"],
  ["500 inside of each other", "nested,500,tracking"],
  ["500 in parallel fibers", "together,500,tracking"],
  ["500 Layers", "layers,500,tracking"],
  ["500 that crash", "crashed,500,tracking"],
  ["1,000 without async-local state", "worked,1000,plain"]
] as const

const measured: Array<Measured> = []

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--expose-gc", fixture, ...cases.map(([, argument]) => argument)],
    { env: { ...process.env, NODE_OPTIONS: "" } }
  )
  for (const line of stdout.trim().split("\n")) measured.push(JSON.parse(line) as Measured)
}, 240_000)

describe("loops that have closed", () => {
  it.each(cases.map(([what, argument], i) => [what, argument, i] as const))(
    "L5 S5 %s: every one is collected, and the process is as it was",
    (_, argument, i) => {
      const { after, before, during, finalized } = measured[i] as Measured
      const [, count, mode] = argument.split(",")
      expect(finalized).toBe(Number(count))
      expect(after).toMatchObject({
        listeners: before.listeners,
        resources: before.resources,
        // The store of the library is disabled when the last loop has closed.
        storages: 0
      })
      // What is compiled meanwhile stays; of 10,000 loops that keep 300 bytes each, this would tell.
      expect(after.heap - before.heap).toBeLessThan(3_000_000)
      // And what is looked at does tell of an open loop. (From Node 24 on, storages are not seen in this way.)
      expect(during.resources).toContain("Timeout")
      expect(during.storages).toBe(mode === "tracking" && !keepsFrames ? 1 : 0)
    }
  )
})
