/** Who a row of a report tells of, and whom that waits for, as objects: by these the rows of a dump find each other. */
import type { Leftover } from "../ports.js"

/** What is beside the words of a row. */
export interface Links {
  /** Whoever waits for one of these waits for the row. */
  readonly of: ReadonlyArray<object>
  /** What it waits for. */
  readonly awaits: ReadonlyArray<object>
}

const none: Links = { of: [], awaits: [] }

/** A row as any other, to whoever prints it: of the objects nothing is seen. */
class LinkedRow implements Leftover {
  readonly what: string
  readonly name: string
  readonly age: number
  readonly state: string
  readonly waitingOn: string
  readonly createdAt: string
  readonly blamed: boolean
  readonly #links: Links

  constructor({ age, blamed, createdAt, name, state, waitingOn, what }: Leftover, links: Links) {
    this.what = what
    this.name = name
    this.age = age
    this.state = state
    this.waitingOn = waitingOn
    this.createdAt = createdAt
    this.blamed = blamed
    this.#links = links
  }

  static links(row: Leftover): Links {
    return row instanceof LinkedRow ? row.#links : none
  }
}

/** `row`, which tells of these objects, and waits for those. */
export const linked = (row: Leftover, of: ReadonlyArray<object>, awaits = none.awaits): Leftover =>
  new LinkedRow(row, { of, awaits })

/** What `linked` was given. */
export const linksOf: (row: Leftover) => Links = LinkedRow.links

/** The same row, to blame for nothing. */
export const blameless = (row: Leftover): Leftover => new LinkedRow({ ...row, blamed: false }, linksOf(row))
