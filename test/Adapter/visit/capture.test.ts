import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, FiberRef, HashMap, Logger, type Tracer } from "effect"
import { AsyncLocalStorage } from "node:async_hooks"
import { fromAio, Loop, runAioCoroutine, runAioFuture, runEffect, toAio } from "../../../src/index.js"
import { scoped, settle } from "../../support/scopedLoops.js"

class Greeting extends Context.Tag("test/Greeting")<Greeting, { readonly text: string }>() {}

const ref = FiberRef.unsafeMake("initial")
const als = new AsyncLocalStorage<string>()

const spanName = Effect.map(Effect.option(Effect.currentSpan), (span) =>
  span._tag === "Some" ? (span.value as Tracer.Span).name : "none"
)

describe("context across the border", () => {
  it.live(
    "a value set in Effect is seen by aio code, and by the Effect that calls; changes do not leak back (bridge-057)",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<string> = []
          const inner = yield* toAio(() =>
            Effect.gen(function* () {
              log.push(`inner sees ${yield* FiberRef.get(ref)}`)
              yield* FiberRef.set(ref, "inner")
            })
          )
          const middle = fromAio(async () => {
            log.push(`aio sees ${await runEffect(FiberRef.get(ref))}`)
            await runEffect(
              Effect.locally(
                Effect.promise(async () => inner()),
                ref,
                "middle"
              )
            )
            log.push(`aio still sees ${await runEffect(FiberRef.get(ref))}`)
          })
          yield* FiberRef.set(ref, "outer")
          yield* middle()
          log.push(`outer sees ${yield* FiberRef.get(ref)}`)
          expect(log).toEqual([
            "aio sees outer",
            "inner sees middle",
            "aio still sees outer",
            "outer sees outer"
          ])
        })
      )
  )

  it.live(
    "L5 async-local state set around the program is seen in tasks; what tasks set is seen in Effects they call, and does not leak back (bridge-057)",
    () =>
      Effect.promise(() =>
        als.run("outer", () =>
          Effect.runPromise(
            scoped(
              Effect.gen(function* () {
                const log: Array<string> = []
                const say = (where: string) => log.push(`${where} ${String(als.getStore())}`)
                const inner = yield* toAio(() =>
                  Effect.sync(() => {
                    say("inner")
                    als.enterWith("inner")
                  })
                )
                say("fiber")
                yield* runAioCoroutine(async () => {
                  say("aio")
                  als.enterWith("middle")
                  await inner()
                  say("aio after")
                })
                say("fiber after")
                expect(log).toEqual([
                  "fiber outer",
                  "aio outer",
                  "inner middle",
                  "aio after middle",
                  "fiber after outer"
                ])
              })
            )
          )
        )
      )
  )

  it.live("L5 a fiber resumed by the loop keeps its own async-local state, whoever settles the Future", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const future = loop.createFuture<number>()
        const work = fromAio(async () => {
          await loop.sleep(1)
        })
        const waits = Effect.gen(function* () {
          log.push(als.getStore())
          yield* runAioFuture(future)
          log.push(als.getStore())
          yield* work()
          log.push(als.getStore())
          yield* Loop.synchronize
          log.push(als.getStore())
        })
        const fiber = als.run("fiber", () => Effect.runFork(Effect.provideService(waits, Loop, loop)))
        als.run("settler", () => loop.callLater(1, () => future.setResult(1)))
        yield* Fiber.join(fiber)
        expect(log).toEqual(["fiber", "fiber", "fiber", "fiber"])
      })
    )
  )

  it.live(
    "T6 the Effect that aio code calls sees the FiberRefs, Context, span and log annotations of the calling fiber",
    () => {
      const logged: Array<Record<string, unknown>> = []
      const logger = Logger.make(({ annotations }) => {
        logged.push(Object.fromEntries(HashMap.toEntries(annotations)))
      })
      return scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const seen: Array<unknown> = []
          const look = Effect.gen(function* () {
            const greeting = yield* Effect.serviceOption(Greeting)
            seen.push([
              yield* FiberRef.get(ref),
              greeting._tag === "Some" ? greeting.value.text : "none",
              yield* spanName
            ])
            yield* Effect.log("here")
          })
          const wrapped = yield* toAio(() => look)
          const everywhere = fromAio(async () => {
            await runEffect(look)
            await loop.sleep(1)
            await runEffect(look)
            await wrapped()
            await loop.createTask(async () => await wrapped())
            const later = loop.createFuture<void>()
            loop.callSoon(() => {
              wrapped().addDoneCallback(() => later.setResult())
            })
            await later
          })
          yield* everywhere().pipe(
            Effect.locally(ref, "local"),
            Effect.provideService(Greeting, { text: "hello" }),
            Effect.withSpan("outer span"),
            Effect.annotateLogs("request", 7)
          )
          expect(seen).toEqual(Array(5).fill(["local", "hello", "outer span"]))
          expect(logged).toEqual(Array(5).fill({ request: 7 }))
          seen.length = 0
          yield* everywhere()
          expect(seen).toEqual(Array(5).fill(["initial", "none", "none"]))
        }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      )
    }
  )

  it.live(
    "T6 what R asked for where toAio was called wins over the calling fiber's service; the span is the caller's",
    () =>
      scoped(
        Effect.gen(function* () {
          const wrapped = yield* toAio(() =>
            Effect.all([Effect.map(Greeting, (g) => g.text), spanName])
          ).pipe(Effect.provideService(Greeting, { text: "captured" }), Effect.withSpan("wrapping"))
          const call = fromAio(() => wrapped())
          expect(
            yield* call().pipe(
              Effect.provideService(Greeting, { text: "caller" }),
              Effect.withSpan("calling")
            )
          ).toEqual(["captured", "calling"])
          expect(yield* call()).toEqual(["captured", "none"])
        })
      )
  )

  it.live("T6 what the Effect changes does not leak out to its caller, in any direction", () =>
    scoped(
      Effect.gen(function* () {
        const change = Effect.zipRight(FiberRef.set(ref, "changed"), FiberRef.get(ref))
        const seen = yield* fromAio(async () => [
          await runEffect(change),
          await runEffect(FiberRef.get(ref)),
          await runEffect(Effect.zipRight(Effect.sleep(1), change))
        ])()
        expect(seen).toEqual(["changed", "initial", "changed"])
        expect(yield* FiberRef.get(ref)).toBe("initial")
      })
    )
  )

  it.live("T6 concurrent fibers do not see each other", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const ask = fromAio(async (n: number) => {
          await loop.sleep(n % 3)
          const first = await runEffect(FiberRef.get(ref))
          await loop.sleep((n * 7) % 3)
          return `${first} ${await runEffect(spanName)}`
        })
        const answers = yield* Effect.all(
          Array.from({ length: 50 }, (_, n) =>
            ask(n).pipe(Effect.locally(ref, `ref ${n}`), Effect.withSpan(`span ${n}`))
          ),
          { concurrency: "unbounded" }
        )
        expect(answers).toEqual(Array.from({ length: 50 }, (_, n) => `ref ${n} span ${n}`))
      })
    )
  )

  it.live("T6 a background effect sees the fiber that called the aio code, too", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const seen: Array<unknown> = []
        yield* runAioCoroutine(async () => {
          await Promise.resolve()
          loop.runEffectTask(
            Effect.gen(function* () {
              seen.push(yield* FiberRef.get(ref), yield* spanName)
            })
          )
        }).pipe(Effect.locally(ref, "local"), Effect.withSpan("outer span"))
        yield* settle
        expect(seen).toEqual(["local", "outer span"])
      })
    )
  )

  it.live("T6 through both borders and back: aio in Effect in aio in Effect", () =>
    scoped(
      Effect.gen(function* () {
        const read = Effect.all([FiberRef.get(ref), spanName])
        const innermost = fromAio(async () => await runEffect(read))
        const outer = fromAio(
          async () =>
            await runEffect(
              Effect.withSpan(Effect.locally(innermost(), ref, "second"), "second span") as never
            )
        )
        const result = yield* outer().pipe(Effect.locally(ref, "first"), Effect.withSpan("first span"))
        expect(result).toEqual(["second", "second span"])
      })
    )
  )

  it.live(
    "without asyncContext the calling fiber is known until the first await, and the loop's own state after it",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const seen = yield* runAioCoroutine(async () => {
            const before = await runEffect(FiberRef.get(ref))
            const after = await loop.effectAsFuture(FiberRef.get(ref))
            return [before, after]
          }).pipe(Effect.locally(ref, "local"))
          expect(seen).toEqual(["local", "initial"])
        }),
        { asyncContext: false }
      )
  )
})
