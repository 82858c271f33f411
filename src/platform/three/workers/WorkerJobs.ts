/**
 * One worker of a WorkerManager: the requests that were posted to it and who waits for the answers. Between a request and its
 * answer there is no fiber and no queue. The words are those of @effect/platform/Worker, to runners of any kind:
 *
 *     [id, 0, request, span]   a request      [id, 0, values]   an answer, or some of many
 *     [id, 1]                  interrupt it   [id, 1, values?]  there is no more
 *                                             [id, 2, error]    it has failed
 *                                             [id, 3, cause]    it has failed, as a whole Cause
 *
 * Legal states: starting, until its thread is ready and the initial message was answered; open; lost, when it has died: the next
 * request starts another one, from the beginning; closed.
 */
import * as Transferable from "@effect/platform/Transferable"
import type * as Worker from "@effect/platform/Worker"
import { WorkerError } from "@effect/platform/WorkerError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { EventLoop } from "../../../Loop/EventLoop.js"
import { WorkerEndedError } from "../../../Loop/errors.js"
import { Waiting } from "../../../Loop/fiber/Wait.js"
import type { Loss, OwnedWorker, WorkerOwner, WorkerSettings } from "../../../Loop/worker/OwnedWorker.js"
import { workersOf } from "../../../Loop/worker/OwnedWorkers.js"
import { workText } from "../../workers/jobText.js"
import { type Answer, ManyAnswers, OneAnswer } from "./answers.js"

/** What a manager is asked for. */
export type SpawnOptions<I> = Worker.Worker.Options<I>

/** A request that was posted, and not answered whole. */
interface Job<O, E> {
  readonly request: unknown
  readonly since: number
  readonly answer: Answer<O, E>
}

/** How many interrupted jobs are remembered: a runner does not answer one that it has not begun. */
const MOST_INTERRUPTED = 100

/** What goes with a request, for the trace of the worker. */
const spanIn = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Worker.Worker.Span | undefined => {
  const span = fiber.getFiberRef(FiberRef.currentContext).unsafeMap.get(Tracer.ParentSpan.key) as
    Tracer.AnySpan | undefined
  return span?._tag === "Span" ? [span.traceId, span.spanId, span.sampled] : undefined
}

const nothing: ReadonlyArray<unknown> = []

/** Whether something is of the protocol. */
const isMessage = <O extends ReadonlyArray<unknown>>(
  data: unknown
): data is Worker.BackingWorker.Message<O> =>
  Array.isArray(data) && (data[0] === 0 || (data[0] === 1 && Array.isArray(data[1])))

export class WorkerJobs<I, O, E> implements WorkerOwner {
  #state: "starting" | "open" | "lost" | "closed" = "lost"
  #worker: OwnedWorker | undefined
  /** The last one, and those before it that have not gone. */
  #workers: ReadonlyArray<OwnedWorker> = []
  #next = 0
  readonly #jobs = new Map<number, Job<O, E>>()
  /** What was interrupted, and has not said that it has ended. */
  readonly #interrupted = new Map<number, Job<O, E>>()
  /** Who waits until it is open, or is not going to be. */
  #onOpen: Array<(opened: Exit.Exit<void, WorkerError>) => void> = []

  constructor(
    private readonly loop: EventLoop,
    private readonly settings: WorkerSettings,
    private readonly spawn: () => unknown,
    private readonly options: SpawnOptions<I>,
    private readonly runtime: Runtime.Runtime<never>
  ) {}

