/** What had not settled when a deadline passed, as a table for people: who is to blame for a slow shutdown. */
import { type RunningFiber, spanName } from "../../effect.js"
import { capabilitiesOf } from "./Capability.js"
import { type Crossing, lives } from "./Crossing.js"
import type { EffectLoop } from "../EffectLoop.js"
import { functionName } from "../kernel/describe.js"
import type { RunningEffect } from "../fiber/Fibers.js"
import { Task } from "../kernel/Task.js"

/** What closing only drops: it is listed beside what has not stopped, and is never to blame itself. */
const passive = ["reader", "writer", "signal", "handle"] as const
type Passive = (typeof passive)[number]

/**
 * One thing that has not stopped, or that is still watched.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leftover {
  readonly what: "task" | "effect" | "iterator" | "resource" | "job" | "process" | Passive
  readonly name: string
  /** Milliseconds since it was created. */
  readonly age: number
  readonly state: string
  readonly waitingOn: string
  readonly createdAt: string
}

/** This library's own folder, as stack frames show it. */
const own = new URL("../../", import.meta.url).pathname

/** The innermost frame of the program: not of this library, not of Effect's run loop, not of Node. */
const programFrame = (stack: string | undefined): string | undefined =>
  stack
    ?.split("\n")
    .find((frame) => !/node_modules\/effect\/|\(?node:/.test(frame) && !frame.includes(own))
    ?.trim()
    .replace(/^at /, "")

/**
 * Where a task was created, as far as it is known. A fiber that starts one leaves no frame of the program: then, and
 * without debug mode, the function that it runs stands in.
 */
export const originOf = (task: Task<unknown>): string => {
  const body = functionName(task.getCoro())
  if (task.sourceTraceback === undefined) return `${body} (open the loop with debug: true to see where)`
  return programFrame(task.sourceTraceback) ?? `${body}, started by a fiber`
}

const ofTask = (task: Task<unknown>): Leftover => ({
  what: "task",
  name: task.getName(),
  age: task.age(),
  state: task._stateWord(),
  waitingOn: task.waitingOn().join(", ") || "a foreign promise",
  createdAt: originOf(task)
})

const ofEffect = (effect: RunningEffect): Leftover => ({
  what: "effect",
  name: effect.name,
  age: effect.age(),
  state: "running",
  waitingOn: "its fiber",
  createdAt: "aio code of this loop"
})

const ofCrossing = (crossing: Crossing): Leftover => ({
  what: crossing.what,
  name: crossing.name,
  age: crossing.age(),
  state: crossing.state(),
  waitingOn: crossing.waitingOn(),
  createdAt: crossing.life instanceof Task ? originOf(crossing.life) : "aio code of this loop"
})

/** The Effect around which a loop was opened, from the moment it was told to stop until it has. */
export class StoppingBody {
  constructor(
    private readonly loop: EffectLoop,
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
      createdAt: "Loop.scoped or Loop.run"
    }
  }
}

/** Everything of the loop that has not settled. */
export const leftoversOf = (loop: EffectLoop): ReadonlyArray<Leftover> => {
  const listed = lives(loop)
  return [
    ...(loop._body === undefined ? [] : [loop._body.describe()]),
    ...[...loop.allTasks()].filter((task) => !listed.has(task)).map(ofTask),
    ...[...loop._effects].filter(({ future }) => future === undefined || !listed.has(future)).map(ofEffect),
    ...[...loop._crossings].map(ofCrossing),
    ...capabilitiesOf(loop).flatMap((capability) => capability.held())
  ]
}

/** How many of them have not stopped: what is only watched never has to. */
export const blamedIn = (leftovers: ReadonlyArray<Leftover>): number =>
  leftovers.filter(({ what }) => !passive.some((word) => word === what)).length

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
export const reportLeftovers = (loop: EffectLoop, when: string): void => {
  const leftovers = leftoversOf(loop)
  const blamed = blamedIn(leftovers)
  if (blamed === 0) return
  loop.callExceptionHandler({
    kind: "leftover",
    message: `${blamed} left over on ${loop.name} ${when}:\n${tableOf(leftovers)}`
  })
}
