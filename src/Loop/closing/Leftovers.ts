/** What had not settled when a deadline passed, as a table for people: who is to blame for a slow shutdown. */
import { type RunningFiber, spanName } from "../../effect.js"
import { phasesOf } from "./phases.js"
import type { Described, Home, Leftover } from "../ports.js"

/** The Effect around which a loop was opened, from the moment it was told to stop until it has. */
export class StoppingBody implements Described {
  constructor(
    private readonly loop: Home,
    private readonly fiber: RunningFiber<unknown, unknown>,
    private readonly startedAt: number
  ) {}

  describe(): Leftover {
    const span = spanName(this.fiber)
    return {
      what: "effect",
      name: span === undefined ? `body of ${this.loop.name}` : `body of ${this.loop.name}, in span ${span}`,
      age: this.loop.time() - this.startedAt,
      state: "interrupting",
      waitingOn: "a finalizer, or uninterruptible code",
      createdAt: "Loop.scoped or Loop.run",
      blamed: true
    }
  }
}

/** Everything of the loop that has not settled. */
export const leftoversOf = (loop: Home): ReadonlyArray<Leftover> => {
  const { body } = loop._closing
  return [
    ...(body === undefined ? [] : [body.describe()]),
    ...phasesOf(loop).flatMap((phase) => phase.held())
  ]
}

/** How many of them have to stop: what closing only drops is listed beside them. */
export const blamedIn = (leftovers: ReadonlyArray<Leftover>): number =>
  leftovers.filter(({ blamed }) => blamed).length

const columns = ["what", "name", "age", "state", "waiting on", "created at"] as const

/** The table, a line each, columns aligned. */
export const tableOf = (leftovers: ReadonlyArray<Leftover>): string => {
  const rows = [
    [...columns],
    ...leftovers.map((l) => [l.what, l.name, `${Math.round(l.age)}ms`, l.state, l.waitingOn, l.createdAt])
  ]
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => (row[i] as string).length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] as number))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** Reports everything that has not settled, once, as one report. Silent if there is nothing. */
export const reportLeftovers = (loop: Home, when: string): void => {
  const leftovers = leftoversOf(loop)
  const blamed = blamedIn(leftovers)
  if (blamed === 0) return
  loop.callExceptionHandler({
    kind: "leftover",
    message: `${blamed} left over on ${loop.name} ${when}:\n${tableOf(leftovers)}`
  })
}
