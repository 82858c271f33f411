/** What a run did, line by line, for people; and to see whether two runs did the same. */

const timeOf = (time: number): string => `${Number(time.toFixed(3))}ms`

export class Steps {
  readonly #lines: Array<string> = []

  constructor(
    /** Whether anybody reads them. */
    readonly wanted: boolean
  ) {}

  get lines(): ReadonlyArray<string> {
    return this.#lines
  }

  /** Something ran; `before` is what it has overtaken. */
  add(time: number, text: string, before: ReadonlyArray<string>): void {
    if (!this.wanted) return
    const overtaken = [...new Set(before)].join(", ")
    this.#push(before.length > 0, time, before.length > 0 ? `${text}, before ${overtaken}` : text)
  }

  /** Something that is not in the plain order. */
  change(time: number, text: string): void {
    if (this.wanted) this.#push(true, time, text)
  }

  #push(changed: boolean, time: number, text: string): void {
    const number = String(this.#lines.length + 1).padStart(3)
    this.#lines.push(`${changed ? "*" : " "} ${number}  ${timeOf(time).padEnd(9)} ${text}`)
  }
}
