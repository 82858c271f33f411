/** Programs of a fixture, each in a process of its own: started, sent signals, and looked at when they have ended. */
import { spawn, type StdioOptions } from "node:child_process"
import { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import { compiled } from "./compiled.js"

const root = fileURLToPath(new URL("../../", import.meta.url))

/** Generous: a process takes a second or two to start on a busy machine. */
export const TIMEOUT = 60_000

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Standard output, standard error and descriptor 3, in the order in which they arrived. */
  readonly output: string
}

export interface StartOptions {
  /** What nobody reads of it. */
  readonly unread?: "stdout" | "both"
  readonly stdio?: StdioOptions
  /** A shell command instead, in which `"$@"` is the program. */
  readonly shell?: string
  /** Variables beside those of this process. */
  readonly env?: NodeJS.ProcessEnv
}

/** How to start a program of a fixture by its name. */
export const programsOf = (source: string) => {
  const fixture = compiled(source)
  const children = new Set<ReturnType<typeof spawn>>()

  afterAll(() => {
    // Only what a failed test has left behind.
    for (const child of children) child.kill("SIGKILL")
  })

  return (program: string, { env, shell, stdio, unread }: StartOptions = {}) => {
    const command = [process.execPath, fixture, program]
    const [file = "", ...args] = shell === undefined ? command : ["sh", "-c", shell, "sh", ...command]
    const child = spawn(file, args, {
      cwd: root,
      stdio: stdio ?? ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "", EFFECT_AIO_DEBUG: "", EFFECT_AIO_DUMP: "", ...env }
    })
    children.add(child)
    let output = ""
    const listeners = new Set<() => void>()
    const take = (chunk: Buffer) => {
      output += chunk.toString()
      for (const listener of listeners) listener()
    }
    if (unread === undefined) child.stdout?.on("data", take)
    if (unread !== "both") child.stderr?.on("data", take)
    const other = child.stdio[3]
    if (other instanceof Readable) other.on("data", take)
    const ended = new Promise<Ended>((resolve) => {
      child.on(unread === undefined ? "close" : "exit", (code, signal) => {
        children.delete(child)
        child.stdout?.destroy()
        child.stderr?.destroy()
        resolve({ code, signal, output })
      })
    })
    return {
      ended,
      pid: child.pid,
      kill: (signal: NodeJS.Signals) => void child.kill(signal),
      /** Its output loses its reader. */
      stopReading: (output: "stdout" | "stderr" = "stdout") => void child[output]?.destroy(),
      /** What it has printed so far. */
      output: () => output,
      /** Waits until the text has been printed. */
      until: (text: string) =>
        new Promise<void>((resolve, reject) => {
          const look = () => {
            if (!output.includes(text)) return
            listeners.delete(look)
            resolve()
          }
          listeners.add(look)
          look()
          void ended.then(() => reject(new Error(`ended before it printed ${text}:\n${output}`)))
        })
    }
  }
}

/** Longer than the time within which the same signal counts once. */
export const later = () => new Promise<void>((resolve) => setTimeout(resolve, 400))

/** The lines that the programs print themselves. */
export const said = ({ output }: Ended) =>
  output
    .split("\n")
    .filter((line) => /^(ready|flushing|finalizing|task cancelled|inner|outer|exit|threw)/.test(line))

export const count = (text: string, part: string) => text.split(part).length - 1
