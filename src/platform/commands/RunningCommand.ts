/** A command that runs on a loop, as both lines of the platform know it. `startCommand` makes one. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { defects, failures, forkScoped, handleCause } from "../../effect.js"
import type { Child } from "../../Loop/process/Child.js"
import type { ScopedChild } from "../../Loop/process/ScopedChild.js"
import { commandSink, commandStream, type WriteOptions } from "./commandPipes.js"
import { KeptOutput } from "./KeptOutput.js"
import { killCommand } from "./killing.js"

/** Makes an error of the platform of one of the loop or of Node; `method` is whose failure it is. */
export type Fail<E> = (method: string, error: unknown) => E

/** An input has failed by itself. */
class InputFailed<E> {
  constructor(readonly error: E) {}
}

/** Nobody took all of an input, which is no failure: the command's exit tells. */
class InputNotTaken {
  readonly error: unknown
  constructor(error: unknown) {
    this.error = error
  }
}

export class RunningCommand<E> {
  readonly pid: number
  readonly isRunning: Effect.Effect<boolean>
  readonly #scoped: ScopedChild
  readonly #child: Child
  readonly #fail: Fail<E>
  readonly #kept: KeptOutput
  /** Done once an input has failed. There is none where nothing is fed. */
  #inputFailed: Deferred.Deferred<void> | undefined
  #inputFailure: Effect.Effect<never, E> | undefined

  constructor(scoped: ScopedChild, fail: Fail<E>) {
    const { child } = scoped
    this.pid = child.pid
    this.isRunning = scoped.isRunning
    this.#scoped = scoped
    this.#child = child
    this.#fail = fail
    this.#kept = new KeptOutput(child.pipes)
  }

  /**
   * Waits for the exit: its code, or the negative number of the signal that ended it. Fails with what its input has failed
   * with: the command has not got all of it, and does not know.
   */
  readonly exitCode: Effect.Effect<number, E> = Effect.suspend(() => {
    this.#kept.begin()
    const exit = Effect.mapError(this.#scoped.exitCode, (error) => this.#fail("exitCode", error))
    if (this.#inputFailed === undefined) return exit
    const failed = Effect.as(Deferred.await(this.#inputFailed), 0)
    return Effect.flatMap(
      Effect.raceFirst(exit, failed),
      (code) => this.#inputFailure ?? Effect.succeed(code)
    )
  })

  /** What it writes to a pipe; nothing where there is none. */
  read(fd: number, method: string): Stream.Stream<Uint8Array, E> {
    const pipe = this.#scoped.pipe(fd)
    if (pipe === undefined) return Stream.empty
    const rest = commandStream(...pipe, (error) => this.#fail(method, error))
    return Stream.suspend(() => {
      const kept = this.#kept.read(fd)
      return kept.length === 0 ? rest : Stream.concat(Stream.fromIterable(kept), rest)
    })
  }

  /** Takes what it reads from a pipe; where there is none, takes it and drops it. */
  write(
    fd: number,
    method: string,
    options: WriteOptions = {}
  ): Sink.Sink<void, Uint8Array | string, never, E> {
    const pipe = this.#scoped.pipe(fd)
    if (pipe === undefined) return Sink.drain
    return commandSink(pipe[0], options, (error) => this.#fail(method, error))
  }

  /** Both directions of a pipe stay open until each has ended. */
  keepHalfOpen(fd: number): void {
    const socket = this.#child.pipes.get(fd)
    if (socket !== undefined) socket.allowHalfOpen = true
  }

  /** Nobody will read this pipe. */
  drop(fd: number): void {
    this.#kept.drop(fd)
  }

  /** Writes a Stream to a pipe, beside the program, until the Scope closes. A command that does not want it need not take it. */
  feed(
    fd: number,
    stream: Stream.Stream<Uint8Array | string, E>,
    options: WriteOptions = {}
  ): Effect.Effect<void, never, Scope.Scope> {
    const pipe = this.#scoped.pipe(fd)
    if (pipe === undefined) return Effect.void
    const sink = commandSink(pipe[0], options, (error) => new InputNotTaken(error))
    const fed = Stream.run(
      Stream.mapError(stream, (error) => new InputFailed(error)),
      sink
    )
    return Effect.flatMap(Deferred.make<void>(), (made) => {
      const failed = (this.#inputFailed ??= made)
      return Effect.asVoid(
        forkScoped(
          Effect.interruptible(
            handleCause(fed, (cause) => {
              const errors = failures(cause)
              const own = errors.find((error) => error instanceof InputFailed)
              const [defect] = errors.length === 0 ? defects(cause) : []
              if (own !== undefined) this.#inputFailure ??= Effect.fail(own.error)
              else if (defect !== undefined) this.#inputFailure ??= Effect.die(defect)
              else return Effect.void
              return Effect.asVoid(Deferred.succeed(failed, undefined))
            })
          )
        )
      )
    })
  }

  /** Sends a signal to all of it and waits for the end: see `killCommand`. */
  kill(signal: NodeJS.Signals, insistAfter?: number): Effect.Effect<void, E> {
    return Effect.suspend(() => {
      this.#kept.begin()
      return Effect.mapError(killCommand(this.#scoped.loop, this.#child, signal, insistAfter), (error) =>
        this.#fail("kill", error)
      )
    })
  }

  /** Begins to end it with all of its group, and does not wait. What was let go goes on. */
  tell(): void {
    if (!this.#child.unowned) this.#child.end(() => {})
  }

  /** The loop lets it go. */
  unref(): void {
    this.#child.unref()
  }

  /** The loop has it again. */
  ref(): void {
    this.#child.ref()
  }
}
