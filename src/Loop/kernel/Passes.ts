/**
 * The loop's engine: the ready queue, the timers, and the one place where callbacks run (`#run`).
 *
 * Legal states: stopped (queues, does not run), idle (running, nothing asked of the host but perhaps one wake-up),
 * awake (the host will call `#run`, or is inside it), closed. Only the host's turn enters `#run`; everything else
 * queues.
 *
 *               start              something is queued, a timer is due
 *     stopped ---------> idle ------------------------------------------ wake --> #run <-----------+
 *        ^                ^                                                        |               |
 *        | a stop's last  | nothing is queued any more;                            | takes up the  | hop
 *        | pass has run   | the host is armed for the next timer                   | pass where it | drain
 *        +----------------+--------------------------------------------------------+ was put aside | yield
 *                                                                                  +---------------+
 *
 *     turn    who goes first               asked for
 *     wake    the code on the stack        from idle
 *     hop     microtasks queued by now     between two steps of coroutines, and after a pass without any
 *     drain   every microtask              between a step and a callback, and after a pass that ends with a step: what a
 *                                          step has resumed is not overtaken
 *     yield   pending I/O                  in place of each of them, when a millisecond of passes is over
 *
 * What a Runnable throws is caught here and nowhere else (`#run`): it ends that one, and never the pass. Callbacks and
 * coroutines have their own places for what the program throws in them; this one is for what the program throws where the
 * library looks at its values: a context that cannot be entered, a promise whose `then` fails.
 *
 * The pass is that of asyncio (3.13, `BaseEventLoop._run_once`): what is ready first, then the timers that are due, and
 * what the pass itself adds waits for the next one.
 *
 * Differs: asyncio looks for I/O before every pass. Here passes follow each other in microtasks, and Node takes no I/O
 * before those are done: a turn of Node's costs as much as some twenty callbacks. The doubt is the slice, after which I/O
 * goes first. When it was chosen, a quarter of it gave no more, and five times as much let an interval come milliseconds
 * late. To count passes in place of time would spare the clock, but how long a pass is, the program decides.
 */
import { Event } from "./Event.js"
import { Handle } from "./Handle.js"
import type { Host, ReadyQueue, Runnable, Stopwatch } from "./ports.js"
import { Queue } from "./Queue.js"
import { Timers, type TimerHandle } from "./Timers.js"

/** How long passes may follow each other before pending I/O goes first, in milliseconds. */
const SLICE = 1
/** In so many callbacks the clock is read once; a pass counts as several, and so does a turn from idle. */
const CALLBACKS_PER_LOOK = 512
const CALLBACKS_OF_A_PASS = 32

/** What runs before the first of a pass. */
const none: Runnable = { resumes: false, run: () => {} }

