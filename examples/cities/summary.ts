// Numbers about the whole table that are always at hand: a timer of the loop says when, a background task asks the
// database, and whoever wants the numbers reads them without waiting.
import { Context, Deferred, Effect, Layer, Queue, Ref } from "effect"
import { Loop, type Handle, type TimerHandle } from "effect-aio"
import { numbers, type Numbers } from "./queries.js"
import { closes } from "./report.js"

export interface SummaryState {
  readonly numbers: Numbers
  readonly refreshes: number
}

export class Summary extends Context.Tag("cities/Summary")<Summary, Ref.Ref<SummaryState>>() {
  static readonly layer: Layer.Layer<Summary> = Layer.effect(
    Summary,
    Ref.make<SummaryState>({
      numbers: { cities: 0, countries: 0, population: 0, biggest: "" },
      refreshes: 0
    })
  )
}

export const refresh = Effect.gen(function* () {
  const summary = yield* Summary
  const latest = yield* numbers
  yield* Ref.update(summary, ({ refreshes }) => ({ numbers: latest, refreshes: refreshes + 1 }))
})

/** A slow database is worth a line in the log. Anything else is a bug, and crashes the loop: see `runEffectTask`. */
const refreshOrLog = Effect.catchTag(refresh, "QueryTimeout", (error) => Effect.logWarning(error.message))

/** Keeps the summary fresh until the Scope closes. */
export const keepFresh = (every: number) =>
  Effect.gen(function* () {
    const loop = yield* Loop
    const due = yield* Queue.sliding<void>(1)
    const context = yield* Effect.context<Effect.Effect.Context<typeof refresh>>()

    yield* closes(
      "background task",
      Effect.acquireRelease(
        Effect.gen(function* () {
          const ended = yield* Deferred.make<void>()
          const handle: Handle = loop.runEffectTask(
            Effect.forever(Effect.zipRight(Queue.take(due), refreshOrLog)).pipe(
              Effect.provide(context),
              Effect.ensuring(Deferred.succeed(ended, undefined))
            ),
            { name: "keep the summary fresh" }
          )
          return { ended, handle }
        }),
        ({ ended, handle }) =>
          Effect.zipRight(
            Effect.sync(() => handle.cancel()),
            Deferred.await(ended)
          )
      )
    )

    yield* closes(
      "timer",
      Effect.acquireRelease(
        Effect.sync(() => {
          const tick = (): void => {
            Queue.unsafeOffer(due, undefined)
            timer = loop.callLater(every, tick)
          }
          let timer: TimerHandle = loop.callLater(every, tick)
          return { stop: () => timer.cancel() }
        }),
        (timer) => Effect.sync(timer.stop)
      )
    )
  })
