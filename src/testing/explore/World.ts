/**
 * Everything that a run of an explored program waits for: its turn, time, and what comes from outside. One event happens at a
 * time, each after the promise code that the one before has set off is done; which one is a choice.
 *
 *     asked for         by                                    plain order
 *     turn              the loop, for its next callbacks;     in the order in which they were asked for
 *                       Effect, for a fiber
 *     sleep             a fiber, of the clock                 when nobody wants a turn; the earliest first
 *     answer            a job, `TestLoop.answer`              after those
 *     time              the loop's timers, sleeps             when nothing else is there: the clock moves on to the next
 *
 * Time is a number, and moves at choice. While a callback runs it may move a moment, which is how timers that would be due
 * together come apart, as they do on a real clock.
 */
import { type Control, restoresAsyncContext } from "../../effect.js"
import { copyContext } from "../../Loop/host/AsyncContext.js"
import type { EventLoop } from "../../Loop/EventLoop.js"
import { Executor } from "../../Loop/executor/Executor.js"
import type { Job } from "../../Loop/executor/Job.js"
import type { Context } from "../../Loop/kernel/Context.js"
import type { Choices } from "./Choices.js"
import { StuckError } from "./errors.js"
import type { ExploreSettings } from "./options.js"
import type { Outside } from "./Outside.js"
import type { Steps } from "./Steps.js"

/** How long a callback may take without anybody noticing, in milliseconds: a number that binary fractions have. */
const MOMENT = 1 / 1024

/** How many steps a run that was given up has to end by itself. */
const LAST_STEPS = 1_000

/** What can happen. */
interface Event {
  readonly source: object
  readonly text: string
  readonly run: () => void
  readonly context: Context | undefined
  /** When it is due: sleeps. */
  readonly when: number
}

/** What a cancel may strike. */
export interface Target {
  readonly text: string
  strike(): void
}

/** How a run that does not end is ended. */
export interface Ends {
  /** Everything on the loop is settled, and the program is told to end. */
  giveUp(error: StuckError): void
  /** It has not ended even so. */
  abandon(): void
}

/** Whatever fiber wants its turn, Effect has one order for all of them. */
const fibers = {}

const resolved = Promise.resolve()

export class World implements Control {
  readonly #turns: Array<Event> = []
  /** By when they are due, equal ones in the order in which they were asked for. */
  readonly #sleeps: Array<Event> = []
  /** Their sources are the jobs, or what else has answered. */
  readonly #arrivals: Array<Event> = []
  readonly #clock: Event = eventOf(this, "the clock moves on", () => this.#moveOn(), undefined)
  readonly #calm: Event = eventOf(this, "all is quiet", () => this.#tellQuiet(), undefined)
  #onQuiet: Array<() => void> = []
  /** In the order in which they were given. */
  readonly #jobs: Array<Job> = []
  /** Those that have had one of these. */
  readonly #executors = new Set<Executor>()
  #armed: { readonly when: number; readonly fire: () => void } | undefined
  #time = 0
  /** To when the clock has moved when nothing else was there. */
  #restedAt = 0
  #steps = 0
  #last: number
  #asked = false
  /** For what is outside: what reads the clock then is not the program. Pools of threads do, where their code is called by it. */
  #waits = false
  /** Nothing outside is on its way: seen since the last event. */
  #hasLookedOut = false
  #ended = false
  /** Choices are made: neither before the loop is there, nor while somebody only looks. */
  #chooses = true
  #strikesLeft: number
  #struck = 0
  /** The async-local state in which the exploration was begun: what happens by itself happens in that. */
  readonly #home = copyContext()
  loop: EventLoop | undefined
  /** What may be struck, while the program runs. */
  targets: (() => ReadonlyArray<Target>) | undefined

  constructor(
    private readonly choices: Choices,
    private readonly settings: ExploreSettings,
    private readonly steps: Steps,
    private readonly outside: Outside,
    private readonly ends: Ends
  ) {
    this.#last = settings.maxSteps
    this.#strikesLeft = settings.cancels
  }

  /** How many cancels have struck. */
  get struck(): number {
    return this.#struck
  }

  // ---- what is asked for ----

