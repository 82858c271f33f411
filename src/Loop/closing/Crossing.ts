/**
 * What crossed the border with a beginning and an end: an iterator or a resource of one world that the other one uses.
 *
 * Legal states: open, closing (the loop has told it to end), ended (its life is done, and it is listed no more). The
 * list is in registration order. Closing the loop ends what nobody has ended, each in its own world, after the tasks
 * and fibers that may have used it.
 */
import type { Future } from "../kernel/Future.js"
import { Task } from "../kernel/Task.js"
import { originOf } from "./origin.js"
import { guardedRow } from "./row.js"
import { linked } from "../fiber/links.js"
import { tellIfSlow } from "../fiber/SlowJoin.js"
import type { Home, Leftover, OpenCrossing, Phase } from "../ports.js"

/** What an adapter registers. */
export interface CrossingOptions {
  readonly what: "iterator" | "resource"
  /** For reports. */
  readonly name: string
  /** The task or the Effect's Future in which it lives: from its beginning until it has ended. */
  readonly life: Future<unknown>
  /** Ends it in its own world, without waiting: `life` is done when that is. Called once at most. */
  readonly end: () => void
  /** Where it was opened. Default: where `life` was created. */
  readonly createdAt?: (() => string) | undefined
}

export class Crossing implements OpenCrossing {
  readonly what: "iterator" | "resource"
  readonly name: string
  readonly life: Future<unknown>
  readonly #loop: Home
  readonly #end: () => void
  readonly #createdAt: (() => string) | undefined
  readonly #startedAt: number
  readonly #listeners: Array<() => void> = []
  #closing = false
  #left = false

  /** Registers it, until its life is done. */
  constructor(loop: Home, { createdAt, end, life, name, what }: CrossingOptions) {
    this.what = what
    this.name = name
    this.life = life
    this.#loop = loop
    this.#end = end
    this.#createdAt = createdAt
    this.#startedAt = loop.time()
    loop._crossings.add(this)
    life._add({ resumes: false, run: () => this.#ended() })
  }

  describe(): Leftover {
    const task = this.life instanceof Task ? this.life : undefined
    return linked(
      {
        what: this.what,
        name: this.name,
        age: this.#loop.time() - this.#startedAt,
        state: this.#closing || this.#left ? "closing" : "open",
        waitingOn: task === undefined ? "its fiber" : task.waitingOn().join(", ") || "a foreign promise",
        createdAt: this.#createdAt?.() ?? (task === undefined ? "aio code of this loop" : originOf(task)),
        blamed: true
      },
      [this],
      [this.life]
    )
  }

  /** Its user ends it and is told how that went: then nobody else needs to be. */
  left(): void {
    this.#left = true
  }

  /** Nobody waits for its end any more, and its user has said so: it is listed no more. */
  givenUp(): void {
    this.#loop._crossings.delete(this)
    for (const f of this.#listeners.splice(0)) f()
  }

  /** The loop ends it; `then` is called when it has ended. */
  close(then: () => void): void {
    this.#listeners.push(then)
    if (this.#closing || this.#left) return
    this.#closing = true
    try {
      this.#end()
    } catch (exception) {
      this.#report(exception)
    }
  }

  #ended(): void {
    this.#loop._crossings.delete(this)
    const { life } = this
    const failed = life._peek() === "error" && !life._passedOn
    if (failed && this.#closing && !this.#left && !this.#loop.isClosed()) this.#report(life._error())
    for (const f of this.#listeners.splice(0)) f()
  }

  #report(exception: unknown): void {
    this.#loop.callExceptionHandler({
      kind: "late",
      message: `an error occurred while closing the ${this.what} ${this.name}`,
      exception,
      future: this.life
    })
  }
}

/** The tasks and Futures in which open crossings live: they are ended by their crossing, not with the tasks. */
export const lives = (loop: Home): Set<Future<unknown>> =>
  new Set([...loop._crossings].map((crossing) => crossing.life))

/** Ends crossings in the order of their registration, all at once; `then` is called when all have ended. */
const closeCrossings = (crossings: ReadonlyArray<OpenCrossing>, then: () => void): void => {
  let left = crossings.length
  if (left === 0) return then()
  for (const crossing of crossings) {
    crossing.close(() => {
      if (--left === 0) then()
    })
  }
}

/** All crossings of a loop, as a phase of its closing. */
export class Crossings implements Phase {
  readonly name = "crossings"
  constructor(private readonly loop: Home) {}

  quiet(): boolean {
    return this.#here().length === 0
  }

  close(then: () => void): void {
    closeCrossings(this.#here(), then)
  }

  /** What was given up after a grace has been reported, and is not waited for. */
  #here(): ReadonlyArray<OpenCrossing> {
    return [...this.loop._crossings].filter(({ life }) => !(life instanceof Task && life._graceIsOver))
  }

  held(): ReadonlyArray<Leftover> {
    return this.#here().map((crossing) => guardedRow(crossing.what, () => crossing.describe()))
  }

  /** None ends as long as somebody is left who may use it. */
  hurry(): void {}
}

/** `closeCrossings` for the iterators of a loop that goes on, with one report if that takes long. */
export const closeIterators = (loop: Home, then: () => void): void => {
  const iterators = [...loop._crossings].filter((crossing) => crossing.what === "iterator")
  const notSlow = tellIfSlow(loop, () => {
    const slow = iterators.filter((crossing) => loop._crossings.has(crossing))
    return {
      message:
        `shutdownAsyncIterators has waited ${loop._slowJoin}ms for ${slow.length} to end: ` +
        slow.map(({ name }) => name).join(", ")
    }
  })
  closeCrossings(iterators, () => {
    notSlow()
    then()
  })
}
