/** What of the platform the installed line of Effect has. */
import { installedLine } from "../effect/installed.js"
import { four } from "./four.js"
import type { Parts } from "./Parts.js"
import { three } from "./three.js"

const numbers = { three: 3, four: 4 } as const

/** Throws an Error where the installed Effect is of the other line; `other` is what that has. */
export const checkLine = (name: string, line: "three" | "four", other: string): void => {
  const installed = installedLine()
  if (installed === line) return
  throw new Error(
    `${name} is for Effect ${numbers[line]}, and Effect ${numbers[installed]} is installed: use ${other}`
  )
}

/** The parts that both lines have, as the installed one has them. */
export const partsOfLine = (): Parts => (installedLine() === "three" ? three : four)
