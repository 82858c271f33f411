// Covers: words
import { describe, expect, it } from "vitest"
import { phasesOf } from "../../../src/cli/page/phases.js"
import { lasting, lookOf, saying, titleOf } from "../../../src/cli/page/words.js"
import { loopShown, rowShown } from "../../support/shown.js"

const rows = [
  rowShown({ what: "task" }),
  rowShown({ what: "task", count: 4 }),
  rowShown({ what: "process" }),
  rowShown({ what: "fiber" }),
  rowShown({ what: "server", loop: "another" })
]
const textOf = (phases: ReturnType<typeof phasesOf>) =>
  phases?.map(({ left, name, state }) => `${name} ${state} ${left}`)

describe("the phases of a closing", () => {
  it("are told of a loop that is closing: the first that has something is the one that it is in", () => {
    expect(textOf(phasesOf(loopShown({ state: "closing" }), rows))).toEqual([
      "program done 0",
      "servers done 0",
      "work now 5",
      "crossings to come 0",
      "executors to come 0",
      "processes to come 1",
      "watchers to come 0"
    ])
  })

  it("begin with the program around the loop, while that is told to stop", () => {
    const body = rowShown({ what: "effect", name: "body of loop-1", state: "interrupting" })
    expect(textOf(phasesOf(loopShown(), [...rows, body]))?.slice(0, 3)).toEqual([
      "program now 1",
      "servers to come 0",
      "work to come 5"
    ])
  })

  it("are not told of a loop that runs, or is stopped; all are done where nothing is left", () => {
    expect(phasesOf(loopShown(), rows)).toBeUndefined()
    expect(phasesOf(loopShown({ state: "stopped" }), rows)).toBeUndefined()
    expect(phasesOf(loopShown({ state: "closing" }), [])?.every(({ state }) => state === "done")).toBe(true)
  })
})

describe("rows in words", () => {
  it("says for how long", () => {
    expect([-5, 3.4, 999, 1_234, 59_900, 61_000, 3_600_000, 90_000_000].map(lasting)).toEqual([
      "0 ms",
      "3 ms",
      "999 ms",
      "1.2 s",
      "60 s",
      "1 min 1 s",
      "1 h 0 min",
      "25 h 0 min"
    ])
  })

  it("says what a row waits for only where that has no line of its own", () => {
    expect(titleOf(rowShown())).toBe("task query")
    expect(saying(rowShown(), 1_500)).toBe("pending, 500 ms, a foreign promise")
    expect(saying(rowShown({ waitsFor: ["x"], born: undefined }), 1_500)).toBe("pending")
  })

  it("tells what was told to stop", () => {
    expect(["pending", "running", "cancelling", "interrupting", "terminating"].map(lookOf)).toEqual([
      "running",
      "running",
      "stopping",
      "stopping",
      "stopping"
    ])
  })
})
