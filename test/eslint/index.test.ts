// The plugin as ESLint is given it: its names, its configs, and what is said where a setting is wrong.
// Covers: everywhere, manifest, Rule, settings
import { readFileSync } from "node:fs"
import { Linter } from "eslint"
import { defineConfig } from "eslint/config"
import tseslint from "typescript-eslint"
import { describe, expect, it } from "vitest"
import plugin from "../../src/eslint/index.js"

const text = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")
const { version } = JSON.parse(text("package.json")) as { readonly version: string }

const names = [
  "link-awaits",
  "no-abandoned-promise",
  "no-current-after-await",
  "no-outliving-fiber",
  "no-promise-in-sync",
  "no-started-work",
  "no-swallowed-cancel",
  "pass-signal"
]

describe("the plugin", () => {
  it("has these rules, and says who it is", () => {
    expect(Object.keys(plugin.rules ?? {}).sort()).toEqual(names)
    expect(plugin.meta).toEqual({ name: "effect-aio/eslint", version, namespace: "effect-aio" })
  })

  it.each(["recommended", "recommended-type-checked"] as const)("turns all of them on in %s", (name) => {
    const config = plugin.configs[name]
    expect(Object.keys(config.rules ?? {}).sort()).toEqual(names.map((rule) => `effect-aio/${rule}`))
    expect(config.plugins).toEqual({ "effect-aio": plugin })
    expect(config.name).toBe(`effect-aio/${name}`)
    // ESLint takes it as it is, and by its name.
    expect(defineConfig(config)).toHaveLength(1)
    const byName = defineConfig({ plugins: { "effect-aio": plugin }, extends: [`effect-aio/${name}`] })
    expect(new Linter().verify("x", byName)).toEqual([])
  })

  it.each(names)("%s is a problem with a section in the docs, whose remedy its messages name", (name) => {
    const rule = plugin.rules?.[name]
    expect(rule?.meta?.type).toBe("problem")
    expect(rule?.meta?.docs?.url).toBe(`https://unpkg.com/effect-aio@${version}/docs/eslint.md#${name}`)
    const docs = text("docs/eslint.md")
    expect(docs).toContain(`\n### ${name}\n`)
    expect(rule?.meta?.docs?.description).toMatch(/^(Disallow|Require) /)
    for (const message of Object.values(rule?.meta?.messages ?? {})) expect(message).toMatch(/[.}:]$/)
  })

  it.each(names)("%s reports its bad example in the docs, and nothing of its good one", (name) => {
    const [, section = ""] = text("docs/eslint.md").split(`\n### ${name}\n`)
    const [ownSection = ""] = section.split("\n### ")
    const programs = [...ownSection.matchAll(/^```ts\n\/\/ (Bad|Good)\n([^]*?)^```/gm)]
    const found = programs.map(([, kind, code = ""]) => [
      kind,
      new Set(
        new Linter()
          .verify(code, [{ languageOptions: { parser: tseslint.parser } }, plugin.configs.recommended])
          .map(({ message, ruleId }) => ruleId ?? message)
      )
    ])
    expect(found).toEqual([
      ["Bad", new Set([`effect-aio/${name}`])],
      ["Good", new Set()]
    ])
  })

  it("has every option of every rule in the docs", () => {
    const docs = text("docs/eslint.md")
    for (const rule of Object.values(plugin.rules ?? {})) {
      const options = Object.keys(rule.meta?.defaultOptions?.[0] ?? {})
      for (const option of options) expect(docs).toContain(`\`${option}\``)
    }
  })
})

describe("what is wrong in a config is said", () => {
  const verify =
    (config: Linter.Config): (() => unknown) =>
    () =>
      new Linter().verify(`import { fromAio } from "effect-aio"`, [plugin.configs.recommended, config])

  it.each([
    [null, `settings["effect-aio"] takes an object, { asyncContext: boolean }, not null`],
    [[], `settings["effect-aio"] takes an object, { asyncContext: boolean }, not []`],
    [{ asyncContext: "no" }, `settings["effect-aio"].asyncContext takes a boolean, not "no"`],
    [{ async: false }, `settings["effect-aio"] has no async: it takes { asyncContext: boolean }`]
  ])("settings: %j", (settings, message) => {
    expect(verify({ settings: { "effect-aio": settings } })).toThrow(message)
  })

  it.each([
    ["no-outliving-fiber", { everywhere: 1 }],
    ["no-outliving-fiber", { every: true }],
    ["no-abandoned-promise", { everywhere: "yes" }],
    ["no-promise-in-sync", {}],
    ["no-started-work", {}],
    ["pass-signal", { everyCall: "yes" }],
    ["pass-signal", { ignore: "fetch" }],
    ["pass-signal", { calls: [{ from: "got" }] }],
    ["pass-signal", { calls: [{ from: "got", name: "got", argument: -1 }] }]
  ])("options of %s: %j", (name, options) => {
    expect(verify({ rules: { [`effect-aio/${name}`]: ["error", options] } })).toThrow(`effect-aio/${name}`)
  })
})
