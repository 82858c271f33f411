// Layers whose part for the installed line is loaded when they are built.
// Covers: three, four
import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { describe, expect } from "vitest"
import { defects } from "../../src/effect.js"
import { four } from "../../src/platform/four.js"
import * as door from "../../src/platform/index.js"
import { lazily } from "../../src/platform/lazily.js"
import { three } from "../../src/platform/three.js"

class Word extends Context.Tag("test/Word")<Word, string>() {}

const part = { layer: (word: string) => Layer.succeed(Word, word) }

/** How a Layer ends whose part cannot be loaded. */
const dyingOf = (error: unknown) =>
  Effect.gen(function* () {
    const layer = lazily(
      "LoopThing",
      "@effect/thing",
      () => Promise.reject(error),
      () => part.layer("never")
    )
    const exit = yield* Effect.exit(Effect.provide(Word, layer))
    return Exit.isFailure(exit) ? defects(exit.cause) : []
  })

describe("lazily", () => {
  it.effect("loads a part when its Layer is built, and not before", () =>
    Effect.gen(function* () {
      let loads = 0
      const load = () => {
        loads += 1
        return Promise.resolve(part)
      }
      const layer = lazily("LoopThing", "@effect/thing", load, ({ layer }) => layer("spoken"))
      expect(loads).toBe(0)
      expect(yield* Effect.provide(Word, layer)).toBe("spoken")
      expect(loads).toBe(1)
    })
  )

  it.effect("says which package to install where one that the part stands on is missing", () =>
    Effect.gen(function* () {
      const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" })
      const [defect] = yield* dyingOf(missing)
      expect(defect).toMatchObject({
        message: "LoopThing needs @effect/thing: npm install @effect/thing (Cannot find package)",
        cause: missing
      })
    })
  )

  it.effect("says so where a package is of another release than the installed Effect", () =>
    Effect.gen(function* () {
      const gone = Object.assign(new Error("Cannot find module 'effect/Gone'"), {
        code: "ERR_MODULE_NOT_FOUND"
      })
      const [defect] = yield* dyingOf(gone)
      expect((defect as Error).message).toBe(
        "LoopThing needs @effect/thing: it does not fit the installed effect; npm install effect @effect/thing of one release " +
          "(Cannot find module 'effect/Gone')"
      )
    })
  )

  it.effect("leaves any other failure of a part as it is", () =>
    Effect.gen(function* () {
      const broken = new Error("broken")
      expect(yield* dyingOf(broken)).toEqual([broken])
    })
  )
})

describe("the parts of a line", () => {
  it.effect("are functions, of which importing the door loads none", () =>
    Effect.sync(() => {
      for (const load of [...Object.values(three), ...Object.values(four)])
        expect(load).toBeTypeOf("function")
      expect(door).toBeTypeOf("object")
    })
  )
})
