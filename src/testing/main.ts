/** A main program in a test, as `Loop.run` runs it in a process, without one. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import {
  callback,
  contextOf,
  fiberState,
  forkChild,
  forksIn,
  interruptFork,
  loopClock,
  observe,
  withOutput,
  type FiberState,
  type LoopClock,
  type RunningFiber
} from "../effect.js"
import { otherCopy } from "../effect/otherCopy.js"
import type { EventLoop } from "../Loop/EventLoop.js"
import type { LoopCrash } from "../Loop/errors.js"
import { describeValue } from "../Loop/kernel/describe.js"
import { Loop, runProgram, type RunOptions } from "../Loop/Loop.js"
import type { ClosingTime, Leftover } from "../Loop/ports.js"
import { checkOption, settingsOf } from "../Loop/Settings.js"
import { type AutojumpOptions, jumping, patienceFor } from "./autojump.js"
import { leftOn } from "./left.js"
import { followsClock, prepare } from "./prepare.js"
import { TestProcess } from "./TestProcess.js"
import { TestSignals } from "./TestSignals.js"
import { Timeline, trackedClock } from "./Timeline.js"

// Those of Node, whatever a test puts in their place.
const { setImmediate } = globalThis

/**
 * How a main program is run in a test.
 *
 * @category models
 * @since 0.2.0
 */
export interface MainTestOptions<E = never> extends Omit<RunOptions, "dumpOn"> {
  /** What happens to the program, beside it, from when its loop is open: `TestLoop.signal`, for one. Its failure fails the test. */
  readonly during?: Effect.Effect<unknown, E, Loop> | undefined
  /** As that of `TestLoop.layer`. Default true. */
  readonly timers?: boolean | undefined
  /** As that of `TestLoop.layer`. Default true, where the clock is a TestClock. */
  readonly autojump?: boolean | AutojumpOptions | undefined
}

/**
 * How a main program has ended.
 *
 * @category models
 * @since 0.2.0
 */
export interface MainEnd<A, E> {
  /** The exit code of the process. */
  readonly code: number
  /** Which signal has told the program to stop, if one has. */
  readonly signal: "SIGINT" | "SIGTERM" | undefined
  /** That of the program, as `Loop.run` resolves with it; nothing where the process has left without it. */
  readonly exit: Exit.Exit<A, E | LoopCrash> | undefined
  /** What Effect's Console, its loggers and the loop have written, to either output, in the order in which they did. */
  readonly output: string
  /** What had not stopped when closing gave it up, or the process left; and timers of promise code that would keep the process. */
  readonly leftovers: ReadonlyArray<Leftover>
  /** What closing has waited for, in order, and for how long, in milliseconds of the clock. */
  readonly closing: ReadonlyArray<ClosingTime>
}

/** One run. */
class Run<A, E, E2> {
  readonly #signals = new TestSignals()
  readonly #process: TestProcess
  readonly #fibers: Array<RunningFiber<unknown, unknown>> = []
  #loop: EventLoop | undefined
  #undo: () => void = () => {}
  #exit: Exit.Exit<A, E | LoopCrash> | undefined
  #over = false

  constructor(
    private readonly program: Effect.Effect<A, E, Loop | Scope.Scope>,
    private readonly options: MainTestOptions<E2>,
    private readonly clock: Clock.Clock,
    state: FiberState,
    time: LoopClock,
    private readonly resume: (end: Effect.Effect<MainEnd<A, E>, E2>) => void
  ) {
    const forks = forksIn(state, contextOf(state))
    const fork = <A2, E3>(effect: Effect.Effect<A2, E3>): RunningFiber<A2, E3> => {
      const fiber = forks(effect)
      this.#fibers.push(fiber)
      return fiber
    }
    this.#process = new TestProcess(fork, time, this.#signals, () => setImmediate(() => this.#ended()))
  }

