import { describe, expect, it } from "vitest"
import { linesOf, type Opened } from "../../../src/cli/page/forest.js"
import type { PageRow } from "../../../src/cli/ui/messages.js"
import { loopShown, rowShown } from "../../support/shown.js"

const rowsOf = (rows: ReadonlyArray<PageRow>) => new Map(rows.map((row) => [row.id, row]))
const textsOf = (
  rows: ReadonlyArray<PageRow>,
  opened: Opened = new Map(),
  filter = "",
  loops = [loopShown()]
) =>
  linesOf(loops, rowsOf(rows), opened, filter).map(({ again, count, depth, loop, open, row }) => {
    const mark = open === undefined ? " " : open ? "-" : "+"
    const many = count > 1 && row !== undefined ? `${count} ` : ""
    return `${"  ".repeat(depth)}${mark}${many}${row?.name ?? loop.numbers.name}${again ? " again" : ""}`
  })
const many = (count: number, given: Partial<PageRow> = {}) =>
  Array.from({ length: count }, (_, i) => rowShown({ ...given, id: `${given.name ?? "x"}${i}` }))

describe("the lines of the tree", () => {
  it("has below each what it waits for and what it has forked, and what has several waiters in full once", () => {
    const rows = [
      rowShown({ id: "f", name: "fiber", waitsFor: ["t"] }),
      rowShown({ id: "g", name: "other", waitsFor: ["t"] }),
      rowShown({ id: "t", name: "task", waitsFor: ["u"] }),
      rowShown({ id: "u", name: "under" }),
      rowShown({ id: "k", name: "fork", parent: "f" })
    ]
    expect(textsOf(rows)).toEqual([
      "-loop-1",
      "  -fiber",
      "    -task",
      "       under",
      "     fork",
      "  -other",
      "     task again"
    ])
  })

  it("draws those that wait in a circle, once each", () => {
    const rows = [
      rowShown({ id: "a", name: "a", waitsFor: ["b"] }),
      rowShown({ id: "b", name: "b", waitsFor: ["a"] }),
      rowShown({ id: "self", name: "self", waitsFor: ["self"] })
    ]
    expect(textsOf(rows)).toEqual([
      "-loop-1",
      "  -a",
      "    -b",
      "       a again",
      "  -self",
      "     self again"
    ])
  })

  it("has one line for those beside each other that are alike, which can be opened", () => {
    const rows = [
      ...many(8, { name: "idle" }),
      ...many(3, { name: "few" }),
      rowShown({ id: "one", name: "one" })
    ]
    const closed = linesOf([loopShown()], rowsOf(rows), new Map(), "")
    expect(textsOf(rows)).toEqual(["-loop-1", "  +8 idle", "   few", "   few", "   few", "   one"])
    const opened = new Map([[closed[1]!.key, true]])
    expect(textsOf(rows, opened)).toEqual([
      "-loop-1",
      "  -8 idle",
      ...Array.from({ length: 8 }, () => "     idle"),
      "   few",
      "   few",
      "   few",
      "   one"
    ])
  })

  it("hides what is below a line that is shut, and does not show it elsewhere", () => {
    const rows = [
      rowShown({ id: "f", name: "fiber", waitsFor: ["t"] }),
      rowShown({ id: "t", name: "task", waitsFor: ["u"] }),
      rowShown({ id: "u", name: "under", waitsFor: ["t"] })
    ]
    const [, fiber] = linesOf([loopShown()], rowsOf(rows), new Map(), "")
    expect(textsOf(rows, new Map([[fiber!.key, false]]))).toEqual(["-loop-1", "  +fiber"])
    expect(textsOf(rows, new Map([["0/loop-1", false]]))).toEqual(["+loop-1"])
  })

  it("has each loop with its own, and what is found by any of its words", () => {
    const rows = [
      rowShown({ id: "a", name: "load users", notes: "tenant=Seven" }),
      rowShown({ id: "b", name: "store" }),
      rowShown({ id: "c", loop: "1/loop-1", name: "in a thread" })
    ]
    const loops = [
      loopShown(),
      loopShown({ name: "theirs" }, { id: "1/loop-1", thread: 1 }),
      loopShown({ name: "empty" }, { id: "2" })
    ]
    expect(textsOf(rows, new Map(), "", loops)).toEqual([
      "-loop-1",
      "   load users",
      "   store",
      "-theirs",
      "   in a thread",
      " empty"
    ])
    for (const filter of ["USERS", "seven", " users "])
      expect(textsOf(rows, new Map(), filter)).toEqual(["-loop-1", "   load users"])
  })

  it("takes a chain of 10,000, and 10,000 beside each other", () => {
    const chain = Array.from({ length: 10_000 }, (_, i) =>
      rowShown({ id: String(i), name: String(i), waitsFor: i === 9_999 ? [] : [String(i + 1)] })
    )
    expect(textsOf(chain)).toHaveLength(10_001)
    const [, top] = linesOf([loopShown()], rowsOf(chain), new Map(), "")
    expect(textsOf(chain, new Map([[top!.key, false]]))).toHaveLength(2)
    expect(textsOf(many(10_000))).toEqual(["-loop-1", "  +10000 query"])
  })
})
