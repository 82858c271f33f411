/** A process that is looked at through the sockets of its threads, which it offers by `inspect: true`. No code is run in it. */
import { readdirSync, readFileSync } from "node:fs"
import { createConnection, type Socket } from "node:net"
import { basename, join } from "node:path"
import { ofSocketName, socketFolder, type SocketQuestion } from "../Loop/inspect/socketPath.js"
import { CliError } from "./CliError.js"
import { ANSWER } from "./evaluate.js"
import type { Told } from "./remote.js"
import type { ThreadDumps, Viewed } from "./Viewed.js"

/** Its sockets by their threads. On Linux they are found wherever they are, whatever folder its environment named. */
const pathsOf = (pid: number): ReadonlyMap<number, string> => {
  const paths: Array<string> = []
  try {
    for (const line of readFileSync(`/proc/${pid}/net/unix`, "utf8").split("\n")) {
      const path = /\s(\/.*\/effect-aio-\d+\/[\d-]+\.sock)$/.exec(line)?.[1]
      if (path !== undefined) paths.push(path)
    }
  } catch {
    const folder = socketFolder()
    try {
      if (folder !== undefined) paths.push(...readdirSync(folder).map((name) => join(folder, name)))
    } catch {
      // Nobody listens there.
    }
  }
  const found = new Map<number, string>()
  for (const path of paths) {
    const of = ofSocketName(basename(path))
    if (of?.pid === pid) found.set(of.thread, path)
  }
  return found
}

/** One thread's socket: a question, and the line that is its answer. Legal states: open, ended. */
class Line {
  readonly #waiting: Array<(line: string | undefined) => void> = []
  #heard: Array<string> = []
  ended = false

  private constructor(private readonly socket: Socket) {
    socket.setEncoding("utf8")
    socket.on("data", (text: string) => {
      const parts = text.split("\n")
      for (const part of parts.slice(0, -1)) {
        this.#waiting.shift()?.([...this.#heard, part].join(""))
        this.#heard = []
      }
      this.#heard.push(parts.at(-1) ?? "")
    })
    socket.on("error", () => {})
    socket.on("close", () => {
      this.ended = true
      for (const answer of this.#waiting.splice(0)) answer(undefined)
    })
  }

  static open(path: string): Promise<Line | undefined> {
    return new Promise((resolve) => {
      const socket = createConnection(path)
      socket.once("connect", () => resolve(new Line(socket)))
      socket.once("error", () => resolve(undefined))
    })
  }

  /** `undefined` where there is no answer in time. */
  ask(question: SocketQuestion): Promise<string | undefined> {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(undefined), ANSWER)
      this.#waiting.push((line) => {
        clearTimeout(late)
        resolve(line)
      })
      this.socket.write(`${JSON.stringify(question)}\n`)
    })
  }

  close(): void {
    this.socket.destroy()
  }
}

export class Connected implements Viewed {
  readonly by = "its socket"
  readonly #lines = new Map<number, Line>()

  private constructor(readonly pid: number) {}

  /** `undefined` where the process offers none. */
  static async open(pid: number): Promise<Connected | undefined> {
    const connected = new Connected(pid)
    await connected.#connect()
    return connected.#lines.size === 0 ? undefined : connected
  }

  async look(most: number): Promise<ReadonlyArray<ThreadDumps>> {
    await this.#connect()
    if (this.#lines.size === 0) throw new CliError("the process has ended, or its loops are closed")
    const threads = [...this.#lines].map(async ([thread, line]): Promise<ThreadDumps | undefined> => {
      const answer = await line.ask({ most })
      if (answer !== undefined) {
        const { dumps } = JSON.parse(answer) as Told
        return { thread, dumps: dumps ?? [], library: true, busy: undefined }
      }
      const busy = ["it has not answered: where it is can be seen by its inspector alone (--inspector)"]
      return line.ended ? undefined : { thread, dumps: [], library: true, busy }
    })
    return (await Promise.all(threads)).filter((one) => one !== undefined).sort((a, b) => a.thread - b.thread)
  }

  async cancel(thread: number, key: number): Promise<string> {
    const answer = await this.#lines.get(thread)?.ask({ cancel: key })
    if (answer === undefined) return "its thread has not answered"
    return (JSON.parse(answer) as { readonly done: string }).done || "it is not there any more"
  }

  async close(): Promise<void> {
    for (const line of this.#lines.values()) line.close()
  }

  /** With the threads that are there now. */
  async #connect(): Promise<void> {
    for (const [thread, line] of this.#lines) if (line.ended) this.#lines.delete(thread)
    for (const [thread, path] of pathsOf(this.pid)) {
      if (this.#lines.has(thread)) continue
      const line = await Line.open(path)
      if (line !== undefined) this.#lines.set(thread, line)
    }
  }
}