/** @internal */
export class Passes {
  /** Whether callbacks are run: neither stopped nor closed. */
  running = false
  /** Measure every callback and step. */
  debug: boolean
  /** Sees how long everything takes, where somebody wants to know. */
  stopwatch: Stopwatch | undefined = undefined
  /** Passes since the loop was made. */
  count = 0
  /** Callbacks and steps run since the loop was made. */
  callbacks = 0
  readonly #host: Host
  readonly #onMeasured: (runnable: Runnable, took: number) => void
  readonly #onThrown: (runnable: Runnable, error: unknown) => void
  readonly #queue: ReadyQueue
  readonly #timers = new Timers(() => this.#headCancelled())
  readonly #turn = (): void => this.#run()
  readonly #fire = (): void => {
    this.#armed = Infinity
    if (this.running) this.#wake()
  }
  /** A turn has been asked for, or is on the stack. */
  #awake = false
  /** A pass of a turn is on the stack. */
  #onStack = false
  #closed = false
  /** How many callbacks and steps the pass has still to run; 0 between passes. */
  #left = 0
  #sliceStart = 0
  #sinceLook = 0
  /** The time for which the host is armed; Infinity where it is not. */
  #armed = Infinity
  /** Debug mode: what has run since `#measuredSince` and is not measured yet. */
  #measured: Runnable | undefined
  #measuredSince = 0
  /** Set at the end of the run that goes on, or that was the last one; each start of the loop makes a new one. */
  #stopped = new Event()
  #stopAsked = false
  /** The pass that is going on is the last one. */
  #stopping = false
  #wholePass = false

  /** Neither of the two may throw: `onMeasured` is told how long something took, `onThrown` what it threw. */
  constructor(
    host: Host,
    debug: boolean,
    onMeasured: (runnable: Runnable, took: number) => void,
    onThrown: (runnable: Runnable, error: unknown) => void
  ) {
    this.#host = host
    this.#queue = host.ready === undefined ? new Queue<Runnable>() : host.ready()
    this.debug = debug
    this.#onMeasured = onMeasured
    this.#onThrown = onThrown
    this.#stopped.set()
  }

  /** Callbacks and steps that wait for their pass; a cancelled callback does not. */
  get ready(): number {
    return (
      this.#queue.size - this.#queue.count((runnable) => runnable instanceof Handle && runnable.cancelled())
    )
  }

  /** Whether so many wait. What was cancelled is only looked for where there is no room otherwise. */
  isFull(length: number): boolean {
    return this.#queue.size >= length && this.ready >= length
  }

  /** Live timers. */
  get timers(): number {
    return this.#timers.size
  }

  /** Those, in no order. */
  timersNow(): ReadonlyArray<readonly [timer: TimerHandle, when: number]> {
    return this.#timers.live()
  }

  push(runnable: Runnable): void {
    this.#queue.push(runnable)
    if (!this.#awake && this.running) this.#wake()
  }

  /**
   * Whether a turn of the loop begins here: it is idle, and nothing is queued. What is queued until `endTurn` then runs in
   * that, without a turn of the host's between. Callers have nothing to come back to that may not see it: a fiber that waits
   * for what it starts, the reaction of a promise that a task follows.
   */
  beginTurn(): boolean {
    if (this.#awake || !this.running || this.debug || !this.#hasTime()) return false
    this.#awake = true
    return true
  }

  /**
   * Whether what is queued here is the next that runs: the callback that is on the stack is the last one that was queued. For a
   * fiber that such a callback has started or resumed, and that waits for what it starts.
   */
  isNext(): boolean {
    if (!this.#onStack || this.#left > 0 || this.#queue.size > 0) return false
    return this.running && !this.debug && !this.#stopping && this.#hasTime()
  }

  /** Counts a pass, where the slice is not over. What is left over then is the next wake's, which leaves room for I/O. */
  #hasTime(): boolean {
    if (this.#sinceLook + CALLBACKS_OF_A_PASS >= CALLBACKS_PER_LOOK) {
      if (this.#host.now() - this.#sliceStart >= SLICE) return false
      this.#sinceLook = 0
    }
    this.#sinceLook += CALLBACKS_OF_A_PASS
    return true
  }

  /** Runs what was queued since `beginTurn` gave true. */
  endTurn(): void {
    this.#run()
  }

  /** Runs `runnable` in a pass of its own, after `beginTurn` gave true. What it queues, and timers, wait for the next one. */
  runNow(runnable: Runnable): void {
    this.count++
    this.runHere(runnable)
    this.#endPass(runnable.resumes)
  }

  /** Runs `runnable` in the pass that is on the stack, after `isNext` gave true: the end of that one is its own. */
  runHere(runnable: Runnable): void {
    this.callbacks++
    const { stopwatch } = this
    const since = stopwatch === undefined ? 0 : stopwatch.now()
    try {
      runnable.run()
      if (stopwatch !== undefined) stopwatch.ran(runnable, since)
    } catch (error) {
      this.#onThrown(runnable, error)
    }
  }

  addTimer(timer: TimerHandle, when: number): void {
    const first = this.#timers.add(timer, when)
    if (first && !this.#awake && this.running) this.#wake()
  }

  /** Runs passes from now on. False where it did already, or is closed. */
  start(): boolean {
    if (this.running || this.#closed) return false
    this.running = true
    this.#stopped = new Event()
    if (!this.#awake) this.#wake()
    return true
  }

  /**
   * Stops after everything queued so far, and before anything that is queued later; the result is set then, at once if
   * nothing runs. The place in the queue is trio-asyncio's (0.16, `_queue_handle`).
   *
   * Differs: asyncio ends the pass that is going on, and what that has queued before it called stop() waits, too.
   */
  stop(event: Event | undefined): Event {
    const stopped = this.#stopped
    if (event !== undefined && event !== stopped) {
      if (this.running) event.clear()
      stopped._onSet(() => event.set())
    }
    if (this.running && !this.#stopAsked) {
      this.#stopAsked = true
      this.push({ resumes: false, run: () => this.#stopHere() })
    }
    return event ?? stopped
  }

  /** The stop that was asked for at rest is one whole pass, as asyncio's: what is queued by now, and the timers that are due. */
  stopAfterPass(): void {
    this.#wholePass = true
  }

  #stopHere(): void {
    this.#stopping = true
    // What is left of the pass is in the queue still, and waits there.
    if (!this.#wholePass) this.#left = 0
  }

  /** Cancels the timers, and gives back what was queued. `tellStopped` is to follow. */
  close(): Array<Runnable> {
    this.#closed = true
    this.running = false
    this.#left = 0
    this.#measured = undefined
    this.#disarm()
    this.#timers.clear()
    return this.#queue.clear()
  }

  tellStopped(): void {
    this.#stopAsked = this.#stopping = this.#wholePass = false
    this.#stopped.set()
  }

  /**
   * The only place where callbacks run. Takes up the pass where it was left: a pass may be put aside for microtasks or
   * for I/O, but it never grows, and nothing of the next pass runs before its last callback.
   */
  #run(): void {
    if (!this.running) {
      this.#awake = false
      return
    }
    if (this.#measured !== undefined) this.#measure()
    if (this.#left === 0) this.#beginPass()
    this.#onStack = true
    const queue = this.#queue
    const { stopwatch } = this
    let since = 0
    while (this.#left > 0) {
      let next = none
      // Around the loop and not in it: entered again only after something was thrown.
      try {
        while (this.#left > 0) {
          next = queue.shift() as Runnable
          this.#left--
          this.callbacks++
          if (this.debug) {
            this.#measured = next
            this.#measuredSince = this.#host.now()
          }
          if (stopwatch !== undefined) since = stopwatch.now()
          next.run()
          if (stopwatch !== undefined) stopwatch.ran(next, since)
          // A coroutine goes on in microtasks now: whatever comes next has to let it.
          if (next.resumes) break
          if (this.#measured !== undefined) this.#measure()
          if (++this.#sinceLook >= CALLBACKS_PER_LOOK && this.#sliceIsOver()) return this.#putAside("yield")
        }
      } catch (error) {
        this.#onThrown(next, error)
      }
      if (next.resumes) return this.#afterStep()
    }
    this.#endPass(false)
  }

  /** asyncio's order: what is ready first, then the timers that have fallen due. */
  #beginPass(): void {
    if (this.#timers.size > 0) {
      const now = this.#host.now()
      for (let timer = this.#timers.takeDue(now); timer !== undefined; timer = this.#timers.takeDue(now)) {
        this.#queue.push(timer)
      }
    }
    this.#left = this.#queue.size
    this.count++
  }

  /** Between two steps a hop is enough; an ordinary callback waits until what the step has resumed is quiet. */
  #afterStep(): void {
    if (this.#left === 0) return this.#endPass(true)
    if (++this.#sinceLook >= CALLBACKS_PER_LOOK && this.#sliceIsOver()) this.#putAside("yield")
    else this.#putAside(!this.debug && (this.#queue.peek() as Runnable).resumes ? "hop" : "drain")
  }

  #endPass(stepped: boolean): void {
    this.#onStack = false
    if (!this.running) {
      this.#awake = false
    } else if (this.#stopping) {
      this.running = this.#awake = false
      // The step's microtasks are nobody's to measure, and a stopped loop keeps no process alive.
      this.#measured = undefined
      this.#disarm()
      this.tellStopped()
    } else if (this.#queue.size === 0 && !(stepped && this.debug)) {
      this.#awake = false
      this.#arm()
    } else {
      this.#sinceLook += CALLBACKS_OF_A_PASS
      if (this.#sinceLook >= CALLBACKS_PER_LOOK && this.#sliceIsOver()) this.#putAside("yield")
      else this.#putAside(stepped ? "drain" : "hop")
    }
  }

  #putAside(how: "hop" | "drain" | "yield"): void {
    this.#onStack = false
    this.#host[how](this.#turn)
  }

  #wake(): void {
    this.#awake = true
    // Work that arrives from idle again and again must leave room for I/O too.
    this.#sinceLook += CALLBACKS_OF_A_PASS
    if (this.#sinceLook >= CALLBACKS_PER_LOOK && this.#sliceIsOver()) this.#host.yield(this.#turn)
    else this.#host.wake(this.#turn)
  }

  #sliceIsOver(): boolean {
    this.#sinceLook = 0
    const now = this.#host.now()
    if (now - this.#sliceStart < SLICE) return false
    this.#sliceStart = now
    return true
  }

  #measure(): void {
    const runnable = this.#measured as Runnable
    this.#measured = undefined
    this.#onMeasured(runnable, this.#host.now() - this.#measuredSince)
  }

  /**
   * The earliest timer was cancelled, and the host's wake-up is wrong. The pass that this asks for sets it right, once for
   * any number of cancels.
   */
  #headCancelled(): void {
    if (this.#timers.size === 0) this.#disarm()
    else if (this.#armed !== Infinity && !this.#awake && this.running) this.#wake()
  }

  /** Arms the host for the earliest timer: at the end of a pass only, so that a burst of new timers does so once. */
  #arm(): void {
    const next = this.#timers.next()
    if (next === undefined || next === Infinity) this.#disarm()
    else if (next !== this.#armed) {
      this.#armed = next
      this.#host.arm(next, this.#fire)
    }
  }

  #disarm(): void {
    if (this.#armed === Infinity) return
    this.#armed = Infinity
    this.#host.disarm()
  }
}
