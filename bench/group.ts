/**
 * Measures one group in this process: `node --expose-gc dist/group.js GROUP CASES CONTENDERS quick,cpu`. Started by
 * `run.ts`; by hand, for a profiler.
 */
import { groups } from "./groups.js"
import { measure } from "./measure.js"
import { table } from "./table.js"

const [group = "", cases = "", contenders = "", flags = ""] = process.argv.slice(2)
if (globalThis.gc === undefined) throw new Error("start with node --expose-gc")

for (const subject of groups[group] ?? []) {
  if (!new RegExp(cases, "i").test(`${group} / ${subject.name}`)) continue
  const result = await measure(group, subject, {
    quick: flags.includes("quick"),
    cpu: flags.includes("cpu"),
    contender: new RegExp(contenders, "i")
  })
  if (process.send === undefined) console.log(`${table(result)}\n`)
  else process.send(result)
}
process.disconnect?.()
