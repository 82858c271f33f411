/**
 * Looks at a process again and again, once for all who want to see it, and not while nobody does: then it is left as it was found.
 *
 * Legal states: resting, with no listener and nothing open some seconds later; looking; ended.
 */
import { CliError } from "../CliError.js"
import type { ThreadDumps, Viewed } from "../Viewed.js"
import type { Message } from "./messages.js"
import { Picture } from "./Picture.js"

/** What listeners get. */
export interface News {
  /** What is new since the news before. */
  readonly text: string
  /** All that is there, for who has missed some. */
  readonly all: () => string
}

export interface SamplerOptions {
  readonly pid: number
  /** How often one looks, in milliseconds. */
  readonly every: number
  /** How many rows are taken. */
  readonly most: number
  readonly open: () => Promise<Viewed>
  /** Whether the process is there. */
  readonly lives: () => boolean
}

/** At most this part of the process's time is used. */
const SHARE = 0.05

/** How long nobody may want to see anything before the process is let go of, and how often one sees whether it has ended. */
const REST = 5_000
const PULSE = 500

/** What all of it took the process, in milliseconds: making the dumps, and as long again for writing them. */
const costOf = (threads: ReadonlyArray<ThreadDumps>): number =>
  Math.max(0, ...threads.map(({ dumps }) => dumps.reduce((sum, { took = 0 }) => sum + 2 * took, 0)))

export class Sampler {
  readonly #options: SamplerOptions
  readonly #listeners = new Set<(news: News) => void>()
  readonly #pulse: NodeJS.Timeout
  #viewed: Viewed | undefined
  #picture: Picture | undefined
  #last: News | undefined
  #next: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #rest: NodeJS.Timeout | undefined
  /** How long one waited for the look before, in milliseconds. */
  #wait = 0
  #over = false
  #end: () => void = () => {}
  /** The process has ended, or `close` was called. */
  readonly ended = new Promise<void>((resolve) => (this.#end = resolve))

  constructor(options: SamplerOptions) {
    this.#options = options
    this.#pulse = setInterval(() => {
      if (!options.lives()) this.#finish(`process ${options.pid} has ended`)
    }, PULSE)
    this.#letGoLater()
  }

  /** One look, to see that there is something to see: fails with CliError where there is not. */
  async first(check: (threads: ReadonlyArray<ThreadDumps>) => void): Promise<void> {
    this.#viewed = await this.#options.open()
    check(await this.#viewed.look(this.#options.most))
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size
  }

  /** Calls `f` with all news, from what is there now on, until what it returns is called. */
  listen(f: (news: News) => void): () => void {
    clearTimeout(this.#rest)
    this.#listeners.add(f)
    if (this.#last !== undefined) f({ ...this.#last, text: this.#last.all() })
    if (!this.#over && this.#next === undefined) this.#lookIn(0)
    return () => {
      this.#listeners.delete(f)
      if (this.#listeners.size > 0) return
      clearTimeout(this.#next)
      this.#next = undefined
      this.#letGoLater()
    }
  }

  /** The process is left as it was found. Nobody is told anything more. */
  async close(): Promise<void> {
    this.#over = true
    clearInterval(this.#pulse)
    clearTimeout(this.#next)
    clearTimeout(this.#rest)
    this.#end()
    // A look that goes on fails by that.
    await this.#letGo()
    await this.#looking
  }

  #letGoLater(): void {
    clearTimeout(this.#rest)
    if (!this.#over) this.#rest = setTimeout(() => void this.#letGo(), REST)
  }

  async #letGo(): Promise<void> {
    const viewed = this.#viewed
    this.#viewed = undefined
    // What nobody has seen is not what there is when somebody comes.
    if (!this.#over) this.#last = this.#picture = undefined
    try {
      await viewed?.close()
    } catch {
      // It has ended.
    }
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#next)
    this.#next = setTimeout(() => {
      this.#looking ??= this.#look().finally(() => (this.#looking = undefined))
    }, ms)
  }

  async #look(): Promise<void> {
    const { every, most, open, pid } = this.#options
    let wait = every
    try {
      const viewed = this.#viewed ?? (await open())
      if (this.#over) return await viewed.close()
      this.#viewed = viewed
      const threads = await viewed.look(most)
      const wanted = Math.max(every, Math.round(costOf(threads) * (1 / SHARE - 1)))
      // The first looks are slower than those that follow.
      wait = this.#wait = Math.min(wanted, 2 * Math.max(every, this.#wait))
      const before = this.#picture
      const picture = new Picture(Date.now(), threads, most, before)
      this.#picture = picture
      const { by } = viewed
      this.#tell(before === undefined ? picture.all(pid, by, wait) : picture.since(before, wait), () =>
        picture.all(pid, by, wait)
      )
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      // A wait of its own: what does not answer is not asked all the time.
      wait = Math.max(2 * every, 1_000)
      await this.#failed(error)
    }
    if (this.#listeners.size === 0) this.#letGoLater()
    else if (!this.#over) this.#lookIn(wait)
  }

  async #failed(error: CliError): Promise<void> {
    if (this.#over) return
    const { lives, pid } = this.#options
    if (!lives()) return this.#finish(`process ${pid} has ended`)
    const viewed = this.#viewed
    this.#viewed = undefined
    await viewed?.close()
    const picture = this.#picture
    const trouble = { kind: "trouble", at: Date.now(), text: error.message } as const
    this.#tell(trouble, () => (picture === undefined ? trouble : picture.all(pid, "what was seen last", 0)))
  }

  #finish(text: string): void {
    if (this.#over) return
    this.#over = true
    clearInterval(this.#pulse)
    clearTimeout(this.#next)
    const ended = { kind: "ended", at: Date.now(), text } as const
    this.#tell(ended, () => ended)
    this.#end()
  }

  #tell(message: Message, all: () => Message): void {
    let whole: string | undefined
    this.#last = { text: JSON.stringify(message), all: () => (whole ??= JSON.stringify(all())) }
    for (const listener of [...this.#listeners]) listener(this.#last)
  }
}
