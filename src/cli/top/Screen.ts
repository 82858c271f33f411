/** A terminal's second screen, which leaves the first as it was. Legal states: entered, left. */
import type { Line } from "./frame.js"

/** What is written to: a terminal, or what stands for one. */
export interface Output {
  readonly writableNeedDrain: boolean
  write(text: string): boolean
}

const ESC = "\u001b["
const enter = `${ESC}?1049h${ESC}?25l${ESC}?7l`
const leave = `${ESC}?7h${ESC}?25h${ESC}?1049l`
/** A terminal that knows these shows a frame when all of it is there. */
const begin = `${ESC}?2026h${ESC}H`
const end = `${ESC}J${ESC}?2026l`

const styles: Readonly<Record<Line["style"], string>> = {
  plain: "",
  bold: `${ESC}1m`,
  chosen: `${ESC}7m`,
  warning: `${ESC}1;31m`
}

const textOf = ({ cells, style }: Line): string =>
  `${styles[style]}${cells.map(({ at, text }) => `${ESC}${at}G${ESC}K${text}`).join("")}${ESC}K${ESC}0m`

export class Screen {
  #entered = false

  constructor(private readonly output: Output) {}

  enter(): void {
    if (this.#entered) return
    this.#entered = true
    this.output.write(enter)
  }

  leave(): void {
    if (!this.#entered) return
    this.#entered = false
    this.output.write(leave)
  }

  /** Each cell at its place, whatever those before it are as wide as. One that is slower than the frames gets fewer of them. */
  draw(lines: ReadonlyArray<Line>): void {
    if (!this.#entered || this.output.writableNeedDrain) return
    this.output.write(`${begin}${lines.map(textOf).join("\r\n")}${end}`)
  }
}