  start(): void {
    const { autojump: _autojump, during: _during, timers: _timers, ...options } = this.options
    void runProgram(
      "TestLoop.main",
      Effect.flatMap(Loop, (loop) => {
        this.#opened(loop)
        return this.program
      }),
      options,
      (effect) => withOutput(effect, this.#process.console),
      true,
      this.#process
    ).then((exit) => (this.#exit = exit))
  }

  /** Ends all of it at once, as the end of a process would. */
  stop(): void {
    if (this.#over) return
    this.#over = true
    const loop = this.#loop
    if (loop?.isClosed() === false) loop._close(undefined)
    for (const fiber of this.#fibers) interruptFork(fiber)
    this.#undo()
  }

  #opened(loop: EventLoop): void {
    this.#loop = loop
    this.#undo = prepare(loop, this.clock, this.#signals, followsClock(this.options))
    const { during } = this.options
    // As what comes to a process: when the program's first steps are done.
    if (during !== undefined) setImmediate(() => this.#begin(Effect.provideService(during, Loop, loop)))
  }

  #begin(during: Effect.Effect<unknown, E2>): void {
    if (this.#over) return
    observe(this.#process.fork(during), (exit) => {
      if (Exit.isSuccess(exit) || this.#over) return
      this.stop()
      this.resume(Effect.failCause(exit.cause))
    })
  }

  #ended(): void {
    if (this.#over) return
    const loop = this.#loop
    const given = loop?._closing.leftovers ?? []
    const end: MainEnd<A, E> = {
      code: this.#process.code ?? 0,
      signal: this.#process.stoppedBy,
      exit: this.#exit,
      output: this.#process.output,
      leftovers: loop === undefined ? [] : [...given, ...leftOn(loop)],
      closing: loop?._closing.times ?? []
    }
    this.stop()
    this.resume(Effect.succeed(end))
  }
}

/**
 * Runs a main program as `Loop.run` does, without a process: gives its exit code, what it has written, what was left over, and for
 * how long closing has waited for what. The test's own process hears nothing of it: no signal, no `process.exit`, no listener.
 * Programs with `Loop.runMain` are the same. Several may run at once.
 *
 * The clock is the test's, and jumps by itself: a program that sleeps for a day, or drains for a minute, ends in no time.
 *
 * **Flavor** Effect. **Starts** when it is run. **Cancel** the program is left as a process that ends at once would leave it: its
 * loop closes at once, its fibers are interrupted, and nobody waits for them. Bad options and what is no Effect are a `TypeError` or
 * a `RangeError`, before anything runs.
 *
 * **Gotchas**
 * - `process.exit` and uncaught exceptions outside of the loop's own code are the runner's, and so is what code writes to
 *   `process.stdout` or by the global `console` itself.
 * - In a process the same signal counts once within 200 ms; here each delivery counts.
 * - Under a clock that is no TestClock time is real.
 *
 * @example
 * import { TestLoop } from "effect-aio/testing"
 * import { TestContext } from "effect"
 *
 * const program = Effect.ensuring(Effect.never, Effect.delay(Console.log("flushed"), "500 millis"))
 * const during = Effect.delay(TestLoop.signal("SIGTERM"), "1 hour")
 * const test = Effect.gen(function* () {
 *   const { closing, code, output, signal } = yield* TestLoop.main(program, { during })
 *   console.log(code, signal, output.trim()) // => 143 SIGTERM flushed
 *   console.log(closing[0]?.step, closing[0]?.took) // => program 500
 * })
 * await Effect.runPromise(Effect.provide(test, TestContext.TestContext))
 *
 * @category testing
 * @since 0.2.0
 */
export const main = <A, E, E2 = never>(
  program: Effect.Effect<A, E, Loop | Scope.Scope>,
  options: MainTestOptions<E2> = {}
): Effect.Effect<MainEnd<A, E>, E2> => {
  if (!Effect.isEffect(program)) {
    throw new TypeError(
      `TestLoop.main takes an Effect, not ${describeValue(program)}${otherCopy(program) || "; wrap aio code with fromAio"}`
    )
  }
  settingsOf(options)
  followsClock(options)
  checkOption("teardown", options.teardown, "function")
  const { during } = options
  if (during !== undefined && !Effect.isEffect(during)) {
    throw new TypeError(`during is an Effect, not ${describeValue(during)}`)
  }
  if ("dumpOn" in options && options.dumpOn !== undefined) {
    throw new TypeError("TestLoop.main takes no dumpOn: that is a signal of a process, which is left alone")
  }
  const patience = patienceFor("autojump", options.autojump ?? true)
  const run = Effect.gen(function* () {
    const clock = yield* Clock.clockWith(Effect.succeed)
    const time = yield* loopClock
    const state = yield* fiberState
    const timeline = Timeline.of(clock)
    const ended = callback<MainEnd<A, E>, E2>((resume) => {
      const run = new Run(program, options, clock, state, time, resume)
      run.start()
      return Effect.sync(() => run.stop())
    })
    if (timeline === undefined || patience === undefined) return yield* ended
    return yield* Effect.acquireUseRelease(
      forkChild(Effect.interruptible(jumping(timeline, patience))),
      () => ended,
      (driver) => Fiber.interrupt(driver)
    )
  })
  return Effect.provide(run, trackedClock())
}
