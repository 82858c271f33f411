/** Spans of what crosses the border, on loops that were opened with `tracing`. */
import * as Effect from "effect/Effect"
import type { Home } from "../ports.js"

/** When something was asked for, has begun and has ended, on the loop's clock. */
interface Times {
  readonly asked: number
  readonly began: number | undefined
}

const annotate = (loop: Home, { asked, began }: Times): Effect.Effect<void> => {
  const ended = loop.time()
  return Effect.annotateCurrentSpan({
    "effect_aio.queue_ms": (began ?? ended) - asked,
    "effect_aio.run_ms": began === undefined ? 0 : ended - began
  })
}

/**
 * Aio work that a fiber waits for, in a span of its own below that of the fiber. `start` is given what is to be called as the work
 * begins. The work sees the span as that of the fiber that has called it.
 */
export const spanOfWork = <A, E, R>(
  loop: Home,
  name: string,
  start: (begins: () => void) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const asked = loop.time()
    let began: number | undefined
    const run = Effect.suspend(() => start(() => (began = loop.time())))
    return Effect.withSpan(
      Effect.onExit(run, () => annotate(loop, { asked, began })),
      name,
      { attributes: { "effect_aio.loop": loop.name, "effect_aio.to": "aio" }, captureStackTrace: false }
    )
  })

/** An Effect that aio code starts, in a span of its own below that of the fiber that has called the aio code. */
export const spanOfEffect = <A, E>(
  loop: Home,
  name: string,
  effect: Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const asked = loop.time()
  return Effect.suspend(() => {
    const began = loop.time()
    return Effect.withSpan(
      Effect.onExit(effect, () => annotate(loop, { asked, began })),
      name,
      { attributes: { "effect_aio.loop": loop.name, "effect_aio.to": "effect" }, captureStackTrace: false }
    )
  })
}
