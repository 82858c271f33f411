/**
 * One run: this Node, one line of Effect, the cases that were asked for. The contenders of a case have a process each, which live
 * side by side and take samples in turns. (`--quick` takes a process a group.)
 */
import { fork } from "node:child_process"
import { realpathSync } from "node:fs"
import { createRequire } from "node:module"
import { availableParallelism, cpus, loadavg } from "node:os"
import { pythonLoops } from "./asyncio.js"
import type { Case } from "./case.js"
import type * as Groups from "./groups.js"
import { lanesOf } from "./lanes.js"
import type { Options } from "./options.js"
import type { CaseResult } from "./result.js"
import { keep } from "./results.js"
import { FULL, inTurns, ONCE } from "./rounds.js"
import { type Build, stage } from "./stage.js"
import { summary, table } from "./table.js"

/** How long a group may take in one process before it counts as hanging. */
const LIMIT = 60_000

/** The effect that the library imports. Another copy here would compare two Effects with each other. */
const versionsIn = (folder: string): { readonly effect: string; readonly library: string } => {
  const here = createRequire(`${folder}/group.js`)
  const library = createRequire(realpathSync(here.resolve("effect-aio/package.json")))
  const [mine, its] = [here, library].map((from) => realpathSync(from.resolve("effect/package.json")))
  if (mine !== its) throw new Error(`two copies of effect: ${mine} and ${its}`)
  const versionOf = (name: string): string => (here(`${name}/package.json`) as { version: string }).version
  return { effect: versionOf("effect"), library: versionOf("effect-aio") }
}

const load = (): number => Number((loadavg()[0] ?? 0).toFixed(2))

/** Measures what was asked for of a group in one process. */
const quickly = (
  { folder }: Build,
  group: string,
  { contender, only }: Options
): Promise<ReadonlyArray<CaseResult>> =>
  new Promise((resolve, reject) => {
    const results: Array<CaseResult> = []
    const child = fork(`${folder}/group.js`, [group, only.source, contender.source, "quick"], {
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

/** How many of the cases failed. */
export const runHere = async (options: Options): Promise<number> => {
  const builds = stage(options.line, options.libraries)
  const [{ folder }] = builds
  const groups = (await import(`${folder}/groups.js`)) as typeof Groups
  const { effect, library } = versionsIn(folder)
  const loops = options.quick ? new Map<never, string>() : pythonLoops()
  const machine = {
    library,
    node: process.version,
    v8: process.versions.v8,
    effect,
    ...Object.fromEntries(loops),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism()
  }
  console.log(`node ${machine.node}, effect ${effect}, ${machine.cores} x ${machine.cpu}, load ${load()}`)
  if (!options.quick)
    for (const name of ["asyncio", "uvloop"] as const)
      console.log(loops.has(name) ? `${name} ${loops.get(name)}` : `${name} is not there, and not measured`)
  console.log()

  const started = performance.now()
  const results: Array<CaseResult> = []
  const failures: Array<string> = []
  const failed = (error: unknown): void => void failures.push(String(error))
  const leftOut = (what: string): void => console.log(`left out: ${what}`)
  const show = (result: CaseResult): void => {
    results.push(result)
    console.log(`${table(result, options.cpu)}\n`)
  }
  const chosenOf = async (group: string): Promise<ReadonlyArray<Case>> =>
    (await groups.load(group)).filter(({ name }) => options.only.test(`${group} / ${name}`))

  const measureCase = async (group: string, subject: Case): Promise<CaseResult> => {
    const { growth, measures = "wall", name, once, what } = subject
    const about = { group, name, what, measures, ...(growth ? { growth } : {}) }
    const lanes = lanesOf(group, subject, builds, ({ loop }) => loops.has(loop), options.contender)
    const when = { date: new Date().toISOString(), load: load() }
    try {
      const contenders = await inTurns(lanes, once ? ONCE : { ...FULL, kept: options.rounds }, leftOut)
      return { ...about, ...when, contenders }
    } catch (cause) {
      throw new Error(`${group} / ${name}: ${String(cause)}`, { cause })
    } finally {
      await Promise.all(lanes.map((lane) => lane.end()))
    }
  }

  if (options.quick) {
    // Two at a time: how long each takes is of no interest.
    const left = groups.names.values()
    const lane = async (): Promise<void> => {
      for (const group of left)
        if ((await chosenOf(group)).length > 0)
          await quickly(builds[0], group, options).then((found) => found.forEach(show), failed)
    }
    await Promise.all([lane(), lane()])
  } else
    for (const group of groups.names)
      for (const subject of await chosenOf(group)) {
        await measureCase(group, subject).then(show, failed)
        if (options.json !== undefined) keep(options.json, { machine, cases: results })
      }

  if (results.length === 0 && failures.length === 0) failed(`no case matches ${options.only.source}`)
  if (builds.length > 1) console.log(`${summary(results, options.cpu)}\n`)
  const seconds = Math.round((performance.now() - started) / 1000)
  console.log(`${results.length} cases in ${seconds} s, load now ${load()}`)
  for (const failure of failures) console.error(failure)
  return failures.length
}
