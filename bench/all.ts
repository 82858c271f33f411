/**
 * Every case on every version of Node and on both lines of Effect. What is found is kept in `results`, in the folder of the
 * library's version, a file for each pair.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { installed, NODES } from "./nodes.js"
import { LINES } from "./stage.js"

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const { version } = JSON.parse(readFileSync(pathOf("../../package.json"), "utf8")) as { version: string }

/** Runs the command with these arguments on each pair; how many of the runs failed. */
export const everywhere = (args: ReadonlyArray<string>): number => {
  let failed = 0
  for (const [node, binary] of installed(NODES))
    for (const line of LINES) {
      const json = pathOf(`../results/${version}/node${node}-effect${line}.json`)
      const { status } = spawnSync(binary, [pathOf("run.js"), ...args, "--line", line, "--json", json], {
        stdio: "inherit"
      })
      if (status !== 0) failed++
    }
  return failed
}
