/**
 * npm run metrics [-- --line 3|4] [--check]: has the packages of that line in a folder of their own, with this package beside
 * them as its users have it, then serves there: see shop.ts. `--check` type-checks the example, scrapes it, takes its traces,
 * and looks at both: see check.ts.
 */
import { parseArgs } from "node:util"
import { exampleWithPackages } from "../../scripts/exampleWithPackages.mjs"

const { values } = parseArgs({
  options: { line: { type: "string", default: "3" }, check: { type: "boolean", default: false } }
})
const line = { 3: "three", 4: "four" }[values.line]
if (line === undefined) throw new TypeError("--line is 3 or 4")

const programs = await exampleWithPackages({
  example: "metrics",
  packages: line,
  line,
  programs: [`${line}/main.ts`, "check.ts"],
  check: values.check
})
const main = new URL("main.js", programs)
if (values.check) {
  const { check } = await import(new URL("check.js", programs).href)
  await check(main)
  console.log(
    `Effect ${values.line}, Node ${process.versions.node}: metrics and traces are as docs/metrics.md says`
  )
} else {
  await import(main.href)
}
