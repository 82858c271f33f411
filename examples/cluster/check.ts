// What the engine promises, against what the ledger says. Nobody is believed: a message that is lost, served twice without need,
// or answered by a run that nobody knows is a complaint.
import type { Ledger, Run } from "./ledger.js"

/** What was done to the cluster, in milliseconds since 1970. */
export interface Events {
  /** Runners that were ended by SIGKILL, and when. */
  readonly killed: Readonly<Record<string, number>>
  /** Runners that were told to stop by SIGTERM, and when they had ended. */
  readonly stopped: Readonly<Record<string, number>>
  /** When the database was away. */
  readonly outages: ReadonlyArray<Time>
  /**
   * When a runner was not sure of its shards: it has not heard of the database in time, says so, and lets go of all it does.
   * Nothing of the kind happens on a machine that has time for it.
   */
  readonly unsure: Readonly<Record<string, ReadonlyArray<Time>>>
}

export type Time = readonly [from: number, to: number]

/**
 * May the message of this run be served again? Only where its runner was killed, or was without the storage, before anybody
 * was answered.
 */
const excused = ({ began, runner }: Run, answered: number, { killed, outages, unsure }: Events): boolean => {
  const at = killed[runner]
  if (at !== undefined && began <= at && at <= answered) return true
  return [...outages, ...(unsure[runner] ?? [])].some(([from, to]) => began <= to && from <= answered)
}

const grouped = <T>(items: ReadonlyArray<T>, key: (item: T) => string): Map<string, Array<T>> => {
  const groups = new Map<string, Array<T>>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}

export interface Verdict {
  readonly complaints: ReadonlyArray<string>
  /** Messages that were served more than once, as the engine allows. */
  readonly again: number
  /** Questions that had the answer of another one, by their key. */
  readonly deduplicated: number
  /** Quotes that were interrupted because a runner was without the storage. */
  readonly refused: number
}

export const check = ({ asked, paid, runs, stored }: Ledger, events: Events): Verdict => {
  const { killed, stopped } = events
  const interruptions = [...events.outages, ...Object.values(events.unsure).flat()]
  const complaints: Array<string> = []
  const complain = (message: string, what: string): void => void complaints.push(`${message}: ${what}`)
  const runsOf = grouped(runs, (run) => run.message)
  const questionsOf = grouped(asked, (one) => one.message)
  let again = 0
  let deduplicated = 0
  let refused = 0

  for (const [message, questions] of questionsOf) {
    const mine = runsOf.get(message) ?? []
    for (const { answered, asked, attempt, failure, kind, run } of questions) {
      if (answered === null || run === null) {
        // What is not stored is interrupted where its runner is not sure of its shards any more.
        const away =
          kind === "Quote" && interruptions.some(([from, to]) => from <= (answered ?? to) && asked <= to)
        if (away) refused++
        else complain(message, `attempt ${attempt} has no answer: ${failure ?? "lost"}`)
      } else if (!mine.some((one) => one.run === run))
        complain(message, `answered by a run that is not in the ledger`)
    }
    if (questions[0]?.kind !== "Pay") continue
    if (questions.length > 1) deduplicated += questions.length - 1
    if (new Set(questions.map((one) => one.run)).size > 1) complain(message, "two different answers")
    const made = paid.filter((one) => one.message === message)
    if (made.length !== 1) complain(message, `paid ${made.length} times`)
    else if (questions.some((one) => one.run !== made[0]?.run))
      complain(message, "not answered by the run that has paid")
    const replies = stored.filter((one) => one.message === message).map((one) => one.replies)
    if (replies.length !== 1) complain(message, `stored ${replies.length} times`)
    else if (replies[0] !== 1) complain(message, `${replies[0]} answers are stored`)
  }

  for (const [message, mine] of runsOf) {
    if (mine.length > 1) again++
    const questions = questionsOf.get(message) ?? []
    if (questions.length === 0) complain(message, "nobody has asked")
    // By a run: what was refused has not been answered.
    const answered = Math.min(
      ...questions.map((one) => (one.run === null ? Infinity : (one.answered ?? Infinity)))
    )
    for (const [n, run] of mine.entries()) {
      const last = n === mine.length - 1
      // A quote that was interrupted has been refused, above; nobody asks for it any more.
      const left = run.kind === "Quote" && excused(run, answered, events)
      if (last && run.ended === null && !left) complain(message, `cut at ${run.runner}, and not served again`)
      if (!last && !excused(run, answered, events))
        complain(message, `served again after ${run.runner}, without need`)
      const gone = killed[run.runner] ?? stopped[run.runner]
      if (gone !== undefined && run.began > gone) complain(message, `served by ${run.runner} after its end`)
    }
  }
  return { complaints, again, deduplicated, refused }
}
