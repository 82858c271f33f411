// Which Effect the library runs on, and what it says of one that it does not run on.
// Covers: three, four
import { describe, expect, it } from "vitest"
import * as seam from "../../src/effect.js"
import { installed, lineOf, type Modules } from "../../src/effect/installed.js"

const three = (version: string): Modules => ({
  Effect: { async: () => {} },
  ModuleVersion: { getCurrentVersion: () => version }
})
const four = (version: string): Modules => ({
  Effect: { callback: () => {} },
  Version: { getCurrentVersion: () => version }
})

describe("the installed line of Effect", () => {
  it("is told by what it exports, from its lowest version on", () => {
    expect(["3.22.2", "3.22.10", "3.23.0"].map((version) => lineOf(three(version)))).toEqual([
      "three",
      "three",
      "three"
    ])
    expect(["4.0.6", "4.1.0", "4.10.3-snapshot.1"].map((version) => lineOf(four(version)))).toEqual([
      "four",
      "four",
      "four"
    ])
    expect(lineOf(four("development"))).toBe("four")
  })

  it.each([
    ["Effect 3 below 3.22.2", three("3.22.1"), "has found 3.22.1"],
    ["a much older one", three("3.9.12"), "has found 3.9.12"],
    ["Effect 4 below 4.0.6", four("4.0.5"), "has found 4.0.5"],
    [
      "one so old that it does not say its version",
      { Effect: { callback: () => {} } },
      "has found 4.0.4 or lower"
    ],
    ["a bundle that has dropped Effect's modules", {}, "has found none of them"],
    ["a package that is no Effect of either line", { Effect: {} }, "has found none of them"]
  ])("is refused as the library is loaded, with what to install: %s", (_, found, text) => {
    expect(() => lineOf(found)).toThrow(text)
    expect(() => lineOf(found)).toThrow(/npm install effect@latest, or effect@3/)
  })

  it("gives the seam all of its names, of which each is exported under its own", () => {
    const { BothBase, ...names } = installed()
    expect(BothBase).toBeTypeOf("function")
    const { EffectAndStream, ...exported } = seam
    expect(EffectAndStream).toBeTypeOf("function")
    expect(Object.keys(names).sort()).toEqual(Object.keys(exported).sort())
    expect(Object.entries(names).filter(([, value]) => value === undefined)).toEqual([])
  })
})
