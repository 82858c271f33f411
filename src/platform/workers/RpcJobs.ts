/**
 * What a worker of RPC works on, seen in the messages that pass: both lines of Effect have the same. Other protocols have
 * messages that cannot be told apart, and a worker of theirs is known by its being there.
 */
import { workText } from "./jobText.js"

/** A field of a message, where it has one. */
const field = (message: unknown, name: string): unknown =>
  typeof message === "object" && message !== null
    ? (message as Readonly<Record<string, unknown>>)[name]
    : undefined

interface Open {
  readonly request: unknown
  readonly since: number
  interrupted: boolean
}

export class RpcJobs {
  /** Requests that have not ended, by their numbers. */
  readonly #open = new Map<unknown, Open>()

  sent(message: unknown, now: number): void {
    const tag = field(message, "_tag")
    if (tag === "Request") {
      const request = { _tag: field(message, "tag") }
      this.#open.set(field(message, "id"), { request, since: now, interrupted: false })
    } else if (tag === "Interrupt") {
      const job = this.#open.get(field(message, "requestId"))
      if (job !== undefined) job.interrupted = true
    }
  }

  received(message: unknown): void {
    const tag = field(message, "_tag")
    if (tag === "Exit") this.#open.delete(field(message, "requestId"))
    // It has failed as a whole.
    if (tag === "Defect") this.#open.clear()
  }

  clear(): void {
    this.#open.clear()
  }

  /** There are some, and nobody waits for any of them. */
  get abandoned(): boolean {
    return this.#open.size > 0 && [...this.#open.values()].every(({ interrupted }) => interrupted)
  }

  /** In words; an empty text where there is none. */
  text(now: number): string {
    const all = [...this.#open.values()]
    return workText(
      all.filter(({ interrupted }) => !interrupted),
      all.filter(({ interrupted }) => interrupted),
      now
    )
  }
}
