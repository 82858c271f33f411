/**
 * `npm run bench:report [-- RELEASE]`: fills the generated parts of `docs/performance.md` from the results of a release, the library's
 * version unless it is told, and draws a picture for each group. Done twice, it changes nothing.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import type * as Prettier from "prettier"
import { releaseOf } from "./all.js"
import { goals } from "./goals.js"
import { read } from "./results.js"
import {
  beside,
  changes,
  comparison,
  costs,
  filled,
  groupsOf,
  growth,
  losses,
  machines,
  type Named,
  picture,
  unknown
} from "./sections.js"

const pathOf = (relative: string): string => fileURLToPath(new URL(`../${relative}`, import.meta.url))

const version = releaseOf(process.argv[2])
const page = pathOf("../docs/performance.md")
const results = pathOf(`results/${version}`)
const plots = `${results}/plots`

/** Node 24 first: it is the one that the pictures are of. */
const order = (node: number, effect: number): number => (node === 24 ? 0 : node) * 10 + effect

const runs = readdirSync(results)
  .flatMap((file) => {
    const [, node, effect] = /^node(\d+)-effect(\d+)\.json$/.exec(file) ?? []
    if (node === undefined || effect === undefined) return []
    const named: Named = { name: `Node ${node}, Effect ${effect}`, run: read(`${results}/${file}`) }
    return [{ named, at: order(Number(node), Number(effect)) }]
  })
  .sort((a, b) => a.at - b.at)
  .map(({ named }) => named)
const [first] = runs
if (first === undefined) throw new Error(`there are no results in ${results}`)
const lost = unknown(runs, goals)
if (lost.length > 0) throw new Error(`no such row:\n${lost.join("\n")}`)
const newest = runs.filter(({ name }) => name.startsWith("Node 24"))

rmSync(plots, { recursive: true, force: true })
mkdirSync(plots, { recursive: true })
const pictures = groupsOf(first).flatMap((group) => {
  const svg = picture(first, group)
  if (svg === undefined) return []
  writeFileSync(`${plots}/${group}.svg`, svg)
  return [`![${group}](../bench/results/${version}/plots/${group}.svg)`]
})

const texts = new Map([
  ["machines", machines(runs)],
  ["comparison", comparison(runs, goals)],
  ["others", beside(first, ["asyncio", "uvloop", "Effection", "Bluebird"])],
  ["changes", changes(newest, goals) || "It did not take part in these runs."],
  ["losses", losses(newest, goals)],
  ["growth", growth(runs)],
  ["guarantees", costs(runs, "guarantees", "one call")],
  ["context", costs(runs, "context", "promises")],
  ["import", costs(runs, "start", "import", "ms")],
  ["pictures", pictures.join("\n\n")]
])

/** The root's own, as it formats every other page. */
const root = createRequire(pathOf("../package.json"))
const prettier = root("prettier") as typeof Prettier
const text = filled(readFileSync(page, "utf8"), texts)
const settings = await prettier.resolveConfig(page)
writeFileSync(page, await prettier.format(text, { ...settings, filepath: page }))
console.log(`${page}: ${runs.map(({ name }) => name).join("; ")}; ${pictures.length} pictures`)
