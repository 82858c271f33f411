/**
 * Tasks that make no progress: looked at now and then, so that a wait costs nothing for it. A task has moved where it has begun to
 * wait for something since the last look; what it does between two waits on foreign promises cannot be seen.
 */
import { tableOf } from "../../closing/table.js"
import { unmarked } from "../../host/AsyncContext.js"
import { LONGEST } from "../../host/NodeHost.js"
import { oneLine } from "../../kernel/describe.js"
import type { Task } from "../../kernel/Task.js"
import type { Home } from "../../ports.js"
import { circlesOf } from "../circles.js"
import type { DumpRow } from "../DumpRow.js"
import { rowsOf } from "../rows.js"

/** So many looks fall into the time after which a task is told of. */
const LOOKS = 4
/** How many tasks are looked at, the oldest: it is they that are stuck. */
const MOST_LOOKED_AT = 100_000
/** How many chains of waits are told, and how long each is at the most. */
const MOST_CHAINS = 10
const LONGEST_CHAIN = 20

/** One wait of a task, as far as looks can tell. */
interface Wait {
  /** For how many milliseconds it has lasted. */
  lasted: number
  told: boolean
}

const nameOf = ({ name, what }: DumpRow): string => `${what} ${oneLine(name)}`

export class SlowTasks {
  #waits = new Map<Task<unknown>, Wait>()
  #lookedAt: number

  constructor(
    private readonly loop: Home,
    /** Milliseconds. */
    readonly after: number
  ) {
    this.#lookedAt = loop.time()
  }

  /** The time between two looks, in milliseconds. */
  get every(): number {
    return this.after / LOOKS
  }

  /** Tells of those that have not moved for long enough, once for each wait. */
  look(): void {
    const { loop } = this
    const now = loop.time()
    // While the process was held up, nobody could move: that counts as one look.
    const passed = Math.min(now - this.#lookedAt, 2 * this.every)
    this.#lookedAt = now
    // A loop that is stopped moves nobody, and a closing tells of what it waits for itself.
    if (!loop.isRunning() || loop._closing.since !== undefined) return
    const waits = new Map<Task<unknown>, Wait>()
    const slow: Array<Task<unknown>> = []
    for (const task of loop._tasksNow(MOST_LOOKED_AT)) {
      const before = this.#waits.get(task)
      const moved = task._hasMoved() || before === undefined
      const wait = moved ? { lasted: 0, told: false } : before
      if (!moved) wait.lasted += passed
      waits.set(task, wait)
      if (wait.lasted >= this.after && !wait.told) slow.push(task)
    }
    this.#waits = waits
    if (slow.length > 0) this.#tell(slow)
  }

  #tell(found: ReadonlyArray<Task<unknown>>): void {
    const patient = this.#patient()
    const slow = found.filter((task) => !patient.has(task))
    if (slow.length === 0) return
    for (const task of slow) (this.#waits.get(task) as Wait).told = true
    const { loop } = this
    const { of, rows } = rowsOf(loop)
    const own = slow.flatMap((task) => of.get(task) ?? [])
    const many = slow.length === 1 ? "1 task has" : `${slow.length} tasks have`
    const lines = [
      `${many} made no progress for ${Math.round(this.after)}ms on ${loop.name}:`,
      tableOf(own),
      ...chainsFrom(own, rows),
      ...circlesAmong(own, rows)
    ]
    const [only] = slow
    loop.callExceptionHandler({
      kind: "slowTask",
      message: lines.join("\n"),
      ...(slow.length > 1 || only === undefined ? {} : { task: only })
    })
  }

  /** Whoever sleeps or may wait for as long as it likes, and whoever waits for one of these, or for one who does. */
  #patient(): ReadonlySet<unknown> {
    const waiters = new Map<unknown, Array<Task<unknown>>>()
    const patient = new Set<unknown>()
    for (const task of this.#waits.keys()) {
      if (task._patient) patient.add(task)
      for (const awaited of task._awaited()) {
        const others = waiters.get(awaited)
        if (others === undefined) waiters.set(awaited, [task])
        else others.push(task)
      }
    }
    for (const [timer] of this.loop._timersNow())
      if (timer._settles !== undefined) patient.add(timer._settles)
    // It grows while it is walked.
    for (const one of patient) for (const waiter of waiters.get(one) ?? []) patient.add(waiter)
    return patient
  }
}

/** What each of them waits for, to the end of that, where it is more than the table says. */
const chainsFrom = (own: ReadonlyArray<DumpRow>, rows: ReadonlyArray<DumpRow>): ReadonlyArray<string> => {
  const chains = new Set<string>()
  for (const row of own) {
    if (chains.size >= MOST_CHAINS) break
    const chain = new Set<DumpRow>()
    let at: DumpRow | undefined = row
    while (at !== undefined && !chain.has(at) && chain.size < LONGEST_CHAIN) {
      chain.add(at)
      const [next] = at.waitsFor as ReadonlyArray<number | undefined>
      at = next === undefined ? undefined : rows[next - 1]
    }
    if (chain.size > 2)
      chains.add(`it waits: ${[...chain].map(nameOf).join(" -> ")}${at === undefined ? "" : " -> ..."}`)
  }
  return [...chains]
}

const circlesAmong = (own: ReadonlyArray<DumpRow>, rows: ReadonlyArray<DumpRow>): ReadonlyArray<string> => {
  const ids = new Set(own.map(({ id }) => id))
  return circlesOf(rows)
    .filter((circle) => circle.some((id) => ids.has(id)))
    .map((circle) => {
      const names = [...circle, circle[0] as number].map((id) => nameOf(rows[id - 1] as DumpRow))
      return `they wait for each other, for ever: ${names.join(" -> ")}`
    })
}

/** Looks now and then, in real time, until what it returns is called. Neither a process nor whoever has them is kept by that. */
export const lookNowAndThen = (tasks: SlowTasks): (() => void) => {
  const ref = new WeakRef(tasks)
  const look = (): void => {
    const here = ref.deref()
    if (here === undefined) clearInterval(timer)
    else here.look()
  }
  const timer = unmarked(() => setInterval(look, Math.min(tasks.every, LONGEST)).unref())
  return () => clearInterval(timer)
}
