/**
 * Running a command for its output or its exit alone. Nobody gets hold of it, so there are no Streams and no Scope: one wait,
 * which is over when the command and its group have ended.
 */
import * as Effect from "effect/Effect"
import { callback } from "../../effect.js"
import { fromFuture } from "../../Loop/fiber/Outcome.js"
import { Waiting } from "../../Loop/fiber/Wait.js"
import type { Future } from "../../Loop/kernel/Future.js"
import type { Home } from "../../Loop/ports.js"
import type { Child } from "../../Loop/process/Child.js"
import { over } from "../../Loop/process/pipeStreams.js"
import { spawnPlanned } from "../../Loop/process/spawnChild.js"
import { fdName } from "../../Loop/process/unread.js"
import { killOnError } from "./killing.js"
import type { Fail } from "./RunningCommand.js"
import { checkedPlan, type CommandPlan } from "./startCommand.js"

/** What a command is run for: `finish` is called, from anywhere, once that is there or will not be. */
type Goal<A, E> = (
  loop: Home,
  child: Child,
  fail: Fail<E>,
  finish: (outcome: Effect.Effect<A, E>) => void
) => void

/**
 * One run.
 *
 * Legal states: starting; running; ending, when its outcome is there or its fiber was interrupted; over.
 */
class Run<A, E> {
  readonly #loop: Home
  readonly #plan: CommandPlan<E>
  readonly #starting: Future<Child>
  readonly #goal: Goal<A, E>
  readonly #resume: (outcome: Effect.Effect<A, E>) => void
  #child: Child | undefined
  #outcome: Effect.Effect<A, E> | undefined
  #state: "starting" | "running" | "ending" | "over" = "starting"
  /** The fiber was interrupted, and waits for the end. */
  #interrupted: Waiting | undefined

  constructor(
    loop: Home,
    plan: CommandPlan<E>,
    starting: Future<Child>,
    goal: Goal<A, E>,
    resume: (outcome: Effect.Effect<A, E>) => void
  ) {
    this.#loop = loop
    this.#plan = plan
    this.#starting = starting
    this.#goal = goal
    this.#resume = resume
    const waiting = new Waiting(loop, () => {
      if (this.#outcome !== undefined) this.#resume(this.#outcome)
    })
    starting._add({ resumes: false, run: () => this.#started(waiting) })
  }

  /** Ends it, and waits for that. */
  readonly interrupt: Effect.Effect<void> = callback<void>((resume) => {
    if (this.#state === "over") return resume(Effect.void)
    this.#interrupted = new Waiting(this.#loop, () => resume(Effect.void))
    if (this.#state === "starting") this.#starting.cancel()
    else if (this.#state === "running") this.#end(this.#interrupted)
  })

  #started(waiting: Waiting): void {
    const { fail, killsOnError } = this.#plan
    if (this.#starting._peek() !== "value") {
      const failed = Effect.mapError(
        fromFuture(this.#starting, (error) => error),
        (error) => fail("spawn", error)
      )
      this.#outcome = Effect.flatMap(failed, () => Effect.never)
      return this.#over(waiting)
    }
    const child = this.#starting._value()
    this.#child = child
    this.#state = "running"
    if (killsOnError !== undefined) killOnError(child, killsOnError)
    if (this.#interrupted !== undefined) return this.#end(waiting)
    this.#goal(this.#loop, child, fail, (outcome) => {
      if (this.#state !== "running") return
      this.#outcome = outcome
      this.#end(waiting)
    })
  }

  #end(waiting: Waiting): void {
    this.#state = "ending"
    this.#child?.stop(() => {
      this.#child?.closePipes()
      this.#loop._afterQueued(() => this.#over(waiting))
    })
  }

  #over(waiting: Waiting): void {
    this.#state = "over"
    const who = this.#interrupted ?? waiting
    who.run()
  }
}

const run =
  <A>(goal: <E>(...args: Parameters<Goal<A, E>>) => void) =>
  <E>(loop: Home, plan: CommandPlan<E>): Effect.Effect<A, E> =>
    callback((resume) => {
      let starting: Future<Child>
      try {
        starting = spawnPlanned(loop, plan.what, checkedPlan(plan))
      } catch (error) {
        return resume(Effect.fail(plan.fail("spawn", error)))
      }
      loop._start()
      return new Run(loop, plan, starting, goal, resume).interrupt
    })

/** All that the command writes to its stdout, which is a pipe; then it is ended, if it has not. */
export const runForOutput = run<Buffer>((loop, child, fail, finish) => {
  const socket = child.pipes.get(1)
  if (socket === undefined) return finish(Effect.succeed(Buffer.alloc(0)))
  const pipe = { loop, child, socket, name: `${fdName(1)} of pid ${child.pid}: ${child.command}` }
  const chunks: Array<Uint8Array> = []
  const look = (): void => {
    for (let bytes: unknown; (bytes = socket.read()) instanceof Uint8Array;) chunks.push(bytes)
    const end = over(pipe)
    if (end === undefined) return
    for (const event of events) socket.off(event, look)
    finish(
      Effect.mapBoth(end, {
        onFailure: (error) => fail("fromReadable(stdout)", error),
        onSuccess: () => Buffer.concat(chunks)
      })
    )
  }
  const events = ["readable", "end", "close"]
  for (const event of events) socket.on(event, look)
  look()
})

/** Its return code, as soon as it has exited. What it writes is dropped. */
export const runForExit = run<number>((loop, child, fail, finish) => {
  const socket = child.pipes.get(1)
  const drop = (): void => void socket?.read()
  socket?.on("readable", drop)
  drop()
  const exited = (): void => {
    const { command, pid, returncode } = child
    const closed = `the exit of pid ${pid}: ${command} was not seen`
    finish(
      returncode === null
        ? Effect.fail(fail("exitCode", loop._closedError(closed)))
        : Effect.succeed(returncode)
    )
  }
  child.onExit(exited)
  child.onEnd(exited)
})
