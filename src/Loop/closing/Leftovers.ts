/**
 * What had not settled when a deadline passed, as a table for people: who is to blame for a slow shutdown.
 *
 * Names and texts are the program's, and a table that cannot be built would leave a closing without its end: rows are
 * guarded, each is one line of bounded length, and there is a bounded number of them.
 */
import { type RunningFiber, spanName } from "../../effect.js"
import { linked } from "../fiber/links.js"
import { phasesOf } from "./phases.js"
import { guardedRow } from "./row.js"
import { tableOf } from "./table.js"
import type { Described, Home, Leftover, Phase } from "../ports.js"

/** The Effect around which a loop was opened, from the moment it was told to stop until it has. */
export class StoppingBody implements Described {
  constructor(
    private readonly loop: Home,
    private readonly fiber: RunningFiber<unknown, unknown>,
    private readonly startedAt: number
  ) {}

  describe(): Leftover {
    const span = spanName(this.fiber)
    return linked(
      {
        what: "effect",
        name: span === undefined ? `body of ${this.loop.name}` : `body of ${this.loop.name}, in span ${span}`,
        age: this.loop.time() - this.startedAt,
        state: "interrupting",
        waitingOn: this.#waitingOn(),
        createdAt: "Loop.scoped or Loop.run",
        blamed: true
      },
      [this.fiber]
    )
  }

  #waitingOn(): string {
    const names = [...this.loop._closing.named].map(({ name }) => name)
    return names.length === 0 ? "a finalizer, or uninterruptible code" : names.join(", ")
  }
}

/** What one phase holds: its own rows are guarded, and so is the asking. */
const heldBy = (phase: Phase, most: number): ReadonlyArray<Leftover> => {
  try {
    return phase.held(most)
  } catch {
    return [
      guardedRow("unknown", () => {
        throw new Error("what is there cannot be told")
      })
    ]
  }
}

/** Everything of the loop that has not settled; of its tasks and effects so many at most. */
export const leftoversOf = (loop: Home, most = Infinity): ReadonlyArray<Leftover> => {
  const { body, named } = loop._closing
  return [
    ...(body === undefined ? [] : [guardedRow("effect", () => body.describe())]),
    ...[...named].map((one) => guardedRow("effect", () => one.describe())),
    ...phasesOf(loop).flatMap((phase) => heldBy(phase, most))
  ]
}

/** How many of them have to stop: what closing only drops is listed beside them. */
export const blamedIn = (leftovers: ReadonlyArray<Leftover>): number =>
  leftovers.filter(({ blamed }) => blamed).length

/** Reports everything that has not settled, once, as one report, and gives it. Silent if there is nothing. */
export const reportLeftovers = (loop: Home, when: string): ReadonlyArray<Leftover> => {
  const leftovers = leftoversOf(loop)
  const blamed = blamedIn(leftovers)
  if (blamed === 0) return []
  loop._tally?.leftOver(blamed)
  loop.callExceptionHandler({
    kind: "leftover",
    message: `${blamed} left over on ${loop.name} ${when}:\n${tableOf(leftovers)}`
  })
  return leftovers
}
