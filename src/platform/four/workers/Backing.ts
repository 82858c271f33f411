/**
 * A worker of `effect/workers`: started by `run`, and again by the next one. What is sent before it is ready is posted then. A
 * message from it is handled where it comes in, by a fiber that is kept only where it has not ended by then.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Worker from "effect/workers/Worker"
import {
  WorkerError,
  WorkerReceiveError,
  WorkerSendError,
  WorkerSpawnError
} from "effect/workers/WorkerError"
import type { EventLoop } from "../../../Loop/EventLoop.js"
import { errorText } from "../../../Loop/kernel/describe.js"
import type { OwnedWorker } from "../../../Loop/worker/OwnedWorker.js"
import { workersOf } from "../../../Loop/worker/OwnedWorkers.js"
import { RpcJobs } from "../../workers/RpcJobs.js"
import { type CheckedOptions, settingsFor } from "../../workers/WorkerOptions.js"

const failed =
  (Reason: typeof WorkerSpawnError | typeof WorkerReceiveError | typeof WorkerSendError) =>
  (cause: unknown): WorkerError =>
    new WorkerError({ reason: new Reason({ message: errorText(cause), cause }) })

const spawnFailed = failed(WorkerSpawnError)
const receiveFailed = failed(WorkerReceiveError)
const sendFailed = failed(WorkerSendError)

/** What a worker says: that it is ready, or a message. */
const isMessage = (data: unknown): data is Worker.PlatformMessage =>
  Array.isArray(data) && (data[0] === 0 || (data[0] === 1 && data.length > 1))

/** Ends a worker, and completes when it has gone. */
const ended = (loop: EventLoop, worker: OwnedWorker): Effect.Effect<void> =>
  Effect.callback<void>((resume) => workersOf(loop).closeWith(worker, () => resume(Effect.void)))

export class Backing<O, I> implements Worker.Worker<O, I> {
  /** The worker of the last `run`, while it can be talked to. */
  #worker: OwnedWorker | undefined
  /** It can be posted to: what was sent before is on its way. */
  #ready = false
  #unsent: Array<readonly [message: I, transfers: ReadonlyArray<unknown> | undefined]> = []
  readonly #jobs = new RpcJobs()

  constructor(
    private readonly loop: EventLoop,
    private readonly options: CheckedOptions,
    private readonly spawner: Worker.SpawnerFn,
    private readonly id: number
  ) {}

  readonly send = (message: I, transfers?: ReadonlyArray<unknown>): Effect.Effect<void, WorkerError> =>
    Effect.suspend(() => {
      if (!this.#ready) {
        this.#unsent.push([message, transfers])
        return Effect.void
      }
      try {
        this.#post(message, transfers)
        return Effect.void
      } catch (cause) {
        return Effect.fail(sendFailed(cause))
      }
    })

  readonly run = <A, E, R>(
    handler: (message: O) => Effect.Effect<A, E, R>,
    { onSpawn = Effect.void }: { readonly onSpawn?: Effect.Effect<void> | undefined } = {}
  ): Effect.Effect<never, E | WorkerError, R> =>
    Effect.contextWith((context: Context.Context<R>) => {
      const over = Deferred.makeUnsafe<never, E | WorkerError>()
      const handling = new Set<Fiber.Fiber<unknown, E>>()
      const fork = Effect.runForkWith(context)
      const fail = (exit: Exit.Exit<never, E | WorkerError>): void => void Deferred.doneUnsafe(over, exit)
      const handle = (effect: Effect.Effect<unknown, E, R>, then?: () => void): void => {
        const fiber = fork(effect)
        const told = (exit: Exit.Exit<unknown, E>): void => {
          if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) fail(Exit.failCause(exit.cause))
          else then?.()
        }
        const exit = fiber.pollUnsafe()
        if (exit !== undefined) return told(exit)
        handling.add(fiber)
        fiber.addObserver((ended) => {
          handling.delete(fiber)
          told(ended)
        })
      }
      return Effect.acquireUseRelease(
        Effect.try({
          try: () =>
            this.#start(
              () => handle(onSpawn, () => this.#open(fail)),
              (message) => handle(handler(message)),
              (error) => fail(Exit.fail(error))
            ),
          catch: spawnFailed
        }),
        () => Deferred.await(over),
        (worker) => {
          this.#close(worker)
          return Effect.andThen(Fiber.interruptAll(handling), ended(this.loop, worker))
        }
      )
    })

  #post(message: I, transfers: ReadonlyArray<unknown> | undefined): void {
    if (this.#worker === undefined) throw new Error("the worker has ended")
    this.#worker.post([0, message], transfers)
    this.#jobs.sent(message, this.loop.time())
  }

  #start(
    onReady: () => void,
    onMessage: (message: O) => void,
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
          if (!isMessage(data)) return
          if (data[0] === 1) {
            this.#jobs.received(data[1])
            return onMessage(data[1] as O)
          }
          if (ready) return
          ready = true
          onReady()
        },
        lost: (cause) => {
          this.#close(worker)
          // Whoever has sent that hears that the worker is lost, and the next one is not to do it.
          this.#unsent = []
          onLost(ready ? receiveFailed(cause) : spawnFailed(cause))
        }
      }
    )
    this.#worker = worker
    return worker
  }

  /** What was sent so far is posted, in order; what cannot be posted fails whoever runs the worker. */
  #open(fail: (exit: Exit.Exit<never, WorkerError>) => void): void {
    if (this.#worker === undefined) return
    this.#ready = true
    for (const [message, transfers] of this.#unsent.splice(0)) {
      try {
        this.#post(message, transfers)
      } catch (cause) {
        fail(Exit.fail(sendFailed(cause)))
      }
    }
  }

  #close(worker: OwnedWorker): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#ready = false
    this.#jobs.clear()
  }
}
