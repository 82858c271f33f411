/** Services that one line of Effect has and the other has not, or has by another name. */
import { installedLine } from "../effect/installed.js"

const numbers = { three: 3, four: 4 } as const

/** Throws an Error where the installed Effect is of the other line; `other` is what that has. */
export const checkLine = (name: string, line: "three" | "four", other: string): void => {
  const installed = installedLine()
  if (installed === line) return
  throw new Error(
    `${name} is for Effect ${numbers[line]}, and Effect ${numbers[installed]} is installed: use ${other}`
  )
}
