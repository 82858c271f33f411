/**
 * One who looks through the socket: a line is a question, and a line the answer. The next question is read when the answer was
 * taken, so that one who never reads holds one answer, and not for long.
 */
import type { Socket } from "node:net"
import { threadId } from "node:worker_threads"
import type { SocketQuestion } from "./socketPath.js"
import { offers } from "./wire.js"

/** No question is longer. */
const LONGEST = 1_024

const answerTo = (line: string): object => {
  const question = JSON.parse(line) as Partial<Record<keyof SocketQuestion | "cancel" | "most", unknown>>
  if (Number.isSafeInteger(question.most)) {
    const most = Number(question.most)
    const dumps = offers().flatMap((offer) => offer.dumps(most))
    return { pid: process.pid, thread: threadId, dumps }
  }
  if (!Number.isSafeInteger(question.cancel)) throw new TypeError("it asks for nothing that is known")
  for (const offer of offers()) {
    const done = offer.cancel(Number(question.cancel))
    if (done !== undefined) return { done }
  }
  return { done: "" }
}

export class Conversation {
  readonly #socket: Socket
  #asked = ""

  /** `patience`: how long an answer may lie there, in milliseconds. */
  constructor(
    socket: Socket,
    private readonly patience = 10_000
  ) {
    this.#socket = socket
    socket.setEncoding("utf8")
    socket.unref()
    // It went away, which is its right.
    socket.on("error", () => {})
    socket.on("data", (text: string) => {
      this.#asked += text
      this.#next()
    })
    socket.on("drain", () => {
      socket.setTimeout(0)
      socket.resume()
      this.#next()
    })
    socket.on("timeout", () => socket.destroy())
  }

  #next(): void {
    const socket = this.#socket
    while (!socket.writableNeedDrain) {
      const end = this.#asked.indexOf("\n")
      if ((end < 0 ? this.#asked.length : end) > LONGEST) return void socket.destroy()
      if (end < 0) return
      const line = this.#asked.slice(0, end)
      this.#asked = this.#asked.slice(end + 1)
      try {
        socket.write(`${JSON.stringify(answerTo(line))}\n`)
      } catch {
        return void socket.destroy()
      }
    }
    socket.pause()
    socket.setTimeout(this.patience)
  }
}
