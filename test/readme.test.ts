// The README is the page of the package, too, where nothing stands beside it. Its programs run in .ci/quick-start.
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const readme = readFileSync(fileURLToPath(new URL("../README.md", import.meta.url)), "utf8")

describe("README.md", () => {
  it("has no link that leads nowhere on the page of the package", () => {
    const links = [...readme.matchAll(/\]\(([^)]+)\)|<a [^>]*href="([^"]+)"|<img [^>]*src="([^"]+)"/g)]
    const targets = links.map(([, ...given]) => given.find((target) => target !== undefined) ?? "")
    expect(targets.filter((target) => !/^(https:|#)/.test(target))).toEqual([])
  })

  it("says what a new folder needs before its first program", () => {
    const before = readme.slice(0, readme.indexOf("```ts"))
    for (const needed of [`"type": "module"`, "@types/node", "npm i effect-aio"])
      expect(before).toContain(needed)
  })
})
