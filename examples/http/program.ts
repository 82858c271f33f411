// For `--once` of examples that serve: the program as a child process, what it prints, and how it ends.
import { spawn } from "node:child_process"
import { Data } from "effect"
import { acquireAio } from "effect-aio"

export class Unexpected extends Data.TaggedError("Unexpected")<{ readonly what: string }> {
  override get message(): string {
    return this.what
  }
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The program itself, without `--once`, and what it prints. */
const startProgram = () => {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] as string], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text
    process.stdout.write(text)
  })
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve))
  const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(output)
      if (found !== null) return found
      if (child.exitCode !== null) throw new Error(`it has ended before it has printed ${String(pattern)}`)
      await sleep(10)
    }
  }
  return { child, exited, printed, output: () => output }
}

export type Program = ReturnType<typeof startProgram>

/** It is killed, if it has not ended, when its Scope closes. */
export const acquireProgram = acquireAio({
  name: "program",
  open: startProgram,
  close: ({ child, exited }) => {
    child.kill("SIGKILL")
    return exited
  }
})

/** What became of one request. */
export interface Got {
  readonly status: number | undefined
  readonly text: string
  /** How the exchange broke off, if it did. */
  readonly error: string | undefined
}
