/**
 * The benchmark: `npm run bench -- [--quick] [--cpu] [--line 4] [--only PATTERN] [--contender PATTERN] [--library [NAME=]PATH]...
 * [--rounds N] [--json FILE]`, or `--all`.
 *
 * The contenders of a case have a process each, which live side by side and take samples in turns. (`--quick` takes a process
 * a group.) Exits with 1 when a contender gives a wrong result or does not end. No number makes it fail.
 */
import { fork } from "node:child_process"
import { mkdirSync, realpathSync } from "node:fs"
import { createRequire } from "node:module"
import { availableParallelism, cpus, loadavg } from "node:os"
import { dirname } from "node:path"
import { parseArgs } from "node:util"
import type * as Groups from "./groups.js"
import type { Case } from "./case.js"
import { pythonLoops } from "./asyncio.js"
import { lanesOf } from "./lanes.js"
import type { CaseResult, Run } from "./result.js"
import { write } from "./results.js"
import { FULL, inTurns, ONCE } from "./rounds.js"
import { stage } from "./stage.js"
import { summary, table } from "./table.js"

const { values: options } = parseArgs({
  options: {
    /** Ratios of CPU time, in place of wall time. */
    cpu: { type: "boolean", default: false },
    /** Which contenders of a case. */
    contender: { type: "string", default: "" },
    json: { type: "string" },
    /** Another build of the library, to be measured beside the one at hand. */
    library: { type: "string", multiple: true, default: [] },
    /** Of Effect: 3 or 4. */
    line: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    quick: { type: "boolean", default: false },
    rounds: { type: "string", default: String(FULL.kept) }
  }
})

const { line } = options
if (line !== "3" && line !== "4") throw new RangeError(`--line is 3 or 4, not ${line}`)
const kept = Number(options.rounds)
if (!Number.isInteger(kept) || kept < 1) throw new RangeError(`--rounds is 1 or more, not ${options.rounds}`)

/** How long a group may take in one process before it counts as hanging. */
const LIMIT = 60_000

const builds = stage(line, options.library)
const [{ folder }] = builds
const groups = (await import(`${folder}/groups.js`)) as typeof Groups

/** The effect that the library imports. Another copy here would compare two Effects with each other. */
const versions = (): { readonly effect: string; readonly library: string } => {
  const here = createRequire(`${folder}/group.js`)
  const library = createRequire(realpathSync(here.resolve("effect-aio/package.json")))
  const [mine, its] = [here, library].map((from) => realpathSync(from.resolve("effect/package.json")))
  if (mine !== its) throw new Error(`two copies of effect: ${mine} and ${its}`)
  const versionOf = (name: string): string => (here(`${name}/package.json`) as { version: string }).version
  return { effect: versionOf("effect"), library: versionOf("effect-aio") }
}

/** Measures what the pattern chooses of a group, in one process. */
const quickly = (group: string, cases: string): Promise<ReadonlyArray<CaseResult>> =>
  new Promise((resolve, reject) => {
    const results: Array<CaseResult> = []
    const child = fork(`${folder}/group.js`, [group, cases, options.contender, "quick"], {
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

const measureCase = async (group: string, subject: Case): Promise<CaseResult> => {
  const { growth, measures = "wall", name, once, what } = subject
  const lanes = lanesOf(
    group,
    subject,
    builds,
    ({ loop }) => loops.has(loop),
    new RegExp(options.contender, "i")
  )
  try {
    const contenders = await inTurns(lanes, once ? ONCE : { ...FULL, kept })
    return { group, name, what, measures, ...(growth ? { growth } : {}), contenders }
  } catch (cause) {
    throw new Error(`${group} / ${name}: ${String(cause)}`, { cause })
  } finally {
    await Promise.all(lanes.map((lane) => lane.end()))
  }
}

const loops = options.quick ? new Map<string, string>() : pythonLoops()
const results: Array<CaseResult> = []
const failures: Array<string> = []
const show = (result: CaseResult): void => {
  results.push(result)
  console.log(`${table(result, options.cpu)}\n`)
}

const started = new Date()
const { effect, library } = versions()
const model = cpus()[0]?.model ?? "unknown"
const load = (): number => Number((loadavg()[0] ?? 0).toFixed(2))
const loadBefore = load()
console.log(
  `node ${process.version}, effect ${effect}, ${availableParallelism()} x ${model}, load ${loadBefore}\n`
)

const wanted = new RegExp(options.only, "i")
const chosenOf = async (group: string): Promise<ReadonlyArray<Case>> =>
  (await groups.load(group)).filter(({ name }) => wanted.test(`${group} / ${name}`))

if (options.quick) {
  // Two at a time: how long each takes is of no interest.
  const left = groups.names.values()
  const lane = async (): Promise<void> => {
    for (const group of left)
      if ((await chosenOf(group)).length > 0)
        await quickly(group, options.only).then(
          (found) => found.forEach(show),
          (error: unknown) => failures.push(String(error))
        )
  }
  await Promise.all([lane(), lane()])
} else
  for (const group of groups.names)
    for (const subject of await chosenOf(group))
      await measureCase(group, subject).then(show, (error: unknown) => failures.push(String(error)))
if (results.length === 0 && failures.length === 0) failures.push(`no case matches ${options.only}`)

const run: Run = {
  date: started.toISOString(),
  library,
  node: process.version,
  v8: process.versions.v8,
  effect,
  cpu: model,
  cores: availableParallelism(),
  load: [loadBefore, load()],
  cases: results
}
if (options.json !== undefined) {
  mkdirSync(dirname(options.json), { recursive: true })
  write(options.json, run)
}
if (builds.length > 1) console.log(`${summary(results, options.cpu)}\n`)
const seconds = Math.round((Date.now() - started.getTime()) / 1000)
console.log(`${results.length} cases in ${seconds} s, load now ${load()}`)
for (const failure of failures) console.error(failure)
process.exitCode = failures.length === 0 ? 0 : 1
