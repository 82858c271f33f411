// What is written to the terminal.
import { describe, expect, it } from "vitest"
import { Screen } from "../../../src/cli/top/Screen.js"

const output = () => {
  const written: Array<string> = []
  return {
    written,
    writableNeedDrain: false,
    write(text: string) {
      written.push(text)
      return true
    }
  }
}

const line = {
  cells: [
    { at: 1, text: "a" },
    { at: 5, text: "b" }
  ],
  style: "plain" as const
}

describe("the second screen of a terminal", () => {
  it("is entered and left once, and the cursor is there again", () => {
    const out = output()
    const screen = new Screen(out)
    screen.leave()
    screen.enter()
    screen.enter()
    screen.leave()
    screen.leave()
    expect(out.written).toEqual(["\u001b[?1049h\u001b[?25l\u001b[?7l", "\u001b[?7h\u001b[?25h\u001b[?1049l"])
  })

  it("has each cell at its place", () => {
    const out = output()
    const screen = new Screen(out)
    screen.enter()
    screen.draw([line, { ...line, style: "chosen" }])
    expect(out.written.at(-1)).toContain("\u001b[1G\u001b[Ka\u001b[5G\u001b[Kb")
    expect(out.written.at(-1)).toContain("\r\n\u001b[7m")
  })

  it("draws nothing where it is not, and where the terminal has not taken the last frame", () => {
    const out = output()
    const screen = new Screen(out)
    screen.draw([line])
    screen.enter()
    out.writableNeedDrain = true
    screen.draw([line])
    expect(out.written).toHaveLength(1)
  })
})
