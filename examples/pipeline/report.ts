// What the program prints when it is told to stop, or fails: each thing that was closed, in order, and how long it took;
// the loop comes last. What closes because it is done has nothing to say.
import { Effect, Exit, Scope } from "effect"
import { Loop } from "effect-aio"

/** Prints a line; on a terminal in place of the one that shows the progress, which will be drawn again. */
export const say = (line: string): void => console.log(process.stderr.isTTY ? `\r\x1b[K${line}` : line)

export const told = (line: string): Effect.Effect<void> => Effect.sync(() => say(line))

let closingSince: number | undefined
let lastClosed: number | undefined

const since = (from: number): string => `${(performance.now() - from).toFixed(1)} ms`

/** One line of it. */
export const closed = (name: string, detail: string, from = closingSince ?? performance.now()): void => {
  if (lastClosed === undefined) say("closing:")
  closingSince ??= from
  lastClosed = performance.now()
  say(`  ${name.padEnd(10)} ${since(from).padStart(11)}   ${detail}`.trimEnd())
}

/** The same resource; when its Scope has closed it before it was done, a line says so. */
export const closes = <A, E, R>(
  name: string,
  resource: Effect.Effect<A, E, R>,
  detail: (resource: A) => string
): Effect.Effect<A, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      // A Scope of its own, so that its closing can be measured.
      const scope = yield* Scope.make()
      const opened = yield* restore(Scope.extend(resource, scope)).pipe(
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      yield* Effect.addFinalizer((exit) => {
        const from = performance.now()
        return Effect.ensuring(
          Scope.close(scope, exit),
          Effect.sync(() => {
            if (Exit.isFailure(exit)) closed(name, detail(opened), from)
          })
        )
      })
      return opened
    })
  )

/** The loop closes after everything that runs on it, so only the exit of the process can tell. */
export const reportAtExit = Effect.gen(function* () {
  const loop = yield* Loop
  const begin = (): void => void (closingSince ??= performance.now())
  process.prependOnceListener("SIGINT", begin)
  process.prependOnceListener("SIGTERM", begin)
  process.once("exit", () => {
    if (lastClosed !== undefined || closingSince !== undefined) {
      closed("loop", loop.isClosed() ? "closed" : "not closed", lastClosed ?? closingSince)
    }
    const left = process.getActiveResourcesInfo().filter((name) => !/^(TTYWrap|PipeWrap)$/.test(name))
    console.log(`left running: ${left.join(", ") || "nothing"}`)
  })
})

/** "1 block", "2 blocks". */
export const some = (n: number, what: string): string =>
  `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`

const MIB = 2 ** 20
export const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`

/** A table: the first columns are words, the others numbers. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>, words: number): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length))
  )
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i < words ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join("  ")
    )
    .join("\n")
}
