// Dumps of which a part is left out.
import { describe, expect, it } from "vitest"
import { SyncLoop } from "../../../src/index.js"
import { type SeenDump, shortened } from "../../../src/Loop/inspect/SeenDump.js"
import { tableText, treeText } from "../../../src/Loop/inspect/text.js"
import { row } from "../../support/dumpRows.js"

describe("a part of a dump", () => {
  it("says how much was left out, and refers to nothing that is not there", async () => {
    const loop = SyncLoop.make({ name: "main" })
    const all: SeenDump = {
      ...loop.dump().toJSON(),
      rows: [
        row({ id: 1, name: "a", waitsFor: [2, 3] }),
        row({ id: 2, name: "b", waitsFor: [1] }),
        row({ id: 3, name: "c", parent: 2 })
      ],
      circles: [[1, 2]]
    }
    expect(shortened(all, 3)).toBe(all)
    const part = shortened(all, 2)
    expect(part).toMatchObject({ more: 1, circles: [[1, 2]] })
    expect(part.rows.map(({ waitsFor }) => waitsFor)).toEqual([[2], [1]])
    expect(tableText(part)).toMatch(/^main: stopped, 0 ready, 3 there\n[^]*\n\.\.\. and 1 more rows\n/)
    expect(shortened(part, 1)).toMatchObject({ more: 2, circles: [], rows: [{ waitsFor: [] }] })
    expect(treeText(shortened(all, 1))).toBe("task a (pending, 5ms, a foreign promise)\n... and 2 more rows")
    await loop.close()
  })
})
