// What the build makes of the names of classes: what users read of a Future is `<Future pending>`.
import { describe, expect, it } from "vitest"
import { ownNames } from "../scripts/ownNames.mjs"

describe("ownNames", () => {
  it("gives a class that names itself the name of its source, inside and outside", () => {
    const bundle =
      "var Future = class _Future {\n  static of = () => new _Future()\n};\nnew Future()._Futures;"
    expect(ownNames(bundle)).toBe(
      "var Future = class Future {\n  static of = () => new Future()\n};\nnew Future()._Futures;"
    )
  })

  it("leaves everything else", () => {
    for (const bundle of [
      "var a = class b {}; _a; _b;",
      "class _Task {}",
      "var Task = class {}; this._Task;"
    ])
      expect(ownNames(bundle)).toBe(bundle)
  })
})
