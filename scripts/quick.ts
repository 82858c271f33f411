// Runs the tests of the kernel, and those of what has changed since main: changed test files, and the tests that are there
// for changed source files (test/support/coverage.ts). Types, the examples and the test suite of Promises/A+, whose clauses
// FutureThen.test.ts has by name, are left to `npm test`.
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { coverage } from "../test/support/coverage.js"
import { readSources } from "../test/support/imports.js"

const git = (...args: ReadonlyArray<string>): ReadonlyArray<string> =>
  execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
    .split("\n")
    .filter((line) => line !== "")

/** Where this line of work left main; the last commit, where there is no main. */
const base = (): string => {
  for (const main of ["origin/main", "main"]) {
    try {
      return git("merge-base", "HEAD", main)[0] ?? "HEAD"
    } catch {
      // It is not known here.
    }
  }
  return "HEAD"
}

const changed = [...git("diff", "--name-only", base()), ...git("ls-files", "--others", "--exclude-standard")]
const { tests } = coverage(readSources("src"), readSources("test"))
const wanted = new Set(
  changed.filter((path) => /^test\/(?!examples\/).*\.test\.ts$/.test(path) && existsSync(path))
)
for (const path of changed) for (const test of tests.get(path) ?? []) wanted.add(test)

console.log(`the kernel's tests, and of what has changed: ${[...wanted].join(", ") || "nothing"}`)
const left = ["--typecheck.enabled=false", "--exclude", "test/Loop/kernel/aplus.test.ts"]
const { status } = spawnSync(
  "npx",
  ["--no-install", "vitest", "run", ...left, "test/Loop/kernel/", ...wanted],
  { stdio: "inherit" }
)
process.exitCode = status ?? 1
