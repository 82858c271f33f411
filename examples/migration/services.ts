// The middle as Effects, of steps 4 and 5: the bank, the ledger and the jobs are services, each a Layer that opens and
// closes what it has. Here are no AbortControllers, no timers and no counting of what runs.
import { Context, Data, Duration, Effect, FiberSet, Layer, Schedule } from "effect"
import { acquireAio, currentSignal, fromAio, Loop, type AioError, type AioInterrupted } from "effect-aio"
import { closes } from "./closes.js"
import { ATTEMPTS, BACKOFF, CONCURRENCY, DRAIN, openLedger, pay, TIMEOUT } from "./promises.js"
import { openWorld, type Job, type World as Places } from "./world.js"

export class World extends Context.Tag("migration/World")<World, Places>() {
  static readonly layer = Layer.scoped(
    World,
    acquireAio({ name: "world", open: openWorld, close: (world) => world.close() })
  )
}

export class PaymentFailed extends Data.TaggedError("PaymentFailed")<{ readonly cause: unknown }> {}
export class PaymentTimeout extends Data.TaggedError("PaymentTimeout") {}

export class Bank extends Context.Tag("migration/Bank")<
  Bank,
  { readonly pay: (job: Job) => Effect.Effect<string, PaymentFailed | AioInterrupted> }
>() {
  static readonly layer = Layer.effect(
    Bank,
    Effect.gen(function* () {
      const { bank } = yield* World
      const loop = yield* Loop
      const payment = fromAio({
        name: "payment",
        try: (job: Job) => pay(bank, job, currentSignal()),
        catch: (cause) => new PaymentFailed({ cause })
      })
      return { pay: (job) => Effect.provideService(payment(job), Loop, loop) }
    })
  )
}

export class Ledger extends Context.Tag("migration/Ledger")<
  Ledger,
  { readonly append: (line: string) => Effect.Effect<void, AioError | AioInterrupted> }
>() {
  static readonly layer = Layer.scoped(
    Ledger,
    Effect.gen(function* () {
      const { ledger } = yield* World
      const loop = yield* Loop
      const file = yield* closes(
        "ledger",
        acquireAio({ name: "ledger", open: () => openLedger(ledger), close: (file) => file.close() })
      )
      const append = fromAio(file.append, { name: "append" })
      return { append: (line) => Effect.provideService(append(line), Loop, loop) }
    })
  )
}

/** Some pauses, longer and longer. */
const again = Schedule.intersect(Schedule.exponential(BACKOFF), Schedule.recurs(ATTEMPTS - 1))

export class Jobs extends Context.Tag("migration/Jobs")<
  Jobs,
  {
    readonly add: (job: Job) => Effect.Effect<void>
    readonly status: Effect.Effect<{ readonly accepted: number; readonly finished: number }>
    /** Fails when a result could not be written: that is nobody's in particular, and concerns the whole program. */
    readonly failed: Effect.Effect<never, AioError | AioInterrupted>
  }
>() {
  static readonly layer = Layer.scoped(
    Jobs,
    Effect.gen(function* () {
      const bank = yield* Bank
      const ledger = yield* Ledger
      let accepted = 0
      let finished = 0
      const running = yield* closes("jobs", FiberSet.make<void, AioError | AioInterrupted>())
      // What was accepted may end. What takes too long is interrupted, and waited for, by the FiberSet.
      yield* Effect.addFinalizer(() =>
        Effect.timeoutOption(FiberSet.awaitEmpty(running), Duration.millis(DRAIN))
      )
      const permits = yield* Effect.makeSemaphore(CONCURRENCY)

      const run = (job: Job) =>
        bank.pay(job).pipe(
          Effect.timeoutFail({ duration: Duration.millis(TIMEOUT), onTimeout: () => new PaymentTimeout() }),
          Effect.retry(again),
          Effect.orElseSucceed(() => "given up"),
          // Out of the reach of the retry: a result that cannot be written is no reason to pay again.
          Effect.flatMap((outcome) => ledger.append(`${job.id} ${outcome}`)),
          Effect.ensuring(Effect.sync(() => finished++)),
          permits.withPermits(1)
        )
      return {
        add: (job) => {
          accepted++
          // A forked fiber is uninterruptible where its caller is; this one is not its caller's.
          return Effect.asVoid(FiberSet.run(running, Effect.interruptible(run(job))))
        },
        status: Effect.sync(() => ({ accepted, finished })),
        failed: Effect.zipRight(FiberSet.join(running), Effect.never)
      }
    })
  )
}

/** All of them, the last one closed first. */
export const services = Jobs.layer.pipe(Layer.provide(Bank.layer), Layer.provide(Ledger.layer))
