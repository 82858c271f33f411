// What a thread offers to whoever may run code in it.
// Covers: wireName, beSeen, cancelRow
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { Loop, runAioFuture } from "../../../src/index.js"
import { cancelRow } from "../../../src/Loop/inspect/cancelRow.js"
import { offers } from "../../../src/Loop/inspect/wire.js"
import { WIRE } from "../../../src/Loop/inspect/wireName.js"
import { row } from "../../support/dumpRows.js"

const seen = (name: string) => {
  const dump = offers()
    .flatMap((offer) => offer.dumps(1_000))
    .find(({ loop }) => loop.name === name)
  if (dump === undefined) throw new Error(`${name} is not there`)
  return dump
}

const keyOf = (loop: string, row: RegExp): number => {
  const found = seen(loop).rows.find(({ name, what }) => row.test(`${what} ${name}`))
  if (found?.key === undefined) throw new Error(`${String(row)} has no key`)
  return found.key
}

const cancel = (key: number) => offers().map((offer) => offer.cancel(key))

const run = <A, E>(name: string, program: Effect.Effect<A, E, Loop>) =>
  Effect.runPromise(Loop.scoped(program, { name }))

describe("what can be seen of a thread", () => {
  it("is found by a symbol that all copies of the library know, and nowhere to be seen", () =>
    run(
      "there",
      Effect.map(Loop, (loop) => {
        const nap = loop.createTask(() => loop.sleep(60_000), { name: "nap" })
        expect(seen("there").rows.map(({ name }) => name)).toContain("nap")
        nap.cancel()
        expect(Object.getOwnPropertyDescriptor(globalThis, Symbol.for(WIRE))?.enumerable).toBe(false)
        expect((globalThis as { [key: symbol]: unknown })[Symbol.for(WIRE)]).toBe(offers())
      })
    ))

  it("has the same key in each dump, and another for each thing", () =>
    run(
      "keys",
      Effect.flatMap(Loop, (loop) =>
        Effect.sync(() => {
          const tasks = [0, 1].map((i) => loop.createTask(() => loop.sleep(60_000), { name: `nap ${i}` }))
          const first = [keyOf("keys", /nap 0/), keyOf("keys", /nap 1/)]
          loop.createTask(() => loop.sleep(60_000), { name: "before" })
          expect([keyOf("keys", /nap 0/), keyOf("keys", /nap 1/)]).toEqual(first)
          const all = seen("keys").rows.flatMap(({ key }) => (key === undefined ? [] : [key]))
          expect(new Set(all).size).toBe(all.length)
          for (const task of tasks) task.cancel()
        })
      )
    ))

  it("can be cancelled: a task, once", () =>
    run(
      "task",
      Effect.flatMap(Loop, (loop) =>
        Effect.promise(async () => {
          const task = loop.createTask(() => loop.sleep(60_000), { name: "nap" })
          const key = keyOf("task", /^task nap/)
          expect(cancel(key)).toContain("cancelled task nap")
          await expect(task).rejects.toThrow("cancelled from outside")
          expect(cancel(key)).not.toContain("cancelled task nap")
        })
      )
    ))

  it("can be cancelled: an effect that aio code has started", () =>
    run(
      "effect",
      Effect.flatMap(Loop, (loop) =>
        Effect.promise(async () => {
          const future = loop.effectAsFuture(Effect.never, { name: "forever" })
          await loop.sleep(0)
          expect(cancel(keyOf("effect", /^effect forever/))).toContainEqual(
            expect.stringMatching(/^cancelled effect forever/)
          )
          await expect(future).rejects.toThrow()
        })
      )
    ))

  it("can be interrupted: a fiber that waits for something of the loop", () =>
    run(
      "fiber",
      Effect.gen(function* () {
        const loop = yield* Loop
        const never = loop.createFuture<never>()
        const fiber = yield* Effect.fork(Effect.withSpan(runAioFuture(never), "waits"))
        yield* Effect.yieldNow()
        expect(cancel(keyOf("fiber", /^fiber .* waits/))).toContainEqual(
          expect.stringMatching(/^interrupted fiber #\d+/)
        )
        expect((yield* Fiber.await(fiber))._tag).toBe("Failure")
      })
    ))

  it("says of what cannot be cancelled who can", () => {
    expect(cancelRow(row({ what: "reader" }), [{}])).toBe(
      "a reader cannot be cancelled from outside: cancel who waits for it"
    )
  })

  it("knows no key that it has not given", () => {
    expect(cancel(Number.MAX_SAFE_INTEGER).every((done) => done === undefined)).toBe(true)
  })
})
