/**
 * Every case on every version of Node and on both lines of Effect. What is found is kept in `results`, in the folder of the
 * release, a file for each pair.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { installed, NODES } from "./nodes.js"
import type { Options } from "./options.js"
import { LINES } from "./stage.js"

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** The library's version, unless it is told. */
export const releaseOf = (told: string | undefined): string =>
  told ?? (JSON.parse(readFileSync(pathOf("../../package.json"), "utf8")) as { version: string }).version

/** Runs the command on each pair, with the same options; how many of the runs failed. */
export const everywhere = ({ args, release }: Options): number => {
  const each = args.filter((arg) => arg !== "--all")
  let failed = 0
  for (const [node, binary] of installed(NODES))
    for (const line of LINES) {
      const json = pathOf(`../results/${releaseOf(release)}/node${node}-effect${line}.json`)
      const { status } = spawnSync(binary, [pathOf("run.js"), ...each, "--line", line, "--json", json], {
        stdio: "inherit"
      })
      if (status !== 0) failed++
    }
  return failed
}
