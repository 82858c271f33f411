/**
 * One who sees the page: server-sent events. What one does not take is left out, and all that is there is sent when it goes on to
 * read: so one that never reads costs one message, and not for long.
 *
 * Legal states: in step; behind, with a message that was not taken; gone.
 */
import type { ServerResponse } from "node:http"
import type { News } from "./Sampler.js"

/** How long a message may lie there, in milliseconds. */
const PATIENCE = 15_000

export class Viewer {
  readonly #response: ServerResponse
  readonly #patience: number
  #behind = false
  #missed: News | undefined
  #impatient: NodeJS.Timeout | undefined

  constructor(response: ServerResponse, patience = PATIENCE) {
    this.#response = response
    this.#patience = patience
    response.on("drain", () => this.#drained())
    response.on("close", () => clearTimeout(this.#impatient))
    // It went away, which is its right.
    response.on("error", () => {})
  }

  /** What lies here and was not taken, in bytes. */
  get held(): number {
    return this.#response.writableLength
  }

  take(news: News): void {
    if (this.#behind) this.#missed = news
    else this.#write(news.text)
  }

  /** Nothing more is told. What was, is still sent. */
  end(): void {
    if (this.#missed !== undefined) this.#response.write(event(this.#missed.all()))
    this.#response.end()
  }

  #write(text: string): void {
    if (this.#response.write(event(text))) return
    this.#behind = true
    this.#impatient = setTimeout(() => this.#response.destroy(), this.#patience)
  }

  #drained(): void {
    clearTimeout(this.#impatient)
    this.#behind = false
    const missed = this.#missed
    this.#missed = undefined
    if (missed !== undefined) this.#write(missed.all())
  }
}

/** JSON has no line ends in it. */
const event = (text: string): string => `data: ${text}\n\n`
