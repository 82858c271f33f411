// What the program prints when it closes: each thing that closed, in order, and how long it took; the loop comes last.
import { Duration, Effect, Exit, Scope } from "effect"
import { Loop } from "effect-aio"

let closingSince: number | undefined
let lastClosed: number | undefined

const since = (from: number): string => `${(performance.now() - from).toFixed(1)} ms`

const line = (name: string, from: number, detail = ""): void => {
  if (lastClosed === undefined) console.log("closing:")
  closingSince ??= from
  lastClosed = performance.now()
  console.log(`  ${name.padEnd(16)} ${since(from).padStart(11)}   ${detail}`.trimEnd())
}

/** The same resource; when its Scope has closed it, a line says so. */
export const closes = <A, E, R>(
  name: string,
  resource: Effect.Effect<A, E, R>,
  detail: (resource: A) => string = () => ""
): Effect.Effect<A, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      // A Scope of its own, so that its closing can be measured.
      const scope = yield* Scope.make()
      const opened = yield* restore(Scope.extend(resource, scope)).pipe(
        Effect.onError((cause) =>
          Effect.ensuring(
            Scope.close(scope, Exit.failCause(cause)),
            Effect.sync(() => line(name, closingSince ?? performance.now(), "never opened"))
          )
        )
      )
      yield* Effect.addFinalizer((exit) => {
        const from = performance.now()
        return Effect.ensuring(
          Scope.close(scope, exit),
          Effect.sync(() => line(name, from, detail(opened)))
        )
      })
      return opened
    })
  )

/** The loop closes after everything that runs on it, so only the exit of the process can tell how long that took. */
export const reportAtExit = Effect.gen(function* () {
  const loop = yield* Loop
  const begin = (): void => void (closingSince ??= performance.now())
  process.prependOnceListener("SIGINT", begin)
  process.prependOnceListener("SIGTERM", begin)
  process.once("exit", () => {
    begin()
    if (loop.isClosed()) line("loop", lastClosed ?? closingSince ?? 0)
    else console.log("  not closed: the loop, and what is on it")
    const left = process.getActiveResourcesInfo().filter((name) => !/^(TTYWrap|PipeWrap)$/.test(name))
    console.log(`closed in ${since(closingSince ?? 0)}; left running: ${left.join(", ") || "nothing"}`)
  })
})

/** A duration as people say it. */
export const seconds = (duration: Duration.Duration): string => `${Duration.toSeconds(duration).toFixed(1)} s`

/** A table of two columns. */
export const table = (title: string, rows: ReadonlyArray<readonly [string, string | number]>): string => {
  const cells = rows.map(
    ([name, value]) => [name, typeof value === "number" ? value.toLocaleString("en") : value] as const
  )
  const names = Math.max(...cells.map(([name]) => name.length))
  const values = Math.max(...cells.map(([, value]) => value.length))
  const lines = cells.map(([name, value]) => `  ${name.padEnd(names)}  ${value.padStart(values)}`)
  return [title, ...lines].join("\n")
}
