import { describe, expect, it } from "vitest"
import { describeCall, errorText, functionName, describeValue } from "../../../src/Loop/kernel/describe.js"
import { createdAt } from "../../../src/Loop/kernel/sites.js"

describe("texts for people", () => {
  it("values are short and never throw", () => {
    const hostile = {
      get constructor(): never {
        throw new Error("no")
      }
    }
    expect(
      [1, "a", null, undefined, true, 5n, Symbol("s"), [1, 2], {}, new Map(), new Error("e")].map(
        describeValue
      )
    ).toEqual([
      "1",
      `"a"`,
      "null",
      "undefined",
      "true",
      "5n",
      "Symbol(s)",
      "[2 items]",
      "<Object>",
      "<Map>",
      `Error("e")`
    ])
    expect(describeValue(Object.create(null))).toBe("<object>")
    expect(describeValue(Object.create(hostile))).toBe("<unprintable>")
    expect(describeValue("x".repeat(100))).toBe(`"${"x".repeat(60)}…"`)
  })

  it("functions show their name, bound ones the inner name, anonymous ones the start of their source", () => {
    function named(): void {}
    expect(functionName(named)).toBe("named")
    expect(functionName(named.bind(null).bind(null))).toBe("named")
    expect(functionName(() => 1)).toBe("<anonymous () => 1>")
    expect(functionName(3)).toBe("3")
    expect(functionName(new Map())).toBe("<Map>")
    expect(functionName(Object.create(null))).toBe("<object>")
    expect(describeCall(named, [1, "a"])).toBe(`named(1, "a")`)
  })

  it("errors show up to four causes, and end where causes go in a circle", () => {
    const inner = new Error("inner")
    const outer = new TypeError("outer", { cause: inner })
    inner.cause = outer
    expect(errorText(outer)).toBe("TypeError: outer (cause: Error: inner) (cause: TypeError: outer)")
    expect(errorText("plain")).toBe(`"plain"`)
    const hostile = new Error("x")
    Object.defineProperty(hostile, "message", {
      get() {
        throw new Error("no")
      }
    })
    expect(errorText(hostile)).toBe("<unprintable>")
  })

  it("an object whose creation was not remembered shows nothing of it", () => {
    expect(createdAt({})).toBe("")
  })
})
