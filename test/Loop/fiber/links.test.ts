// Rows that know of whom they tell.
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { blameless, linked, linksOf } from "../../../src/Loop/fiber/links.js"

const row = {
  what: "task",
  name: "load",
  age: 5,
  state: "pending",
  waitingOn: "a foreign promise",
  createdAt: "main.ts:1",
  blamed: true
}

describe("a linked row", () => {
  it("reads as the row does: nobody sees the objects that it is linked by", () => {
    const secret = { secret: "s3" }
    const with3 = linked(row, [secret], [secret])
    expect(with3).toEqual(row)
    expect({ ...with3 }).toEqual(row)
    expect(JSON.stringify(with3)).not.toContain("s3")
    expect(inspect(with3, { showHidden: true, depth: 9 })).not.toContain("s3")
  })

  it("keeps its links where it is to blame for nothing; a row of nobody's has none", () => {
    const of = [{}]
    const awaits = [{}]
    const innocent = blameless(linked(row, of, awaits))
    expect(innocent.blamed).toBe(false)
    expect(linksOf(innocent)).toEqual({ of, awaits })
    expect(linksOf(innocent).of[0]).toBe(of[0])
    expect(linksOf(row)).toEqual({ of: [], awaits: [] })
  })
})
