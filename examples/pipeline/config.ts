// The config file: which events count, and how long the table is. SIGHUP has it read again; what has been parsed by then
// stays as it is. A file that is wrong ends the program when it starts, and is refused, with a line that says why, later.
import { readFile } from "node:fs/promises"
import { Data, Effect, ParseResult, Schema, Stream, SubscriptionRef } from "effect"
import { currentSignal, fromAio, Loop } from "effect-aio"
import { told } from "./report.js"

const Config = Schema.Struct({
  categories: Schema.Array(Schema.NonEmptyString),
  top: Schema.Int.pipe(Schema.positive())
})

export type Config = typeof Config.Type

export class BadConfig extends Data.TaggedError("BadConfig")<{
  readonly path: string
  readonly cause: unknown
}> {
  override get message(): string {
    const { cause } = this
    const why = ParseResult.isParseError(cause)
      ? ParseResult.TreeFormatter.formatErrorSync(cause)
      : String(cause)
    return `${this.path} is no config file: ${why}`
  }
}

const read = (path: string) =>
  Effect.flatMap(
    fromAio({
      name: `read ${path}`,
      try: () => readFile(path, { encoding: "utf8", signal: currentSignal() }),
      catch: (cause) => new BadConfig({ path, cause })
    }),
    (text) =>
      Effect.mapError(
        Schema.decode(Schema.parseJson(Config), { onExcessProperty: "error" })(text),
        (cause) => new BadConfig({ path, cause })
      )
  )

/** Reads the file now, and whenever a SIGHUP comes. */
export const watchConfig = (path: string) =>
  Effect.gen(function* () {
    const config = yield* SubscriptionRef.make(yield* read(path))
    const reload = read(path).pipe(
      Effect.tap((latest) => SubscriptionRef.set(config, latest)),
      Effect.flatMap((latest) =>
        told(`config reloaded: ${latest.categories.length} categories, top ${latest.top}`)
      ),
      Effect.catchTag("BadConfig", (error) => told(`config not reloaded: ${error.message}`))
    )
    yield* Effect.forkScoped(Stream.runForEach(Loop.signal("SIGHUP"), () => reload))
    return config
  })
