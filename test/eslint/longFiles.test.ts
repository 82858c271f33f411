// Files that no person wrote: many lines, deep nesting, long chains.
// Covers: nodes, edits, Names, AioCode
import { setImmediate } from "node:timers/promises"
import { Linter } from "eslint"
import { describe, expect, it } from "vitest"
import plugin from "../../src/eslint/index.js"

const head = `import { Effect } from "effect"
import { currentSignal, fromAio, Loop, sleep } from "effect-aio"
Loop.layer({ asyncContext: false })
`

const recommended = plugin.configs.recommended

const verify = (code: string, rules = recommended.rules): ReadonlyMap<string, number> => {
  const messages = new Linter().verify(head + code, [{ ...recommended, rules: rules ?? {} }])
  const counts = new Map<string, number>()
  for (const { message, ruleId } of messages) {
    const rule = ruleId ?? message
    counts.set(rule, (counts.get(rule) ?? 0) + 1)
  }
  return counts
}

/** Of a hundred lines nine have findings, and some more what looks like one. */
const hundred = (i: number): string => `const load${i} = fromAio(async (x) => {
  const one = compute(x, ${i})
  for (const y of [one]) {
    try { await sleep(y) } catch (e) { console.log(e) }
  }
  const response = await fetch(x)
${"  use(one)\n".repeat(91)}  return response.json()
})
const used${i} = Effect.map(load${i}("x"), async (x) => x)
const other${i} = Effect.gen(function* () { yield* fromAio(fetch("x")) })`

describe("a long file", () => {
  it("of 50,000 lines is looked through to its end, each line once", { timeout: 120_000 }, async () => {
    const lines = Array.from({ length: 500 }, (_, i) => hundred(i)).join("\n")
    verify(hundred(0)) // compiles the rules
    const start = performance.now()
    expect(verify(lines, {}).size).toBe(0)
    const took = performance.now() - start
    await setImmediate() // vitest wants to hear of us
    const begin = performance.now()
    expect(verify(lines)).toEqual(
      new Map(
        [
          "link-awaits",
          "no-current-after-await",
          "no-promise-in-sync",
          "no-started-work",
          "no-swallowed-cancel",
          "pass-signal"
        ].map((rule) => [`effect-aio/${rule}`, 500])
      )
    )
    // A rule that looks at all of it for each line would take hundreds of times as long as parsing does.
    expect((performance.now() - begin) / took).toBeLessThan(20)
  })

  it("of one function, with one name used by all of it", { timeout: 120_000 }, () => {
    const calls = Array.from({ length: 5_000 }, (_, i) => `  await load(${i})`).join("\n")
    const counts = verify(`const load = (x) => fetch(x)\nfromAio(async () => {\n${calls}\n})`)
    expect(counts).toEqual(new Map([["effect-aio/pass-signal", 1]]))
  })

  it("with aliases of aliases, chains and nesting as deep as the parser allows", { timeout: 120_000 }, () => {
    const aliases = Array.from({ length: 5_000 }, (_, i) => `const e${i + 1} = e${i}`).join("\n")
    // Nobody writes that: from fifteen on it is not looked at, and nothing breaks.
    expect(
      verify(`const e0 = Effect\n${aliases}\ne10.sync(async () => 1); e5000.sync(async () => 1)`)
    ).toEqual(new Map([["effect-aio/no-promise-in-sync", 1]]))
    const chain = `x${".then(a)".repeat(300)}`
    expect(verify(`Effect.succeed(${chain})`)).toEqual(new Map([["effect-aio/no-promise-in-sync", 1]]))
    const branches = `${"x ? 1 : ".repeat(300)}fetch("x")`
    expect(verify(`Effect.succeed(${branches})`).size).toBeLessThan(2)
    const nested = `${"[1].map(() => ".repeat(200)}fetch("x")${")".repeat(200)}`
    expect(verify(`fromAio(() => ${nested})`)).toEqual(new Map([["effect-aio/pass-signal", 1]]))
    const functionsInEachOther = Array.from(
      { length: 500 },
      (_, i) => `const f${i} = () => f${i + 1}()`
    ).join("\n")
    expect(
      verify(`${functionsInEachOther}\nconst f500 = () => fetch("x")\nfromAio(() => f0())`).size
    ).toBeLessThan(2)
  })
})
