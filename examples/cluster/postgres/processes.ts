// The processes of the cluster, and waits that have a bound and a name.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Waits no longer than that, and says for what. */
export const within = async <A>(ms: number, name: string, promise: Promise<A>): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name}: not within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Looks every 100 milliseconds, no longer than that. */
export const until = async (
  ms: number,
  name: string,
  look: () => Promise<boolean> | boolean
): Promise<void> => {
  const end = Date.now() + ms
  while (!(await look())) {
    if (Date.now() > end) throw new Error(`${name}: not within ${ms} ms`)
    await sleep(100)
  }
}

export interface Program {
  readonly name: string
  readonly output: () => string
  /** When it has printed that. */
  readonly times: (text: string) => ReadonlyArray<number>
  readonly printed: (ms: number, text: string) => Promise<void>
  /** Its exit code, or the signal that has ended it. */
  readonly ended: (ms: number) => Promise<number | string>
  readonly running: () => boolean
  readonly signal: (signal: NodeJS.Signals) => void
}

/** Starts programs, and knows those that still run. None of them outlives this process, however it ends, but by SIGKILL. */
export class Programs {
  readonly #children = new Set<ChildProcess>()

  constructor() {
    process.on("exit", () => {
      for (const child of this.#children) child.kill("SIGKILL")
    })
  }

  start(file: string, env: NodeJS.ProcessEnv & { readonly NAME: string }): Program {
    const name = env.NAME
    const child = spawn(process.execPath, [file], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    this.#children.add(child)
    let output = ""
    const chunks: Array<{ readonly at: number; readonly text: string }> = []
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text
        chunks.push({ at: Date.now(), text })
      })
    }
    const closed = once(child, "close").then(([code, signal]) => {
      this.#children.delete(child)
      return (code ?? signal) as number | string
    })
    const running = () => this.#children.has(child)
    return {
      name,
      output: () => output,
      times: (text) => chunks.filter((chunk) => chunk.text.includes(text)).map(({ at }) => at),
      running,
      signal: (signal) => void child.kill(signal),
      ended: (ms) => within(ms, `the end of ${name}`, closed),
      printed: (ms, text) =>
        until(ms, `"${text}" of ${name}`, () => {
          if (!running() && !output.includes(text)) throw new Error(`${name} has ended:\n${output}`)
          return output.includes(text)
        })
    }
  }

  /** Nothing is left, whatever has happened. */
  async end(): Promise<void> {
    const children = [...this.#children]
    for (const child of children) child.kill("SIGKILL")
    await Promise.all(children.map((child) => once(child, "close")))
  }
}
