// Two copies of Effect, of different lines: an Effect of the one is refused by name where the other is asked for.
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Loop, runEffect, SyncLoop, toAio } from "../../src/index.js"
import { otherCopy } from "../../src/effect/otherCopy.js"
import { line } from "../support/effect/line.js"

/** As the other line marks its Effects. */
const foreign = {
  [line === 3 ? "~effect/Effect" : Symbol.for("effect/Effect")]: {}
} as unknown as Effect.Effect<number>

const said = /another copy of effect.*npm ls effect/

describe("an Effect of another copy of effect", () => {
  it("is refused where an Effect is asked for, with what to do", async () => {
    expect(() => toAio(foreign)).toThrow(said)
    expect(() => Loop.scoped(foreign)).toThrow(said)
    expect(() => Loop.run(foreign)).toThrow(said)
    const loop = SyncLoop.make()
    await expect(loop.runUntilComplete(() => runEffect(foreign))).rejects.toThrow(said)
    await loop.close()
  })

  it("is not taken for one where it is none", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const other of [Effect.void, {}, () => 1, 7, undefined, null, proxy])
      expect(otherCopy(other)).toBe("")
  })
})