  /** The time that code reads. */
  now(): number {
    if (this.#chooses && !this.#waits && this.choices.choose("moment", 2) === 1) {
      this.#time += MOMENT
      this.steps.change(this.#time, "a moment passes")
    }
    return this.#time
  }

  after(delay: number, f: () => void): () => void {
    const when = this.now() + Math.max(0, delay)
    const sleep = eventOf({}, "a sleep is over", f, contextOfFiber(), when)
    const at = this.#sleeps.findIndex((other) => other.when > when)
    this.#sleeps.splice(at === -1 ? this.#sleeps.length : at, 0, sleep)
    this.#ask()
    return () => take(sleep, this.#sleeps)
  }

  /** A fiber wants its turn. */
  turn(run: () => void): void {
    this.#turns.push(eventOf(fibers, "a fiber goes on", run, contextOfFiber()))
    this.#ask()
  }

  /** The loop wants its turn. What runs in it has its own async-local state. */
  turnOfLoop(run: () => void): void {
    this.#turns.push(eventOf(this, "the loop", run, undefined))
    this.#ask()
  }

  arm(when: number, fire: () => void): void {
    this.#armed = { when, fire }
    this.#ask()
  }

  disarm(): void {
    this.#armed = undefined
  }

  /** A thread is to do something for the loop. */
  gives(job: Job): void {
    this.#jobs.push(job)
    if (job.owner instanceof Executor) this.#executors.add(job.owner)
  }

  /** Something has come from outside: `run` delivers it. */
  arrives(job: object, run: () => void, text: string): void {
    this.#arrivals.push(eventOf(job, text, run, undefined))
    this.#ask()
  }

  /** Calls `f` when nothing happens any more before time moves on. */
  quiet(f: () => void): void {
    this.#onQuiet.push(f)
    this.#ask()
  }

  /** Looks at the loop without making choices. */
  looking<A>(f: () => A): A {
    const before = this.#chooses
    this.#chooses = false
    try {
      return f()
    } finally {
      this.#chooses = before
    }
  }

  /** Something runs on the loop now; `undefined` is not worth a line. */
  runs(text: string | undefined, before: ReadonlyArray<string>): void {
    this.#steps++
    if (text !== undefined) this.steps.add(this.#time, text, before)
  }

  get tells(): boolean {
    return this.steps.wanted
  }

  /** The run has some steps left to end by itself, in the plain order. */
  letGo(): void {
    this.#chooses = false
    this.#last = this.#steps + LAST_STEPS
    this.#ask()
  }

  /** The run is over: nothing happens any more. */
  end(): void {
    this.#ended = true
    this.#chooses = false
    this.outside.rest()
  }

  // ---- what happens ----

  /** The next event, once all promise code is done that is on its way. */
  #ask(): void {
    if (this.#asked || this.#ended) return
    this.#asked = true
    this.outside.rest()
    void resolved.then(() => process.nextTick(this.#nextInHome))
  }

  readonly #nextInHome = (): void => this.#home.run(this.#next)

  readonly #next = (): void => {
    this.#asked = false
    if (this.#ended) return
    this.#waits = this.#awaitsJobs()
    if (this.#waits) {
      return this.outside.wait(this.settings.timeout, () =>
        this.#giveUp(
          `a job has not answered within ${this.settings.timeout}ms, and nothing else happens before it does`
        )
      )
    }
    if (++this.#steps > this.#last)
      return this.#giveUp(`it has not ended after ${this.settings.maxSteps} steps`)
    if (this.#strikesLeft > 0 && this.targets !== undefined && this.#chooses) this.#mayStrike(this.targets())
    const events = this.#events()
    const chosen = this.#chooses ? this.choices.choose("event", events.length) : 0
    const event = events[chosen]
    if (event === undefined) return this.#rest()
    if (event === this.#clock && events.length === 1 && this.#waitsForThreads()) return
    this.#hasLookedOut = false
    if (this.steps.wanted) this.#tell(events, chosen)
    for (const list of [this.#turns, this.#sleeps, this.#arrivals]) if (take(event, list)) break
    if (event.context === undefined) event.run()
    else event.context.run(event.run)
    this.#ask()
  }

  /** A line for what is chosen, unless that is a turn in the plain order: what runs in it has a line of its own. */
  #tell(events: ReadonlyArray<Event>, chosen: number): void {
    const event = events[chosen]
    if (event === undefined) return
    if (chosen === 0 && this.#sleeps[0] !== event && !this.#arrivals.includes(event)) return
    const time = event === this.#clock ? this.#nextTime() : this.#time
    const before = events.slice(0, chosen).map(({ text }) => text)
    this.steps.add(time, event.text, before)
  }

  /** What can happen next; first what does if nobody interferes. */
  #events(): ReadonlyArray<Event> {
    const events = this.#turnsNow()
    const sleep = this.#sleeps[0]
    if (sleep !== undefined && sleep.when <= this.#time) events.push(sleep)
    events.push(...this.#arrivals)
    if (events.length === 0 && this.#onQuiet.length > 0) events.push(this.#calm)
    else if (this.#mayMoveOn(events.length)) events.push(this.#clock)
    return events
  }

  /** What is ready may be late, as on a slow machine, but by no more than `lateness`. */
  #mayMoveOn(others: number): boolean {
    const next = this.#nextTime()
    if (others === 0) this.#restedAt = next
    return next !== Infinity && next - this.#restedAt <= this.settings.lateness
  }

  /** Of each source the first. */
  #turnsNow(): Array<Event> {
    const turns = this.#turns
    if (turns.length < 2) return turns.slice()
    if (this.settings.order === "fifo") return turns.slice(0, 1)
    return turns.filter((turn, index) => turns.findIndex(({ source }) => source === turn.source) === index)
  }

  /** When the next timer or sleep is due that is not due yet, or that the loop has not been told of. */
  #nextTime(): number {
    const next = Math.min(this.#armed?.when ?? Infinity, this.#timerAfterNow(), this.#sleepAfterNow())
    return Math.max(this.#time, next)
  }

  /** A loop that has something to run is not armed, and may be slow: then more than one timer has fallen due when it looks. */
  #timerAfterNow(): number {
    let next = Infinity
    for (const [, when] of this.loop?._timersNow() ?? []) if (when > this.#time && when < next) next = when
    return next
  }

  #sleepAfterNow(): number {
    const next = this.#sleeps.find(({ when }) => when > this.#time)
    return next?.when ?? Infinity
  }

  #moveOn(): void {
    this.#time = this.#nextTime()
    const armed = this.#armed
    if (armed === undefined || armed.when > this.#time) return
    this.#armed = undefined
    armed.fire()
  }

  #tellQuiet(): void {
    const waiting = this.#onQuiet
    this.#onQuiet = []
    for (const f of waiting) f()
  }

  #mayStrike(targets: ReadonlyArray<Target>): void {
    const target = targets[this.choices.choose("strike", targets.length + 1) - 1]
    if (target === undefined) return
    this.#strikesLeft--
    this.#struck++
    this.steps.change(this.#time, `a cancel strikes ${target.text}`)
    target.strike()
  }

  /** Whether a job has not ended. The order in which threads end theirs is none that a seed decides: so all of them come first. */
  #awaitsJobs(): boolean {
    const jobs = this.#jobs
    if (jobs.length === 0) return false
    if (jobs.some(({ state }) => state !== "ended")) return true
    const order = new Map<object, number>(jobs.map((job, index) => [job, index]))
    this.#arrivals.sort((one, other) => (order.get(one.source) ?? -1) - (order.get(other.source) ?? -1))
    if (this.#arrivals.length === 0) jobs.length = 0
    return false
  }

  readonly #threadsEnd = (): boolean =>
    [...this.#executors].some((executor) => executor.statistics().state === "closing")

  /** Threads that end, or begin, take no time of a program's clock: it does not move on before they have. */
  #waitsForThreads(): boolean {
    if (this.#hasLookedOut || this.#executors.size === 0) return false
    this.#steps--
    this.#waits = true
    this.outside.untilQuiet(this.settings.timeout, this.#threadsEnd, () => {
      this.#hasLookedOut = true
      this.#ask()
    })
    return true
  }

  /** Nothing can happen that is known of here. */
  #rest(): void {
    this.#steps--
    this.#waits = true
    this.outside.lookOut(this.settings.timeout, this.#threadsEnd, (why) => this.#giveUp(why))
  }

  #giveUp(why: string): void {
    if (this.#ended) return
    const { loop } = this
    if (!this.#chooses || loop === undefined) return this.ends.abandon()
    const dump = this.looking(() => loop.dump().toString())
    this.letGo()
    this.ends.giveUp(new StuckError(why, dump))
  }
}

const eventOf = (
  source: object,
  text: string,
  run: () => void,
  context: Context | undefined,
  when = 0
): Event => ({ source, text, run, context, when })

/** Takes an event from a list; whether it was there. */
const take = (event: Event, list: Array<Event>): boolean => {
  const index = list.indexOf(event)
  if (index !== -1) list.splice(index, 1)
  return index !== -1
}

/** A fiber of Effect 3 takes on the async-local state in which it is resumed: that must be what it would have been. */
const contextOfFiber = (): Context | undefined => (restoresAsyncContext ? undefined : copyContext())
