/** A child that a Scope owns, as who waits for it, reads it and writes to it sees it. `Subprocess.ts` makes it a program's. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { callback } from "../../effect.js"
import type { LoopClosedError, QueueFullError } from "../kernel/errors.js"
import type { SpawnError } from "../errors.js"
import { Future } from "../kernel/Future.js"
import { fromFuture } from "../fiber/Outcome.js"
import { awaitDone, awaitFuture, Waiting } from "../fiber/Wait.js"
import type { Home } from "../ports.js"
import type { Child } from "./Child.js"
import type { Pipe } from "./pipeStreams.js"
import { askNowAndThen, fdName, isFull, tellUnread } from "./unread.js"

export class ScopedChild {
  /** Who uses which pipe. */
  readonly #users = new Map<number, Set<string>>()
  #toldUnread = false

  readonly #waits = new Set<Future<void>>()

  constructor(
    readonly loop: Home,
    readonly child: Child,
    readonly scope: Scope.Scope
  ) {
    child._waits = this.#waits
  }

  /** See {@link Subprocess}. */
  readonly exitCode: Effect.Effect<number, LoopClosedError> = callback<number, LoopClosedError>((resume) => {
    const child = this.child
    const loop = this.loop
    if (child.returncode !== null) return resume(Effect.succeed(child.returncode))
    loop._start()
    const exited = new Future<void>(loop)
    this.#waits.add(exited)
    const cleanup = (): void => {
      this.#waits.delete(exited)
      off()
      stopAsking()
    }
    const waiting = new Waiting(loop, () => {
      cleanup()
      resume(
        child.returncode === null
          ? Effect.fail(loop._closedError(`the exit of ${this.name()} was not seen`))
          : Effect.succeed(child.returncode)
      )
    })
    const off = child.onExit(() => {
      stopAsking()
      if (!exited.done()) exited._settleValue(undefined)
    })
    const stopAsking = this.#watchUnread(() => "exitCode")
    exited._await(waiting)
    return Effect.sync(() => {
      exited._remove(waiting)
      cleanup()
    })
  })

  /** See {@link Subprocess}. */
  readonly isRunning: Effect.Effect<boolean> = Effect.sync(() => this.child.returncode === null)

  /** What a person calls it, or one of its pipes. */
  name(fd?: number): string {
    const process = `pid ${this.child.pid}: ${this.child.command}`
    return fd === undefined ? process : `${fdName(fd)} of ${process}`
  }

  /** A pipe of the child, and who uses it. */
  pipe(fd: number): readonly [Pipe, Set<string>] | undefined {
    const socket = this.child.pipes.get(fd)
    return socket === undefined
      ? undefined
      : [
          {
            loop: this.loop,
            child: this.child,
            socket,
            name: this.name(fd),
            bothWays: fd > 2,
            ending: () => this.child.told || this.loop._closing.begun || isClosing(this.scope),
            watchUnread: (waits) =>
              this.#watchUnread(() => (waits() ? `a Stream of ${fdName(fd)}` : undefined))
          },
          this.#usersOf(fd)
        ]
  }

  /** Tells once if the wait of whom `waiting` names may never end, because nobody reads another pipe. */
  #watchUnread(waiting: () => string | undefined): () => void {
    return askNowAndThen(this.loop, () => {
      const who = waiting()
      const unread = who === undefined || this.#toldUnread ? [] : this.#fullAndUnread()
      if (who === undefined || unread.length === 0) return this.#toldUnread
      this.#toldUnread = true
      const remedy = "Run its Stream before that or beside it (Stream.runDrain at the least)"
      tellUnread(this.loop, who, this.name(), unread, remedy)
      return true
    })
  }

  #usersOf(fd: number): Set<string> {
    let users = this.#users.get(fd)
    if (users === undefined) this.#users.set(fd, (users = new Set()))
    return users
  }

  #fullAndUnread(): ReadonlyArray<number> {
    return [...this.child.pipes].flatMap(([fd, pipe]) =>
      fd !== 0 && this.#users.get(fd)?.has("read") !== true && isFull(pipe) ? [fd] : []
    )
  }
}

/** Whether a Scope closes or is closed: then what is added to it runs at once. */
const isClosing = (scope: Scope.Scope): boolean => {
  let atOnce = false
  Effect.runSync(
    Scope.addFinalizer(
      scope,
      Effect.sync(() => (atOnce = true))
    )
  )
  return atOnce
}

/**
 * Ends the process and its group, waits for that, and closes its pipes; also on a loop that is closed meanwhile. What was let
 * go goes on.
 */
const end = (loop: Home, child: Child): Effect.Effect<void> =>
  callback<void>((resume) => {
    if (child.unowned) return resume(Effect.void)
    loop._start()
    const waiting = new Waiting(loop, () => resume(Effect.void))
    child.stop(() => {
      child.closePipes()
      loop._afterQueued(() => waiting.run())
    })
  })

/** Starts a child that its Scope owns: `begin` does, and what it throws beside LoopClosedError is a defect. */
export const startScoped = (
  loop: Home,
  begin: () => Future<Child>
): Effect.Effect<ScopedChild, SpawnError | LoopClosedError | QueueFullError, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.catchTag(
        awaitFuture(
          loop,
          begin,
          (started) => fromFuture(started, (error) => error as SpawnError),
          (started) => {
            started.cancel()
            return awaitDone(loop, started)
          }
        ),
        // Nobody else has the Future.
        "CancelledError",
        Effect.die
      ),
      (child) => end(loop, child)
    ),
    (child) => Effect.map(Effect.scope, (scope) => new ScopedChild(loop, child, scope))
  )
