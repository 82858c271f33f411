import { describe, expect, it } from "vitest"
import { OTHER, TaskLabels } from "../../../../src/Loop/inspect/metrics/TaskLabels.js"

describe("the labels of tasks", () => {
  it("are their names, while there is room, and then one for all others", () => {
    const labels = new TaskLabels(2)
    expect(["a", "b", "c", "a", "d"].map((name) => labels.label(name))).toEqual(["a", "b", OTHER, "a", OTHER])
  })

  it("can be what the program makes of the names", () => {
    const labels = new TaskLabels(2, (name) => name.replace(/\d+/g, "N"))
    expect(["user 1", "user 2", "user 3"].map((name) => labels.label(name))).toEqual([
      "user N",
      "user N",
      "user N"
    ])
  })

  it("are the others' where the program's function throws or gives no string", () => {
    const labels = new TaskLabels(2, (name) => {
      if (name === "throws") throw new Error("no")
      return undefined as unknown as string
    })
    expect([labels.label("throws"), labels.label("nothing")]).toEqual([OTHER, OTHER])
  })

  it("are a line of bounded length, whatever the name is", () => {
    const label = new TaskLabels(1).label(`a\n${"b".repeat(1_000_000)}`)
    expect(label.length).toBeLessThan(100)
    expect(label).not.toContain("\n")
  })
})
