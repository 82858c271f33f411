/** Which line of Effect is installed, and whether the library runs on that version. */
import * as All from "effect"
import { four } from "./four.js"
import type { Seam } from "./Seam.js"
import { three } from "./three.js"

/** What of the modules of both lines tells them apart. */
export interface Modules {
  readonly Effect?: object
  /** Where line 3 says which version it is. */
  readonly ModuleVersion?: { readonly getCurrentVersion: () => string }
  /** Where line 4 does, from 4.0.5 on. */
  readonly Version?: { readonly getCurrentVersion: () => string }
}

/** The lowest versions of the peer dependency. Between 4.0.0 and 4.0.6 the meaning of Causes, Streams and async context changed. */
const lowest = { three: [3, 22, 2], four: [4, 0, 6] } as const

/** Whether a version is at least `than`. One that is no three numbers is taken at its word. */
const isAtLeast = (version: string, than: readonly [number, number, number]): boolean => {
  const [, ...parts] = (/^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).map(Number)
  const at = parts.findIndex((part, i) => part !== than[i])
  return at === -1 || (parts[at] ?? 0) > (than[at] ?? 0)
}

/**
 * The line of the Effect that was found. Throws an Error, which ends the import, where it is none that the library runs on:
 * the message says which was found, and what to install.
 */
export const lineOf = (found: Modules): "three" | "four" => {
  const { Effect: effect = {} } = found
  const line = "callback" in effect ? "four" : "async" in effect ? "three" : undefined
  const version = (found.Version ?? found.ModuleVersion)?.getCurrentVersion()
  if (line !== undefined && version !== undefined && isAtLeast(version, lowest[line])) return line
  const what = version ?? (line === "four" ? "4.0.4 or lower" : "none of them")
  throw new Error(
    `effect-aio runs on effect ^${lowest.three.join(".")} and ^${lowest.four.join(".")}, and has found ${what}: ` +
      "npm install effect@latest, or effect@3 to stay on line 3; npm ls effect shows which package brings which"
  )
}

const lines = { three, four }

/** Which line that is. */
export const installedLine = (): "three" | "four" => lineOf(All)

/** The seam of the installed line. */
export const installed = (): Seam => lines[installedLine()]()
