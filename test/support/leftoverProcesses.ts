// For the whole suite: when it has run, no process that a test started is alive, not even one that has left its parent.
import { randomUUID } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"

const NAME = "EFFECT_AIO_SUITE"

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return "" // It has ended, or is somebody else's.
  }
}

/** Every process inherits the mark; vitest's own are told by their command lines. */
const left = (mark: string): ReadonlyArray<string> =>
  readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) => read(`/proc/${pid}/environ`).includes(mark))
    .map((pid) => `pid ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim()}`)
    .filter((process) => !/vitest|esbuild/.test(process))

export default (): (() => Promise<void>) | undefined => {
  if (process.platform !== "linux") return undefined
  const mark = `${NAME}=${randomUUID()}`
  process.env[NAME] = mark.slice(NAME.length + 1)
  return async () => {
    for (let turn = 0; turn < 200 && left(mark).length > 0; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const processes = left(mark)
    if (processes.length > 0) throw new Error(`left when the suite had run:\n${processes.join("\n")}`)
  }
}
