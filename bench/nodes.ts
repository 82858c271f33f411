/**
 * The versions of Node that the benchmark runs on with `--all`: the registry's own binaries, side by side in `bench/.nodes`, which
 * is made when it is wanted.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const NODES = [24, 22, 26] as const
export type NodeVersion = (typeof NODES)[number]

const folder = fileURLToPath(new URL("../.nodes/", import.meta.url))

const binaryOf = (version: NodeVersion): string => join(folder, "node_modules", `node${version}`, "bin/node")

/** The binary of each version; installs those that are missing. */
export const installed = (versions: ReadonlyArray<NodeVersion>): ReadonlyMap<NodeVersion, string> => {
  const missing = versions.filter((version) => !existsSync(binaryOf(version)))
  if (missing.length > 0) {
    mkdirSync(folder, { recursive: true })
    if (!existsSync(join(folder, "package.json"))) writeFileSync(join(folder, "package.json"), "{}\n")
    const packages = missing.map(
      (version) => `node${version}@npm:node-${process.platform}-${process.arch}@${version}`
    )
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages], {
      cwd: folder,
      stdio: "inherit"
    })
  }
  return new Map(versions.map((version) => [version, binaryOf(version)]))
}
