/** `effect-aio top`: a process is looked at again and again, and keys say how. */
import { emitKeypressEvents } from "node:readline"
import { setTimeout as pause } from "node:timers/promises"
import { CliError } from "../CliError.js"
import { lives } from "../../Loop/inspect/lives.js"
import type { Viewed } from "../Viewed.js"
import { frameOf } from "./frame.js"
import { type Output, Screen } from "./Screen.js"
import { History, type Snapshot } from "./Snapshot.js"
import { chosenRow, initial, press, type Key } from "./TopState.js"

/** What ends the view, and leaves the terminal as it was. */
const endings = ["SIGTERM", "SIGHUP", "SIGINT"] as const

/** A look may cost the process one part in so many of its time. */
const SHARE = 20

export interface Input extends NodeJS.ReadableStream {
  readonly isTTY?: boolean
  setRawMode(raw: boolean): unknown
}

export interface TerminalOutput extends Output {
  readonly isTTY?: boolean
  /** Its size, where it knows one. */
  readonly columns?: number
  readonly rows?: number
  on(event: "resize", f: () => void): unknown
  off(event: "resize", f: () => void): unknown
}

/** Keys come from `input`, frames go to `output`. */
export interface Terminal {
  readonly input: Input
  readonly output: TerminalOutput
}

/** Throws CliError where that is no terminal. */
export const checkTerminal = ({ input, output }: Terminal): void => {
  if (input.isTTY !== true || output.isTTY !== true)
    throw new CliError("top needs a terminal; ps shows the same once")
}

interface Pressed {
  readonly name?: string
  readonly ctrl?: boolean
  readonly sequence?: string
}

const keyOf = (text: string | undefined, { ctrl = false, name = "" }: Pressed): Key => ({
  name,
  ctrl,
  text: text ?? ""
})

/** Whether the process ends within a second: it closes its loops before. */
const ends = async (pid: number): Promise<boolean> => {
  for (let i = 0; i < 50 && lives(pid); i++) await pause(20)
  return !lives(pid)
}

/** Looks every so many milliseconds, until a key or the process ends it; gives what is to be said then. */
export class Top {
  readonly #screen: Screen
  readonly #history = new History()
  #state = initial
  #snapshot: Snapshot
  #timer: NodeJS.Timeout | undefined
  #over = false
  #frame: ReturnType<typeof frameOf>

  private constructor(
    private readonly viewed: Viewed,
    private readonly every: number,
    private readonly most: number,
    private readonly terminal: Terminal,
    first: Awaited<ReturnType<Viewed["look"]>>
  ) {
    this.#screen = new Screen(terminal.output)
    this.#snapshot = this.#history.take(viewed.pid, first, performance.now())
    this.#frame = this.#made()
  }

  static async run(viewed: Viewed, every: number, most: number, terminal: Terminal): Promise<string> {
    const top = new Top(viewed, every, most, terminal, await viewed.look(most))
    return await top.#run()
  }

  #made(): ReturnType<typeof frameOf> {
    const { columns, rows } = this.terminal.output
    const title = `effect-aio top   pid ${this.viewed.pid} by ${this.viewed.by}`
    return frameOf(title, this.#snapshot, this.#state, [columns || 80, rows || 24])
  }

  readonly #draw = (): void => {
    this.#frame = this.#made()
    this.#screen.draw(this.#frame.lines)
  }

  #run(): Promise<string> {
    const { input, output } = this.terminal
    let off = (): void => {}
    return new Promise<string>((resolve, reject) => {
      const ended = (): void => resolve("")
      const again = (delay: number): void => {
        if (this.#over) return
        this.#timer = setTimeout(() => {
          this.#look().then(again, async (error: unknown) => {
            if (await ends(this.viewed.pid)) resolve(`process ${this.viewed.pid} has ended`)
            else reject(error)
          })
        }, delay)
      }
      const pressed = (text: string | undefined, key: Pressed): void => {
        const [state, wish] = press(this.#state, keyOf(text, key), this.#frame.rows, this.#frame.page)
        this.#state = state
        if (wish === "quit") return resolve("")
        if (wish === "suspend") return this.#suspend()
        if (wish === "cancel") void this.#cancel()
        this.#draw()
      }
      emitKeypressEvents(input)
      input.on("keypress", pressed).on("end", ended)
      output.on("resize", this.#draw)
      for (const signal of endings) process.on(signal, ended)
      off = () => {
        input.off("keypress", pressed).off("end", ended)
        output.off("resize", this.#draw)
        for (const signal of endings) process.off(signal, ended)
      }
      this.#enter()
      again(this.every)
    }).finally(() => {
      this.#over = true
      clearTimeout(this.#timer)
      off()
      input.pause()
      this.#leave()
    })
  }

  #enter(): void {
    this.terminal.input.setRawMode(true)
    this.terminal.input.resume()
    this.#screen.enter()
    this.#draw()
  }

  #leave(): void {
    this.#screen.leave()
    this.terminal.input.setRawMode(false)
  }

  /** As a shell's job: the other process is not looked at meanwhile. */
  #suspend(): void {
    this.#leave()
    process.once("SIGCONT", () => this.#enter())
    process.kill(process.pid, "SIGTSTP")
  }

  /** Gives after how many milliseconds it is to be looked at again. */
  async #look(): Promise<number> {
    if (this.#state.paused) return this.every
    const began = performance.now()
    const threads = await this.viewed.look(this.most)
    const now = performance.now()
    this.#snapshot = this.#history.take(this.viewed.pid, threads, now)
    this.#draw()
    return Math.max(this.every, SHARE * (now - began))
  }

  async #cancel(): Promise<void> {
    const row = chosenRow(this.#state, this.#frame.rows)
    if (row?.key === undefined) return
    const message = await this.viewed
      .cancel(row.thread, row.key)
      .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    this.#state = { ...this.#state, message }
    this.#draw()
  }
}
