/**
 * The peers in Python: asyncio and uvloop. What they do is in `asyncio/main.py`, which is asked as `contender.ts` is. They are
 * Debian's packages `python3` and `python3-uvloop`; what is not there is not measured.
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Program } from "./case.js"

/** Debian's own, which has Debian's packages; otherwise the one that is found. */
const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3"
const main = fileURLToPath(new URL("../asyncio/main.py", import.meta.url))
const clients = fileURLToPath(new URL("echoClients.js", import.meta.url))

/** Those of the event loops that can be measured here, with their versions. */
export const pythonLoops = (): ReadonlyMap<Program["loop"], string> => {
  const versionOf = {
    asyncio: "import asyncio, platform; print(platform.python_version())",
    uvloop: "import uvloop; print(uvloop.__version__)"
  }
  const found = Object.entries(versionOf).flatMap(([name, code]) => {
    const { status, stdout } = spawnSync(python, ["-c", code], { encoding: "utf8" })
    return status === 0 ? [[name as Program["loop"], stdout.trim()] as const] : []
  })
  return new Map(found)
}

/** What measures it. */
export const commandOf = (
  { loop, work }: Program,
  n: number
): readonly [string, ...ReadonlyArray<string>] => [
  python,
  main,
  loop,
  work,
  String(n),
  process.execPath,
  clients
]
