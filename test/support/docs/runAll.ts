/**
 * Runs modules one after the other in this process, and tells what each has printed and thrown. A process of its own for each
 * would spend most of its time loading Effect.
 *
 * node runAll.js MODULE...
 */
import { setTimeout as after } from "node:timers/promises"
import { inspect } from "node:util"
import { pathToFileURL } from "node:url"

/** Milliseconds that a module may take. */
const LIMIT = 15_000

export interface Ran {
  readonly printed: ReadonlyArray<string>
  readonly error: string | undefined
}

let printed: Array<string> = []
let fail: (error: unknown) => void = () => undefined

const print = console.log
const text = (value: unknown): string => (typeof value === "string" ? value : inspect(value))
/** That a server has closed is logged by the library, and no word of the example. */
const closed = /^(timestamp=\S+ level=INFO |\[\S+\] INFO ).* closed in \d+ ms/
console.log = (...values: ReadonlyArray<unknown>) => {
  const line = values.map(text).join(" ").trim()
  if (!closed.test(line)) printed.push(line)
}
process.on("uncaughtException", (error) => fail(error))

const run = async (file: string): Promise<Ran> => {
  printed = []
  const abort = new AbortController()
  try {
    await Promise.race([
      import(pathToFileURL(file).href),
      new Promise((_resolve, reject) => (fail = reject)),
      after(LIMIT, undefined, { signal: abort.signal }).then(() => {
        throw new Error(`it has not ended after ${LIMIT} ms`)
      })
    ])
    return { printed, error: undefined }
  } catch (error) {
    return { printed, error: inspect(error) }
  } finally {
    abort.abort()
  }
}

for (const file of process.argv.slice(2)) {
  const ran = await run(file)
  print(JSON.stringify(ran))
}
