/**
 * A worker without a manager, for who speaks another protocol with it, as @effect/rpc does: started by `run`, and again by the next
 * one. What is sent before that is posted then. A message from it is handled where it comes in, by a fiber that is kept only
 * where it has not ended by then.
 */
import type * as Worker from "@effect/platform/Worker"
import { WorkerError } from "@effect/platform/WorkerError"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type { EventLoop } from "../../../Loop/EventLoop.js"
import { Waiting } from "../../../Loop/fiber/Wait.js"
import type { OwnedWorker } from "../../../Loop/worker/OwnedWorker.js"
import { workersOf } from "../../../Loop/worker/OwnedWorkers.js"
import { RpcJobs } from "../../workers/RpcJobs.js"
import { type CheckedOptions, settingsFor } from "../../workers/WorkerOptions.js"

/** Whether something is of the protocol. */
const isMessage = <O>(data: unknown): data is Worker.BackingWorker.Message<O> =>
  Array.isArray(data) && (data[0] === 0 || (data[0] === 1 && data.length > 1))

/** Ends a worker, and completes when it has gone. */
const ended = (loop: EventLoop, worker: OwnedWorker): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const waiting = new Waiting(loop, () => resume(Effect.void))
    workersOf(loop).closeWith(worker, () => waiting.run())
  })

export class Backing<I, O> implements Worker.BackingWorker<I, O> {
  #worker: OwnedWorker | undefined
  #unsent: Array<readonly [message: I, transfers: ReadonlyArray<unknown> | undefined]> = []
  readonly #jobs = new RpcJobs()

  constructor(
    private readonly loop: EventLoop,
    private readonly options: CheckedOptions,
    private readonly spawner: Worker.SpawnerFn,
    private readonly id: number
  ) {}

  readonly send = (message: I, transfers?: ReadonlyArray<unknown>): Effect.Effect<void, WorkerError> =>
    Effect.try({
      try: () => {
        if (this.#worker === undefined) this.#unsent.push([message, transfers])
        else {
          this.#worker.post([0, message], transfers)
          this.#jobs.sent(message, this.loop.time())
        }
      },
      catch: (cause) => new WorkerError({ reason: "send", cause })
    })

  readonly run = <A, E, R>(
    handler: (message: Worker.BackingWorker.Message<O>) => Effect.Effect<A, E, R>
  ): Effect.Effect<never, E | WorkerError, R> =>
    Effect.flatMap(Effect.runtime<R>(), (runtime) => {
      const over = Deferred.unsafeMake<never, E | WorkerError>(FiberId.none)
      const handling = new Set<Fiber.RuntimeFiber<A, E>>()
      const fork = Runtime.runFork(runtime)
      const told = (exit: Exit.Exit<A, E>): void => {
        if (Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause))
          Deferred.unsafeDone(over, Exit.failCause(exit.cause))
      }
      const handle = (message: Worker.BackingWorker.Message<O>): void => {
        const fiber = fork(handler(message))
        const exit = fiber.unsafePoll()
        if (exit !== null) return told(exit)
        handling.add(fiber)
        fiber.addObserver((ended) => {
          handling.delete(fiber)
          told(ended)
        })
      }
      return Effect.acquireUseRelease(
        Effect.try({
          try: () => this.#start(handle, (error) => Deferred.unsafeDone(over, Exit.fail(error))),
          catch: (cause) => new WorkerError({ reason: "spawn", cause })
        }),
        () => Effect.zipRight(this.#sendUnsent, Deferred.await(over)),
        (worker) => {
          this.#close(worker)
          return Effect.zipRight(Fiber.interruptAll(handling), ended(this.loop, worker))
        }
      )
    })

  /** In order, and once. What cannot be posted fails whoever runs the worker. */
  readonly #sendUnsent: Effect.Effect<void, WorkerError> = Effect.suspend(() =>
    Effect.forEach(this.#unsent.splice(0), ([message, transfers]) => this.send(message, transfers), {
      discard: true
    })
  )

  #start(
    handle: (message: Worker.BackingWorker.Message<O>) => void,
    onLost: (error: WorkerError) => void
  ): OwnedWorker {
    let ready = false
    const worker = workersOf(this.loop).start(
      () => this.spawner(this.id),
      settingsFor(this.options, this.spawner),
      {
        work: () => (ready ? this.#jobs.text(this.loop.time()) : "its start"),
        abandoned: () => this.#jobs.abandoned,
        message: (data) => {
          // Whatever else a worker may post is not for us.
          if (!isMessage<O>(data)) return
          if (data[0] === 0) ready = true
          else this.#jobs.received(data[1])
          handle(data)
        },
        lost: (cause) => {
          this.#close(worker)
          onLost(new WorkerError({ reason: ready ? "unknown" : "spawn", cause }))
        }
      }
    )
    this.#worker = worker
    return worker
  }

  #close(worker: OwnedWorker): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#jobs.clear()
  }
}
