import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { fromAio } from "effect-aio"
import { TestLoop } from "effect-aio/testing"

/** A library that knows nothing of Effect. */
const withRetry = async (call: () => Promise<string>): Promise<string> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (attempt === 3) throw error
      await new Promise((resolve) => setTimeout(resolve, 10_000))
    }
  }
}

it.effect("retries twice, ten seconds apart", () =>
  Effect.gen(function* () {
    const calls: Array<number> = []
    const flaky = async (): Promise<string> => {
      if (calls.push(Date.now()) < 3) throw new Error("not yet")
      return "at last"
    }
    const call = fromAio(() => withRetry(flaky))
    const [answer] = yield* Effect.all([call(), TestLoop.advance("20 seconds")], { concurrency: "unbounded" })
    expect(answer).toBe("at last")
    expect(calls).toEqual([0, 10_000, 20_000])
  }).pipe(Effect.provide(TestLoop.layer()))
)
