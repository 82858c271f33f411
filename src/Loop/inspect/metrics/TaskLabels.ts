/**
 * The labels under which tasks are counted by name. Names are the program's data, and a series that was begun is kept by the
 * registry for good: so there is a bound, and what comes past it is counted together.
 */
import { oneLine } from "../../kernel/describe.js"

/** The label of what has none of its own. */
export const OTHER = "(other)"

/** How long a label may be. */
const LONGEST = 80

export class TaskLabels {
  readonly #known = new Set<string>()

  constructor(
    private readonly most: number,
    private readonly of: (name: string) => string = (name) => name
  ) {}

  /** The label of a name: its own, while there is room for one or it has had it before. */
  label(name: string): string {
    const label = this.#labelOf(name)
    if (label === undefined || this.#known.has(label)) return label ?? OTHER
    if (this.#known.size >= this.most) return OTHER
    this.#known.add(label)
    return label
  }

  #labelOf(name: string): string | undefined {
    try {
      const label: unknown = this.of(name)
      return typeof label === "string" ? oneLine(label, LONGEST) : undefined
    } catch {
      return undefined
    }
  }
}
