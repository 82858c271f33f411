import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { fromAio, getRunningLoop } from "effect-aio"
import { TestLoop } from "effect-aio/testing"

/** Shows what was found for the text that was typed last. */
class SearchBox {
  shown = ""
  constructor(private readonly search: (text: string) => PromiseLike<string>) {}
  async type(text: string): Promise<void> {
    this.shown = await this.search(text)
  }
}

const typing = Effect.gen(function* () {
  const box = new SearchBox((text) => TestLoop.answer(`results of ${text}`, { name: text }))
  const typeAll = fromAio(async () => {
    const type = (text: string) => getRunningLoop().createTask(() => box.type(text), { name: `type ${text}` })
    await Promise.all([type("n"), type("no")])
  })
  yield* typeAll()
  if (box.shown !== "results of no") return yield* Effect.fail(new Error(`shows ${box.shown}`))
})

it.effect("an answer that comes late replaces what was typed last", () =>
  Effect.gen(function* () {
    const found = yield* Effect.flip(TestLoop.explore(typing, { seeds: 1_000, order: "fifo" }))
    expect(found.message).toContain("1 change of the plain order")
    expect(found.cause).toEqual(new Error("shows results of n"))
  })
)
