/**
 * Measures one group in this process: `node --expose-gc dist/group.js GROUP CASES CONTENDERS quick,cpu`, the middle two are
 * patterns. For a profiler, and for `--quick`.
 */
import { loadavg } from "node:os"
import type { Case, Contender } from "./case.js"
import { load } from "./groups.js"
import { sampleOf, sizeOf } from "./measure.js"
import type { CaseResult } from "./result.js"
import { FULL, inTurns, type Lane, ONCE, QUICK } from "./rounds.js"
import { table } from "./table.js"

const [group = "", cases = "", contenders = "", flags = ""] = process.argv.slice(2)
if (globalThis.gc === undefined) throw new Error("start with node --expose-gc")
const quick = flags.includes("quick")

const laneOf = (subject: Case, contender: Contender): Lane => ({
  name: contender.name,
  ours: contender.ours,
  library: undefined,
  n: sizeOf(subject, contender, quick),
  sample: () => sampleOf(subject, contender, quick)
})

for (const subject of await load(group)) {
  if (!new RegExp(cases, "i").test(`${group} / ${subject.name}`)) continue
  const lanes = subject.contenders
    .filter(({ name }) => new RegExp(contenders, "i").test(name))
    .map((contender) => laneOf(subject, contender))
  const { growth, measures = "wall", name, once, what } = subject
  const result: CaseResult = {
    group,
    name,
    what,
    measures,
    ...(growth ? { growth } : {}),
    date: new Date().toISOString(),
    load: loadavg()[0] ?? 0,
    contenders: await inTurns(lanes, once ? ONCE : quick ? QUICK : FULL).catch((cause: unknown) => {
      throw new Error(`${group} / ${name}`, { cause })
    })
  }
  if (process.send === undefined) console.log(`${table(result, flags.includes("cpu"))}\n`)
  else process.send(result)
}
process.disconnect?.()
