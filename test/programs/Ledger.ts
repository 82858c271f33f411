/** What became of everything that one random program has opened and thrown. */
import { Cause, Exit } from "effect"
import { AioError, causeOf, type Report } from "../../src/index.js"

/** An error of the program, by its number. */
export class Accident extends Error {
  constructor(
    readonly id: number,
    readonly where: string
  ) {
    super(`accident ${id}: ${where}`)
  }
}

interface Resource {
  readonly id: number
  begun: number
  ended: number
}

/** The accidents inside of a thrown value, each once: behind wrappers, in groups, in the Cause that is attached to it. */
export const accidentsIn = (
  thrown: unknown,
  found = new Set<Accident>(),
  seen = new Set<unknown>()
): Set<Accident> => {
  if (typeof thrown !== "object" || thrown === null || seen.has(thrown)) return found
  seen.add(thrown)
  if (thrown instanceof Accident) found.add(thrown)
  // What a crash is about was reported when it happened, and their causes are that crash.
  if (thrown instanceof AggregateError) for (const one of thrown.errors) accidentsIn(one, found, seen)
  if (thrown instanceof AioError) accidentsIn(thrown.cause, found, seen)
  const cause = causeOf(thrown)
  if (cause !== undefined) {
    for (const one of [...Cause.failures(cause), ...Cause.defects(cause)]) accidentsIn(one, found, seen)
  }
  return found
}

export class Ledger {
  readonly resources: Array<Resource> = []
  readonly thrown: Array<Accident> = []
  /** How often the program's own code was at work. */
  steps = 0
  readonly #reports = new Map<Accident, Array<string>>()
  readonly #exits = new Map<Accident, number>()
  /** Where each error was seen last, and whether Effect may drop it there: see `crossed`. */
  readonly #whereabouts = new Map<Accident, "aio" | "dropped by Effect">()
  /** How often each error has crossed the border. */
  readonly #layers = new Map<Accident, number>()
  /** What coroutines carry that wait in their cleanup: one that is given up there tells nobody. */
  readonly held = new Set<Accident>()
  /** What the process was told of. */
  readonly accidents: Array<string> = []
  /** What happened, in order, for whoever reads a failure. */
  readonly log: Array<string> = []

  /** An error of the program, thrown by the caller at once. */
  accident(where: string): Accident {
    const accident = new Accident(this.thrown.length, where)
    this.thrown.push(accident)
    this.log.push(`threw ${accident.message}`)
    return accident
  }

  /** A resource has arrived. */
  opened(): Resource {
    const resource = { id: this.resources.length, begun: 0, ended: 0 }
    this.resources.push(resource)
    this.log.push(`opened ${resource.id}`)
    return resource
  }

  reported(loop: string, report: Report): void {
    const about = `${report.kind ?? "without kind"} of ${loop}: ${report.message}`
    this.log.push(`report ${about}`)
    const found = [...accidentsIn(report.exception)]
    // What comes along with something new is not told again.
    const news = found.filter((accident) => !this.#reports.has(accident))
    for (const accident of news.length === 0 ? found : news) {
      this.#reports.set(accident, [...(this.#reports.get(accident) ?? []), about])
    }
  }

  /** The end of something that the program looks at. */
  exited(what: string, exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isSuccess(exit)) return void this.log.push(`${what} succeeded`)
    const found = new Set<Accident>()
    for (const one of [...Cause.failures(exit.cause), ...Cause.defects(exit.cause)]) accidentsIn(one, found)
    this.log.push(
      `${what} failed: ${Cause.pretty(exit.cause).split("\n")[0]} with ${[...found].map(({ id }) => id).join()}`
    )
    for (const accident of found) this.#exits.set(accident, (this.#exits.get(accident) ?? 0) + 1)
  }

  /**
   * An error has come into Effect, or left it for aio code. Effect drops typed failures of a fiber that is interrupted at the
   * same time, and the Causes of those who lose in `timeout` and `all`; what happens to them there is not the library's.
   */
  crossed(to: "effect" | "aio" | "loser", exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isSuccess(exit)) return
    const move = (thrown: unknown, typed: boolean): void => {
      for (const accident of accidentsIn(thrown)) {
        this.#layers.set(accident, (this.#layers.get(accident) ?? 0) + 1)
        if (to === "aio" || (to === "effect" && !typed)) this.#whereabouts.set(accident, "aio")
        else this.#whereabouts.set(accident, "dropped by Effect")
      }
    }
    for (const one of Cause.failures(exit.cause)) move(one, true)
    for (const one of Cause.defects(exit.cause)) move(one, false)
  }

  caught(what: string, thrown: unknown): void {
    this.exited(what, Exit.die(thrown))
  }

  /** What is wrong, by the rules. */
  problems(): ReadonlyArray<string> {
    const problems = [...this.accidents]
    for (const { begun, ended, id } of this.resources) {
      if (begun !== 1) problems.push(`J7 resource ${id} was closed ${begun} times`)
      else if (ended !== 1) problems.push(`J7 the close of resource ${id} was not waited for`)
    }
    for (const accident of this.thrown) {
      const reports = this.#reports.get(accident) ?? []
      const exits = this.#exits.get(accident) ?? 0
      const excused = this.held.has(accident) || this.#whereabouts.get(accident) === "dropped by Effect"
      if (reports.length + exits === 0 && !excused) problems.push(`J4 ${accident.message} was lost`)
      // How a Stream ended that was left, or a close, is told of at once, and goes on in a fiber that nobody has interrupted: as what crashes
      // the loop, or as the failure of something that is cancelled itself.
      const layers = this.#layers.get(accident) ?? 0
      const late = reports.filter((report) => report.startsWith("late")).length
      const others = reports.length - late
      const goesOn = reports.some((report) =>
        /failed (while it was closed|as its fiber was being stopped)$/.test(report)
      )
      const twice = late > (goesOn ? 2 : 1) || others > 1 || (late > 0 && others > 0 && layers === 0)
      if (twice)
        problems.push(`J4 ${accident.message} was reported ${reports.length} times: ${reports.join(" | ")}`)
      // A failure after the cancel is in the Cause, which operators of Effect may drop, and reported as late.
      if (exits > 0 && reports.some((report) => !report.startsWith("late"))) {
        problems.push(`J4 ${accident.message} is in the Exit, and was reported: ${reports.join(" | ")}`)
      }
    }
    return problems
  }
}
