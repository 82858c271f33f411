// Dumps as text.
// Covers: DumpJson
import { afterAll, describe, expect, it } from "vitest"
import { type DumpJson, SyncLoop } from "../../../src/index.js"
import { tableText, treeText } from "../../../src/Loop/inspect/text.js"
import { row } from "../../support/dumpRows.js"

const loop = SyncLoop.make({ name: "main" })
const numbers = loop.statistics()
afterAll(() => loop.close())

const dump = (over: Partial<DumpJson>): DumpJson => ({
  _id: "LoopDump",
  loop: numbers,
  time: 1,
  rows: [],
  more: 0,
  circles: [],
  resources: {},
  ...over
})

const many = dump({
  rows: [
    row({ id: 1, name: "a", waitsFor: [2, 3] }),
    row({ id: 2, name: "b", waitsFor: [1] }),
    row({ id: 3, name: "c", parent: 2 })
  ],
  circles: [[1, 2]],
  resources: { Timeout: 2, TCPSocketWrap: 1 }
})

describe("a dump as text", () => {
  it("says what loop it is of, what is there, and what keeps Node", () => {
    expect(tableText(dump({}))).toBe("main: stopped, 0 ready, 0 there")
    expect(tableText(many).split("\n")).toEqual([
      "main: stopped, 0 ready, 3 there",
      expect.stringMatching(/^what/),
      expect.stringMatching(/^task {2}a/),
      expect.stringMatching(/^task {2}b/),
      expect.stringMatching(/^task {2}c/),
      "they wait for each other, for ever: task a -> task b -> task a",
      "Node is kept by: 2 Timeout, 1 TCPSocketWrap"
    ])
    expect(treeText(dump({}))).toBe("")
  })
})