  /** Until it is open; begins with a new worker where there is none. */
  readonly opened: Effect.Effect<void, WorkerError> = Effect.async<void, WorkerError>((resume) => {
    let opened: Exit.Exit<void, WorkerError> = Exit.void
    const waiting = new Waiting(this.loop, () => resume(opened))
    const tell = (exit: Exit.Exit<void, WorkerError>): void => {
      opened = exit
      waiting.run()
    }
    if (this.#state === "open") return resume(Effect.void)
    if (this.#state === "closed") {
      const cause = new Error("the Scope of this worker has closed")
      return resume(Effect.fail(new WorkerError({ reason: "send", cause })))
    }
    this.#onOpen.push(tell)
    if (this.#state === "lost") this.#start()
    return Effect.sync(() => (this.#onOpen = this.#onOpen.filter((other) => other !== tell)))
  })

  /** What waits for answers is interrupted; completes when the worker has gone. */
  readonly closed: Effect.Effect<void> = Effect.async<void>((resume) => {
    this.#state = "closed"
    this.#settleAll(Cause.interrupt(FiberId.none))
    const waiting = new Waiting(this.loop, () => resume(Effect.void))
    let left = this.#workers.length + 1
    const gone = (): void => {
      if (--left === 0) waiting.run()
    }
    const owned = workersOf(this.loop)
    for (const worker of this.#workers) owned.closeWith(worker, gone)
    gone()
  })

  /** Asks for one answer. */
  readonly executeEffect = (request: I): Effect.Effect<O, E | WorkerError> =>
    Effect.withFiberRuntime<O, E | WorkerError>((fiber) => this.#whenOpen(this.#one(request, spanIn(fiber))))

  /** Asks for many. */
  readonly execute = (request: I): Stream.Stream<O, E | WorkerError> =>
    Stream.unwrapScoped(
      Effect.withFiberRuntime((fiber) => {
        const answers = new ManyAnswers<O, E>(this.loop)
        const begin = this.#encoded(request, (payload, transfers) =>
          Effect.sync(() => this.#post(request, payload, spanIn(fiber), transfers, answers))
        )
        return Effect.map(
          Effect.acquireRelease(this.#whenOpen(begin), (id) => Effect.sync(() => this.#interrupt(id))),
          () => Stream.repeatEffectChunkOption(answers.pull)
        )
      })
    )

  work(): string {
    if (this.#state === "starting" && this.#jobs.size === 0) return "its start"
    return workText([...this.#jobs.values()], [...this.#interrupted.values()], this.loop.time())
  }

  abandoned(): boolean {
    return this.#jobs.size === 0 && this.#interrupted.size > 0
  }

  message(data: unknown): void {
    // Whatever else a worker may post is not for its manager.
    if (!isMessage<Worker.Worker.Response<E, O>>(data)) return
    if (data[0] === 0) this.#ready()
    else this.#answered(data[1])
  }

  lost(cause: Loss): void {
    this.#worker = undefined
    if (this.#state === "closed") return
    const { size } = this.#jobs
    const before = this.#state
    this.#state = "lost"
    // Nobody's failure, and not to be a silence: the next job starts another one, and does not tell.
    // One that a closing loop has told to end has done so.
    const told = this.loop._closing.since !== undefined || this.loop.isClosed()
    if (before === "open" && size === 0 && !told && cause instanceof WorkerEndedError) {
      const message = `${cause.message} while nobody waited for it`
      this.loop.callExceptionHandler({ kind: "late", message, exception: cause })
    }
    const died = Cause.fail(new WorkerError({ reason: "unknown", cause }))
    this.#settleAll(
      before === "starting" ? Cause.fail(new WorkerError({ reason: "spawn", cause })) : died,
      died
    )
  }

  #start(): void {
    this.#state = "starting"
    try {
      const worker = workersOf(this.loop).start(this.spawn, this.settings, this)
      this.#worker = worker
      this.#workers = [...this.#workers.filter(({ gone }) => !gone), worker]
    } catch (cause) {
      this.#state = "lost"
      this.#settleAll(Cause.fail(new WorkerError({ reason: "spawn", cause })))
    }
  }

  #ready(): void {
    if (this.#state !== "starting") return
    const { initialMessage } = this.options
    if (initialMessage === undefined) return this.#tellOpened(Exit.void)
    const worker = this.#worker
    const initial = Effect.suspend(() => this.#one(initialMessage(), undefined)).pipe(
      Effect.mapError((cause) => new WorkerError({ reason: "spawn", cause })),
      Effect.asVoid
    )
    Runtime.runFork(this.runtime)(initial).addObserver((opened) => {
      if (this.#state === "starting" && this.#worker === worker) this.#tellOpened(opened)
    })
  }

  /** It is open, or was refused by its runner: then the next one starts from the beginning. */
  #tellOpened(opened: Exit.Exit<void, WorkerError>): void {
    const refused = this.#worker
    this.#state = Exit.isSuccess(opened) ? "open" : "lost"
    if (Exit.isFailure(opened)) {
      this.#worker = undefined
      refused?.end(() => {})
    }
    for (const tell of this.#onOpen.splice(0)) tell(opened)
  }

  #settleAll(opening: Cause.Cause<WorkerError>, jobs: Cause.Cause<WorkerError> = opening): void {
    const waiting = [...this.#jobs.values()]
    this.#jobs.clear()
    this.#interrupted.clear()
    for (const { answer } of waiting) answer.fail(jobs)
    for (const tell of this.#onOpen.splice(0)) tell(Exit.failCause(opening))
  }

  #whenOpen<A>(effect: Effect.Effect<A, E | WorkerError>): Effect.Effect<A, E | WorkerError> {
    return this.#state === "open" ? effect : Effect.zipRight(this.opened, effect)
  }

  #one(request: I, span: Worker.Worker.Span | undefined): Effect.Effect<O, E | WorkerError> {
    return this.#encoded(request, (payload, transfers) =>
      Effect.async<O, E | WorkerError>((resume) => {
        const id = this.#post(request, payload, span, transfers, new OneAnswer(this.loop, resume))
        return Effect.sync(() => this.#interrupt(id))
      })
    )
  }

  #encoded<A>(
    request: I,
    use: (payload: unknown, transfers: ReadonlyArray<unknown>) => Effect.Effect<A, E | WorkerError>
  ): Effect.Effect<A, E | WorkerError> {
    const { encode } = this.options
    if (encode === undefined) return use(request, nothing)
    return Effect.suspend(() => {
      // One for each request: what is encoded beside it has transfers of its own.
      const collector = Transferable.unsafeMakeCollector()
      return Effect.flatMap(
        Effect.provideService(encode(request), Transferable.Collector, collector),
        (payload) => use(payload, collector.unsafeRead())
      )
    })
  }

  /** What cannot be posted fails, by the answer. */
  #post(
    request: I,
    payload: unknown,
    span: Worker.Worker.Span | undefined,
    transfers: ReadonlyArray<unknown>,
    answer: Answer<O, E>
  ): number {
    const id = this.#next++
    try {
      if (this.#worker === undefined) throw new Error("the worker has died, or its Scope has closed")
      this.#worker.post([0, [id, 0, payload, span]], transfers)
      this.#jobs.set(id, { request, since: this.loop.time(), answer })
    } catch (cause) {
      answer.fail(Cause.fail(new WorkerError({ reason: "send", cause })))
    }
    return id
  }

  #interrupt(id: number): void {
    const job = this.#jobs.get(id)
    if (job === undefined) return
    this.#jobs.delete(id)
    try {
      this.#worker?.post([0, [id, 1]])
    } catch {
      return // It cannot be told, and is about to be lost.
    }
    for (const oldest of this.#interrupted.keys()) {
      if (this.#interrupted.size < MOST_INTERRUPTED) break
      this.#interrupted.delete(oldest)
    }
    this.#interrupted.set(id, job)
  }

  #answered(response: Worker.Worker.Response<E, O>): void {
    const [id, kind] = response
    const job = this.#jobs.get(id)
    if (job === undefined) {
      if (kind !== 0 || this.#interrupted.get(id)?.answer instanceof OneAnswer) this.#interrupted.delete(id)
      return
    }
    const { answer } = job
    if (kind === 0) {
      // One value may be all that was asked for.
      if (answer.data(response[2])) this.#jobs.delete(id)
      return
    }
    this.#jobs.delete(id)
    switch (kind) {
      case 1:
        if (response.length === 3 && answer.data(response[2])) return
        return answer.end()
      case 2:
        return answer.fail(Cause.fail(response[2]))
      case 3:
        return answer.fail(WorkerError.decodeCause(response[2]))
    }
  }
}
