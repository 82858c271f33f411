/** The worker threads of a process, each by an inspector of its own, which the main thread passes on. */
import { ANSWER, valueOf } from "./evaluate.js"
import type { Session } from "./Session.js"

/** How long one of them may take to answer, in milliseconds: one that is in a call of the system does not. */
const WORKER = 1_000

interface Attached {
  readonly sessionId: string
  readonly workerInfo: { readonly workerId: string }
}

/** What one of them has answered, if it has in time. */
export interface Answer {
  readonly thread: number
  readonly value: string | undefined
}

interface Asked {
  readonly sessionId: string
  readonly answer: (value: string | undefined) => void
}

export class Workers {
  /** By the number of their sessions. */
  readonly #threads = new Map<string, number>()
  /** Questions, by the numbers of their messages. */
  readonly #waiting = new Map<number, Asked>()
  #next = 1

  private constructor(private readonly session: Session) {
    session.on("NodeWorker.attachedToWorker", (params) => {
      const { sessionId, workerInfo } = params as Attached
      this.#threads.set(sessionId, Number(workerInfo.workerId))
    })
    session.on("NodeWorker.detachedFromWorker", (params) => {
      const { sessionId } = params as { readonly sessionId: string }
      this.#threads.delete(sessionId)
      for (const asked of this.#waiting.values()) if (asked.sessionId === sessionId) asked.answer(undefined)
    })
    session.on("NodeWorker.receivedMessageFromWorker", (params) => {
      const { message } = params as { readonly message: string }
      const { id = 0, result } = JSON.parse(message) as { readonly id?: number; readonly result?: unknown }
      this.#waiting.get(id)?.answer(valueOf(result))
    })
  }

  /** Those that are there, and those that come. */
  static async of(session: Session): Promise<Workers> {
    const workers = new Workers(session)
    await session.send("NodeWorker.enable", { waitForDebuggerOnStart: false }, ANSWER)
    return workers
  }

  /** What the code gives in each of them, or in one. */
  async ask(expression: string, only?: number): Promise<ReadonlyArray<Answer>> {
    const asked = [...this.#threads].filter(([, thread]) => only === undefined || thread === only)
    const answers = asked.map(async ([sessionId, thread]) => ({
      thread,
      value: await this.#askOne(sessionId, expression)
    }))
    return (await Promise.all(answers)).sort((a, b) => a.thread - b.thread)
  }

  #askOne(sessionId: string, expression: string): Promise<string | undefined> {
    const id = this.#next++
    const message = JSON.stringify({
      id,
      method: "Runtime.evaluate",
      params: { expression, returnByValue: true }
    })
    return new Promise((resolve) => {
      const answer = (value: string | undefined): void => {
        clearTimeout(late)
        this.#waiting.delete(id)
        resolve(value)
      }
      const late = setTimeout(() => answer(undefined), WORKER)
      this.#waiting.set(id, { sessionId, answer })
      // It may have ended since it was seen.
      this.session
        .send("NodeWorker.sendMessageToWorker", { sessionId, message }, WORKER)
        .catch(() => answer(undefined))
    })
  }
}
