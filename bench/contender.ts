/**
 * One contender of one case, in this process: `node --expose-gc dist/contender.js GROUP CASE NAME quick`. Started by `lanes.ts`:
 * for each line on stdin it takes a sample, which it writes as a line of JSON to descriptor 3. It ends with its stdin.
 */
import { writeSync } from "node:fs"
import { createInterface } from "node:readline"
import { load } from "./groups.js"
import { sampleOf } from "./measure.js"

const ANSWERS = 3

const [group = "", name = "", contenderName = "", flags = ""] = process.argv.slice(2)
if (globalThis.gc === undefined) throw new Error("start with node --expose-gc")

const subject = (await load(group)).find((one) => one.name === name)
const contender = subject?.contenders.find((one) => one.name === contenderName)
if (subject === undefined || contender === undefined)
  throw new Error(`there is no ${contenderName} in ${group} / ${name}`)

for await (const _ of createInterface({ input: process.stdin })) {
  const sample = await sampleOf(subject, contender, flags.includes("quick"))
  writeSync(ANSWERS, `${JSON.stringify(sample)}\n`)
}
process.exit()
