// Spans of what crosses the border, in both directions.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, type Tracer } from "effect"
import {
  fromAio,
  Loop,
  runAioCoroutine,
  runEffect,
  runEffectTask,
  SyncLoop,
  toAio
} from "../../../src/index.js"
import { scoped, settle } from "../../support/scopedLoops.js"

/** A span and those that it is below of. */
const chainOf = (span: Tracer.AnySpan | undefined): ReadonlyArray<Tracer.Span> => {
  if (span?._tag !== "Span") return []
  const parent: unknown = span.parent
  return [
    span,
    ...chainOf(
      Option.isOption(parent)
        ? (Option.getOrUndefined(parent) as Tracer.AnySpan)
        : (parent as Tracer.AnySpan | undefined)
    )
  ]
}

const names = (spans: ReadonlyArray<Tracer.Span>): ReadonlyArray<string> => spans.map(({ name }) => name)

const here = Effect.map(Effect.currentSpan, chainOf)

const tracing = { name: "main", tracing: true }

describe("tracing", () => {
  it.live("gives aio work a span below that of its fiber, and an Effect of that work one below it", () =>
    Effect.gen(function* () {
      const load = fromAio(() => runEffect(here, { name: "query" }), { name: "load" })
      const spans = yield* scoped(load().pipe(Effect.withSpan("page")), tracing)
      expect(names(spans)).toEqual(["query", "load", "page"])
      const [query, work] = spans
      expect([...(work?.attributes.keys() ?? [])].sort()).toEqual([
        "effect_aio.loop",
        "effect_aio.queue_ms",
        "effect_aio.run_ms",
        "effect_aio.to"
      ])
      expect(work?.attributes.get("effect_aio.loop")).toBe("main")
      expect([work, query].map((span) => span?.attributes.get("effect_aio.to"))).toEqual(["aio", "effect"])
      expect(work?.attributes.get("effect_aio.queue_ms")).toBeGreaterThanOrEqual(0)
      for (const span of [query, work]) expect(span?.status._tag).toBe("Ended")
    })
  )

  it.live("counts the time in the queue apart from that of the work", () =>
    Effect.gen(function* () {
      const spans = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const busy = (): void => {
            const until = performance.now() + 30
            while (performance.now() < until);
          }
          return yield* Effect.promise(() => {
            const future = loop.effectAsFuture(here, { name: "waits" })
            busy()
            return future
          })
        }),
        tracing
      )
      expect(spans[0]?.attributes.get("effect_aio.queue_ms")).toBeGreaterThanOrEqual(29)
    })
  )

  it.live("goes through functions of toAio, background Effects, and coroutines", () =>
    Effect.gen(function* () {
      const spans: Array<ReadonlyArray<string>> = []
      const keep = Effect.map(here, (chain) => void spans.push(names(chain)))
      yield* scoped(
        Effect.gen(function* () {
          const kept = yield* toAio(() => keep, { name: "called" })
          const work = async (): Promise<void> => {
            await kept()
            runEffectTask(keep, { name: "background" })
          }
          yield* runAioCoroutine(work, { name: "work" })
          yield* settle
        }).pipe(Effect.withSpan("page")),
        tracing
      )
      expect(spans).toEqual([
        ["called", "work", "page"],
        ["background", "work", "page"]
      ])
    })
  )

  it.live("ends a span as the work has ended: with a value, a failure, an interruption", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.Span> = []
      const work = (name: string, then: () => Promise<unknown>) =>
        fromAio(
          async () => {
            spans.push(...(await runEffect(here)).slice(1, 2))
            return then()
          },
          { name }
        )()
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          yield* work("value", () => Promise.resolve(1))
          yield* Effect.exit(work("failure", () => Promise.reject(new Error("no"))))
          const fiber = yield* Effect.fork(work("interruption", () => Promise.resolve(loop.sleep(60_000))))
          yield* settle
          yield* Fiber.interrupt(fiber)
        }),
        tracing
      )
      expect(
        spans.map(({ name, status }) => [
          name,
          status._tag === "Ended" && Exit.isSuccess(status.exit),
          status._tag === "Ended" && Exit.isFailure(status.exit) && Exit.isInterrupted(status.exit)
        ])
      ).toEqual([
        ["value", true, false],
        ["failure", false, false],
        ["interruption", false, true]
      ])
    })
  )

  it.live("keeps spans of calls that run at the same time apart", () =>
    Effect.gen(function* () {
      const load = fromAio(
        async (name: string) => {
          await new Promise((resolve) => setTimeout(resolve, 1))
          return runEffect(here, { name })
        },
        { name: "load" }
      )
      const all = Array.from({ length: 50 }, (_, i) => load(`${i}`).pipe(Effect.withSpan(`page ${i}`)))
      const spans = yield* scoped(Effect.all(all, { concurrency: "unbounded" }), tracing)
      expect(spans.map(names)).toEqual(spans.map((_, i) => [`${i}`, "load", `page ${i}`]))
    })
  )

  it.live("is off unless it is asked for: the Effect of aio work sees the span of its fiber, as ever", () =>
    Effect.gen(function* () {
      const load = fromAio(() => runEffect(here), { name: "load" })
      const spans = yield* scoped(load().pipe(Effect.withSpan("page")))
      expect(names(spans)).toEqual(["page"])
    })
  )

  it("is a boolean", () => {
    expect(() => SyncLoop.make({ tracing: "yes" as never })).toThrow(
      new TypeError('tracing is a boolean, not "yes"')
    )
  })
})
