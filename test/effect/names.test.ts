/** What tests, fixtures and examples say of Effect has a meaning on either line. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { readSources, seamNames } from "../support/imports.js"

const root = fileURLToPath(new URL("../../", import.meta.url))
const four = `${root}test/support/effect/four/`

/** Whether a name of Effect 3 is there on Effect 4 for who takes Effect through that folder: `Effect.fork`, or a module. */
const isThere = (name: string): boolean => {
  const [module = "", member] = name.split(".")
  try {
    const text = readFileSync(`${four}${module}.ts`, "utf8")
    return member === undefined || new RegExp(`^export (const|type|interface) ${member}\\b`, "m").test(text)
  } catch {
    return false
  }
}

const unknown = (sources: ReadonlyMap<string, string>): ReadonlyArray<string> =>
  seamNames(sources).filter((problem) => !isThere(/uses (\S+),/.exec(problem)?.[1] ?? ""))

describe("tests and fixtures", () => {
  it("use what Effect 4 has, or what support/effect/four calls so; fibers and Clocks are asked through the seam", () => {
    // These are about the names themselves, or written for one line alone.
    const about = /support\/(effect\/|effect4\.ts|clockOf)|architecture|\/(platform|types)\/(three|four)\//
    const written = [...readSources(`${root}test`)].map(
      ([path, text]) => [path.slice(root.length), text] as const
    )
    expect(unknown(new Map(written.filter(([path]) => !about.test(path))))).toEqual([])
  })

  it("would be seen otherwise", () => {
    const planted = [
      `import { Effect, type Fiber } from "effect"`,
      `export const known = Effect.zipRight`,
      `export const all = Effect.validateAll`,
      `export const end = (fiber: Fiber.RuntimeFiber<void>) => fiber.unsafePoll()`
    ]
    expect(unknown(new Map([["test/x.test.ts", planted.join("\n")]]))).toEqual([
      expect.stringContaining("test/x.test.ts:3 uses Effect.validateAll"),
      expect.stringContaining("test/x.test.ts:4 uses .unsafePoll")
    ])
  })
})
