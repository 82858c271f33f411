// One signal that is given to many calls: Node warns of a leak where there is none.
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { currentSignal, fromAio, Loop } from "../../../src/index.js"

it("T4 many calls with one signal, of the program or of a task, print no warning of a leak", async () => {
  const warnings: Array<string> = []
  const onWarning = ({ message }: Error): void => void warnings.push(message)
  process.on("warning", onWarning)
  const { signal } = new AbortController()
  const program = Effect.gen(function* () {
    const loop = yield* Loop
    const futures = Array.from({ length: 30 }, () => loop.effectAsFuture(Effect.never, { signal }))
    yield* fromAio(async () => {
      for (let i = 0; i < 30; i++) currentSignal().addEventListener("abort", () => {})
      await loop.sleep(1)
    })()
    for (const future of futures) future.cancel()
  })
  await Effect.runPromise(Loop.scoped(program))
  await new Promise((resolve) => setTimeout(resolve, 5))
  process.off("warning", onWarning)
  expect(warnings).toEqual([])
})
