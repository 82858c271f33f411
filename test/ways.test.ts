// How long the ways through the house are: which files of src a real call passes, as V8 counts them.
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { compiled } from "./support/compiled.js"
import { line } from "./support/effect/line.js"

type Files = Readonly<Record<string, ReadonlyArray<string>>>

/** What `support/countWays.ts` has counted, in a process of its own: vitest adds functions to the files that it loads. */
const ways = promisify(execFile)(process.execPath, [compiled("test/support/countWays.ts")]).then(
  ({ stdout }) =>
    JSON.parse(stdout) as {
      readonly value: { readonly files: Files; readonly given: number }
      readonly interruption: {
        readonly files: Files
        readonly awaited: ReadonlyArray<string>
        readonly cancelled: boolean
      }
    }
)

/**
 * What every way leans on, and no step of it: a container that keeps what was put into it, in an order of its own, and
 * knows nothing of why. To read a way, nobody has to open one.
 */
const organs: ReadonlySet<string> = new Set([
  "Loop/kernel/Queue.ts", // the ready queue: what was put in first comes out first
  "Loop/kernel/Timers.ts", // the timers: what is due first comes out first
  "Loop/kernel/TaskList.ts", // the tasks that are not done
  "Loop/kernel/current.ts", // the variable that says who runs
  "Loop/host/FrameContext.ts", // async-local state: what was captured comes back, where Node has frames
  "Loop/host/Mark.ts", // the same variable after an await, in such a frame
  "Loop/host/ResourceContext.ts" // both, where Node has none
])

/** What a file is on a way for: it decides something about this call, or hands it on. */
type Part = readonly ["decides" | "hands on", string]

const value: Readonly<Record<string, Part>> = {
  "Adapter/fromAio.ts": ["hands on", "this function, with these arguments"],
  "Adapter/task/runTask.ts": ["decides", "whose error it is: the work's, or a mistake of the program"],
  ...(line === 3 ? { "effect/threeWait.ts": ["hands on", "parks the fiber, in one of its operations"] } : {}),
  "Loop/fiber/Outcome.ts": ["decides", "what the end of the task is to the fiber"],
  [`effect/${line === 3 ? "three" : "four"}.ts`]: [
    "hands on",
    "what Effect's line calls a fiber and an Effect"
  ],
  "Loop/kernel/BaseEventLoop.ts": ["decides", "whether the loop takes the work"],
  "Loop/kernel/Task.ts": ["decides", "how the coroutine begins, and as what it ends"],
  "Loop/kernel/Future.ts": ["hands on", "the outcome, to whoever is registered"],
  "Loop/kernel/Passes.ts": ["decides", "when it runs, and before what"],
  "Loop/host/NodeHost.ts": ["hands on", "a turn of Node's, and its clock"],
  "Loop/host/AsyncContext.ts": ["hands on", "the async-local state, of the call and of the fiber"]
}

const interruption: Readonly<Record<string, Part>> = {
  ...(line === 3
    ? { "effect/threeWait.ts": ["hands on", "that the fiber was told, to what it waits for"] }
    : {}),
  "Adapter/task/runTask.ts": ["hands on", "the task to the join"],
  "Adapter/task/join.ts": ["decides", "that the fiber waits, and for how long"],
  "Loop/fiber/Wait.ts": ["hands on", "the end of the wait, and of the join"],
  "Loop/fiber/SlowJoin.ts": ["decides", "when a join that takes long is told of"],
  "Loop/fiber/Outcome.ts": ["decides", "what an outcome is to a fiber that was interrupted"],
  [`effect/${line === 3 ? "three" : "four"}.ts`]: ["hands on", "what Effect's line calls a fiber"],
  "Loop/kernel/BaseEventLoop.ts": ["hands on", "the timer of a join that takes long"],
  "Loop/kernel/Task.ts": ["decides", "where the cancel is delivered, and as what the task ends"],
  "Loop/kernel/Future.ts": ["hands on", "the cancel of the sleep, and both outcomes"],
  "Loop/kernel/errors.ts": ["hands on", "the CancelledError"],
  "Loop/kernel/Handle.ts": ["hands on", "the sleep's timer, which is cancelled, and the join's"],
  "Loop/kernel/Passes.ts": ["decides", "when it runs, and before what"],
  "Loop/host/NodeHost.ts": ["hands on", "a turn of Node's, and its timer"],
  "Loop/host/AsyncContext.ts": ["hands on", "the async-local state of the fiber"]
}

/** Organs aside, a way is the files of its table, no other and none less, and no longer than it may be. */
const expectWay = (
  files: Files,
  parts: Readonly<Record<string, Part>>,
  most: { readonly files: number; readonly deciding: number }
): void => {
  const way = Object.keys(files).filter((file) => !organs.has(file))
  const deciding = way.filter((file) => parts[file]?.[0] === "decides")
  const shown = way.map((file) => {
    const part = parts[file]?.join(" ") ?? "is not in the table: what is it there for?"
    return `${file}: ${part} (${files[file]?.join(" ")})`
  })
  const text = `${way.length} files, of which ${deciding.length} decide:\n${shown.join("\n")}\n`
  expect([...way].sort(), text).toEqual(Object.keys(parts).sort())
  expect(way.length, text).toBeLessThanOrEqual(most.files)
  expect(deciding.length, text).toBeLessThanOrEqual(most.deciding)
}

describe("the way of a call", () => {
  it("fromAio(fn)(x) passes at most 11 files of which 5 decide", async () => {
    const { files, given } = (await ways).value
    expect(given).toBe(2)
    expectWay(files, value, { files: 11, deciding: 5 })
  })

  it("interrupting fromAio(fn)(x) while fn awaits loop.sleep passes at most 15 files of which 5 decide", async () => {
    const { awaited, cancelled, files } = (await ways).interruption
    expect({ awaited, cancelled }).toEqual({ awaited: ["<Future pending>"], cancelled: true })
    expectWay(files, interruption, { files: 15, deciding: 5 })
  })
})
