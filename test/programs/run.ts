/** One random program, from its first step to the last, and what is to be said about it. */
import { Effect, Exit, Fiber, Logger, Scope } from "effect"
import { interruptFork } from "../../src/effect.js"
import {
  type EventLoop,
  type Future,
  Loop,
  type LoopOptions,
  type Report,
  SyncLoop
} from "../../src/index.js"
import { Interpreter, pass, passed } from "./interpreter.js"
import { Ledger } from "./Ledger.js"
import { ManualClock } from "./ManualClock.js"
import type { Pause, Program } from "./program.js"

/** Real milliseconds in which every program has to end: far less than what any of them may wait for. */
const BOUND = Number(process.env["EFFECT_AIO_BOUND"] ?? 8_000)

const quiet = Logger.replace(Logger.defaultLogger, Logger.none)

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

class Run {
  readonly ledger = new Ledger()
  readonly #clock: ManualClock | undefined
  readonly #interpreter: Interpreter
  readonly #options: LoopOptions
  readonly #loops: Array<EventLoop> = []
  #main: Fiber.RuntimeFiber<unknown, unknown> | undefined
  #over = false

  constructor(private readonly program: Program) {
    this.#clock = program.clock === "manual" ? new ManualClock() : undefined
    this.#options = {
      // Nothing here may need them: what does has not ended when it should have.
      closeDeadline: "1 hour",
      slowJoin: "1 hour",
      exceptionHandler: (loop, report: Report) => {
        this.ledger.reported(loop.name, report)
        if (program.handler === "crashes") loop.defaultExceptionHandler(report)
      }
    }
    this.#interpreter = new Interpreter(this.ledger, this.#options)
  }

  async whole(): Promise<ReadonlyArray<string>> {
    const told = (what: string) => (error: unknown) => {
      this.ledger.accidents.push(`L6 ${what}: ${String(error)}`)
    }
    const rejection = told("unhandled rejection")
    const exception = told("uncaught exception")
    process.on("unhandledRejection", rejection)
    process.on("uncaughtException", exception)
    try {
      const ended = await this.#bounded(this.program.loop === "sync" ? this.#sync() : this.#effect())
      if (!ended) {
        this.#over = true
        return ["S2 the program did not end"]
      }
      // What closing has left behind may say so once more; what runs on is found by its counting.
      await passed()
      await turn()
      const { steps } = this.ledger
      const before = this.#loops.map((loop) => loop.statistics())
      await turn()
      const after = this.#loops.map((loop) => loop.statistics())
      const problems = [...this.ledger.problems()]
      if (this.ledger.steps !== steps) problems.push("C3 the program's code went on after its end")
      after.forEach(
        ({ callbacks, passes, state, tasks, effects, crossings, ready, timers, unretrieved }, index) => {
          const left = { ready, timers, tasks, effects, crossings, unretrieved }
          if (state !== "closed") problems.push(`S2 the loop is ${state}`)
          else if (Object.values(left).some((count) => count > 0))
            problems.push(`C3 left on the loop: ${JSON.stringify(left)}`)
          if (callbacks !== before[index]?.callbacks || passes !== before[index]?.passes) {
            problems.push("C3 the loop went on after its end")
          }
        }
      )
      return problems
    } finally {
      this.#over = true
      process.off("unhandledRejection", rejection)
      process.off("uncaughtException", exception)
    }
  }

  async #bounded(whole: Promise<void>): Promise<boolean> {
    if (this.#clock !== undefined) void this.#tick(this.#clock)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), BOUND)))
    try {
      return await Promise.race([whole.then(() => true), late])
    } finally {
      clearTimeout(timer)
    }
  }

  async #tick(clock: ManualClock): Promise<void> {
    while (!this.#over) {
      for (let turns = 0; turns < 3; turns++) await turn()
      clock.tick()
    }
  }

  #provided<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const logless = Effect.provide(effect, quiet)
    return this.#clock === undefined ? logless : Effect.withClock(logless, this.#clock.clock)
  }

  async #effect(): Promise<void> {
    const { program } = this
    const { ledger } = this
    const whole =
      program.loop === "scoped"
        ? Loop.scoped(this.#body(undefined), this.#options)
        : program.loop === "layer"
          ? Effect.provide(this.#body(undefined), Loop.layer(this.#options))
          : Effect.gen(this, function* () {
              const scope = yield* Scope.make()
              const loop = yield* Effect.provideService(Loop.open(this.#options), Scope.Scope, scope)
              return yield* Effect.ensuring(
                Effect.provideService(this.#body(scope), Loop, loop),
                Scope.close(scope, Exit.void)
              )
            })
    const main = Effect.runFork(this.#provided(whole))
    this.#main = main
    await new Promise<void>((resolve) =>
      main.addObserver((exit) => {
        ledger.exited("the program", exit)
        resolve()
      })
    )
  }

  #body(scope: Scope.CloseableScope | undefined): Effect.Effect<unknown, unknown, Loop> {
    const { ledger, program } = this
    const interpreter = this.#interpreter
    return Effect.gen(this, function* () {
      const loop = yield* Loop
      this.#loops.push(loop)
      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      for (const root of program.roots) {
        if (root.as === "fiber") {
          const fiber = yield* Effect.fork(interpreter.effects(root.steps))
          fiber.addObserver((exit) => ledger.exited("a fiber", exit))
          fibers.push(fiber)
        } else this.#start(loop, root)
      }
      yield* Effect.promise(() => this.#wait(program.after))
      yield* this.#finish(loop, fibers, scope)
      yield* Effect.forEach(fibers, (fiber) => Fiber.await(fiber))
    })
  }

  /** A root that is started from outside of Effect. */
  #start(
    loop: EventLoop,
    root: Exclude<Program["roots"][number], { as: "fiber" }> | Program["roots"][number]
  ): Future<unknown> | undefined {
    const interpreter = this.#interpreter
    if (root.as === "background") {
      loop.runEffectTask(interpreter.leaving(root.steps))
      return undefined
    }
    const future: Future<unknown> =
      root.as === "task"
        ? loop.createTask(interpreter.aio("async", loop, root.steps))
        : loop.effectAsFuture(interpreter.leaving(root.steps))
    future.then(
      () => {},
      (error: unknown) => this.ledger.caught(`a ${root.as}`, error)
    )
    return future
  }

  async #wait(pause: Pause): Promise<void> {
    if (pause.how !== "clock") return pass(pause)
    if (this.#clock === undefined) return new Promise((resolve) => setTimeout(resolve, pause.turns))
    const until = this.#clock.now() + pause.turns
    while (this.#clock.now() < until && !this.#over) await turn()
  }

  #finish(
    loop: EventLoop,
    fibers: ReadonlyArray<Fiber.RuntimeFiber<unknown, unknown>>,
    scope: Scope.CloseableScope | undefined
  ): Effect.Effect<unknown, unknown> {
    const { ledger, program } = this
    switch (program.end) {
      case "nothing":
        return Effect.void
      case "fail":
        return Effect.suspend(() => Effect.fail(ledger.accident("the body")))
      case "interrupt itself":
        return Effect.interrupt
      case "interrupted from outside":
        return Effect.sync(() => this.#main && interruptFork(this.#main))
      case "interrupt the fibers":
        return Effect.forEach(fibers, (fiber) => Fiber.interrupt(fiber), { concurrency: "unbounded" })
      case "cancel all tasks":
        return Effect.sync(() => this.#cancelAll(loop))
      case "crash":
        return Effect.sync(() => this.#crash(loop))
      case "close the Scope":
        return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
      case "close at once":
        return Effect.sync(() => loop.close())
    }
  }

  #cancelAll(loop: EventLoop): void {
    for (const task of loop.allTasks()) task.cancel("by the program")
  }

  #crash(loop: EventLoop): void {
    loop.callSoon(() => {
      throw this.ledger.accident("the crash")
    })
  }

  async #sync(): Promise<void> {
    const { ledger, program } = this
    const make = Effect.sync(() => SyncLoop.make(this.#options))
    const loop = Effect.runSync(this.#provided(make))
    this.#loops.push(loop)
    const running = loop.runUntilComplete(async () => {
      const futures: Array<PromiseLike<unknown>> = []
      for (const root of program.roots) {
        const future = this.#start(loop, root.as === "fiber" ? { ...root, as: "future" } : root)
        if (future !== undefined) futures.push(future)
      }
      await this.#wait(program.after)
      switch (program.end) {
        case "fail":
          throw ledger.accident("the body")
        case "interrupt itself":
        case "interrupt the fibers":
          loop.stop()
          break
        case "cancel all tasks":
        case "interrupted from outside":
          this.#cancelAll(loop)
          break
        case "crash":
          this.#crash(loop)
          break
        default:
      }
      if (program.end === "nothing") await Promise.allSettled(futures)
    })
    if (program.end === "close at once" || program.end === "close the Scope") {
      const ended = running.catch((error: unknown) => ledger.caught("the run", error))
      await this.#wait(program.after)
      await loop.close()
      return ended
    }
    await running.catch((error: unknown) => ledger.caught("the run", error))
    await loop.close()
  }
}

/** Runs a program; what is wrong with it, and what happened. */
export const run = async (
  program: Program
): Promise<{ readonly problems: ReadonlyArray<string>; readonly log: ReadonlyArray<string> }> => {
  const one = new Run(program)
  const problems = await one.whole()
  return { problems, log: one.ledger.log }
}
