import { describe, expect, it } from "vitest"
import { open } from "node:fs"
import { runInThisContext } from "node:vm"
import {
  describeCall,
  describeValue,
  errorText,
  functionName,
  ownName,
  workName
} from "../../../src/Loop/kernel/describe.js"
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

  it("J6 work is called by its function's own name, else by the first thing that it does", () => {
    const query = async (_id?: number): Promise<number> => 1
    // prettier-ignore
    const table: ReadonlyArray<readonly [unknown, string]> = [
      [query, "query"],
      [query.bind(null), "query"],
      [open, "open"],
      [() => query(7), "query(7)"],
      [async ({ id = 1 }) => query(id), "query(id)"],
      [{ try: () => query() }.try, "query()"],
      [{ open: async () => { await query(1); return query(2) } }.open, "await query(1)"],
      [{ try() { return query(3) } }.try, "query(3)"],
      [async () => {
        const one = await query(4)
        return one
      }, "const one = await query(4)"],
      [(() => function () { return query(5) })(), "query(5)"],
      [async () => {
        try { return await query(6) } finally { await query() }
      }, "await query(6)"],
      [() => {}, "() => {}"],
      [3, "3"]
    ]
    for (const [work, name] of table) expect(workName(work).replace("{ }", "{}")).toBe(name)
    const long = workName(() =>
      query("a very long argument that goes on and on and on and on".length + 1_000_000)
    )
    expect(long.length).toBeLessThanOrEqual(61)
    const asking = () => async () => query(1)
    const [first, again, other] = [asking(), asking(), async () => query(2)]
    const asked = [first, again, other, first, other]
    expect(asked.map(workName)).toEqual(["query(1)", "query(1)", "query(2)", "query(1)", "query(2)"])
    // As it is written: what compiles the tests takes white space out.
    const wide = runInThisContext(`() => [${" ".repeat(200)}1, f(2)]`) as () => unknown
    expect(workName(wide)).toBe("[ 1, f(2)]")
    expect([{ try: query.bind(null) }.try, { try: () => 1 }.try].map(ownName)).toEqual(["query", undefined])
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
