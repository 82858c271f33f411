/**
 * The benchmark: `npm run bench -- [--quick] [--cpu] [--line 4] [--only PATTERN] [--json FILE]`.
 *
 * Each contender of each case runs in a process of its own, one after the other: in one process they shape each other's
 * machine code and heap, to several times the price. (`--quick` takes a process a group.)
 * Exits with 1 when a case gives a wrong result or does not end. No number makes it fail.
 */
import { fork } from "node:child_process"
import { realpathSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { availableParallelism, cpus, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { groups } from "./groups.js"
import type { Case, CaseResult } from "./measure.js"
import { ratios, table } from "./table.js"

const { values: options } = parseArgs({
  options: {
    cpu: { type: "boolean", default: false },
    json: { type: "string" },
    /** Of Effect: 3 or 4. */
    line: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    quick: { type: "boolean", default: false }
  }
})

const flags = `${options.quick ? "quick" : ""},${options.cpu ? "cpu" : ""}`

/** How long one process may take before it counts as hanging. */
const LIMIT = 180_000

if (options.line !== "3" && options.line !== "4")
  throw new RangeError(`--line is 3 or 4, not ${options.line}`)

/** What runs a group: for Effect 4 it is made by `four.mjs`. */
const program = new URL(options.line === "4" ? "./four/group.js" : "./group.js", import.meta.url)

/** The effect that the library imports. Another copy here would compare two Effects with each other. */
const effectVersion = (): string => {
  const here = createRequire(program)
  const library = createRequire(realpathSync(here.resolve("effect-aio/package.json")))
  const [mine, its] = [here, library].map((from) => realpathSync(from.resolve("effect/package.json")))
  if (mine !== its) throw new Error(`two copies of effect: ${mine} and ${its}`)
  return (here("effect/package.json") as { version: string }).version
}

/** Measures what the two patterns choose of a group, in a process of its own. */
const measureIn = (group: string, cases: string, contenders: string): Promise<Array<CaseResult>> =>
  new Promise((resolve, reject) => {
    const results: Array<CaseResult> = []
    const child = fork(program, [group, cases, contenders, flags], {
      execArgv: ["--expose-gc"]
    })
    const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT)
    child.on("message", (message) => {
      results.push(message as CaseResult)
    })
    child.on("error", reject)
    child.on("exit", (code, signal) => {
      clearTimeout(limit)
      if (code === 0) resolve(results)
      else reject(new Error(`group ${group} ended with ${signal ?? `exit code ${code}`}`))
    })
  })

/** A pattern that matches this text and nothing else. */
const exactly = (text: string): string => `^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`

/** One process a contender, put together as one result. */
const measureCase = async (group: string, subject: Case): Promise<CaseResult> => {
  const parts: Array<CaseResult> = []
  const name = exactly(`${group} / ${subject.name}`)
  // Heaps are compared on one heap.
  if (subject.measures === "memory") parts.push(...(await measureIn(group, name, "")))
  else {
    for (const contender of subject.contenders)
      parts.push(...(await measureIn(group, name, exactly(contender.name))))
  }
  const [first] = parts
  if (first === undefined) throw new Error(`${group} / ${subject.name} gave no result`)
  return { ...first, contenders: parts.flatMap(({ contenders }) => contenders) }
}

const show = (result: CaseResult): void => {
  results.push(result)
  console.log(`${table(result)}\n`)
}

const about = {
  date: new Date().toISOString(),
  node: process.version,
  v8: process.versions.v8,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  load: loadavg()[0],
  effect: effectVersion(),
  quick: options.quick,
  clock: options.cpu ? "cpu" : "wall"
}
console.log(
  `node ${about.node}, effect ${about.effect}, ${about.cores} x ${about.cpu}, load ${about.load?.toFixed(2)}\n`
)

const wanted = new RegExp(options.only, "i")
const results: Array<CaseResult> = []
const failures: Array<string> = []
for (const [group, cases] of Object.entries(groups)) {
  const chosen = cases.filter(({ name }) => wanted.test(`${group} / ${name}`))
  if (chosen.length === 0) continue
  try {
    if (options.quick) for (const result of await measureIn(group, options.only, "")) show(result)
    else for (const subject of chosen) show(await measureCase(group, subject))
  } catch (error) {
    failures.push(String(error))
  }
}
if (results.length === 0 && failures.length === 0) failures.push(`no case matches ${options.only}`)
if (options.json !== undefined) {
  const cases = results.map((result) => ({ ...result, ratios: ratios(result) }))
  writeFileSync(options.json, JSON.stringify({ ...about, cases }, null, 2) + "\n")
}
const seconds = Math.round((Date.now() - Date.parse(about.date)) / 1000)
console.log(`${results.length} cases in ${seconds} s, load now ${loadavg()[0]?.toFixed(2)}`)
for (const failure of failures) console.error(failure)
process.exitCode = failures.length === 0 ? 0 : 1
