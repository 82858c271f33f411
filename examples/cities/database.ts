// The database: PGlite, which is Postgres in WebAssembly behind a promise API, as an Effect service. It belongs to a
// Scope, every query is bounded by a timeout, and every row is checked before anyone sees it.
import { PGlite } from "@electric-sql/pglite"
import { Context, Data, Duration, Effect, Layer, Schema } from "effect"
import { acquireAio, fromAio, Loop, type AioInterrupted } from "effect-aio"
import { Gate, type Traffic } from "./gate.js"
import { closes } from "./report.js"

export class OpenFailed extends Data.TaggedError("OpenFailed")<{ readonly cause: unknown }> {}

export class QueryFailed extends Data.TaggedError("QueryFailed")<{
  readonly query: string
  readonly cause: unknown
}> {
  override get message(): string {
    return `the query "${this.query}" failed`
  }
}

export class QueryTimeout extends Data.TaggedError("QueryTimeout")<{
  readonly query: string
  readonly limit: Duration.Duration
}> {
  override get message(): string {
    return `${this.query} took longer than ${Duration.format(this.limit)} and was cancelled`
  }
}

export type QueryError = QueryFailed | QueryTimeout | AioInterrupted

/** A statement, and what its rows are. The values come separately, as parameters. */
export interface Query<A, I> {
  readonly name: string
  readonly sql: string
  readonly row: Schema.Schema<A, I>
  /** How long it may take, waiting for its turn included. Default: 5 seconds. */
  readonly limit?: Duration.DurationInput
}

export class Database extends Context.Tag("cities/Database")<
  Database,
  {
    readonly query: <A, I>(
      query: Query<A, I>,
      ...parameters: ReadonlyArray<unknown>
    ) => Effect.Effect<ReadonlyArray<A>, QueryError>
    readonly traffic: Effect.Effect<Traffic & { readonly reached: number }>
  }
>() {
  static readonly layer: Layer.Layer<Database, OpenFailed | AioInterrupted, Loop> = Layer.scoped(
    Database,
    Effect.gen(function* () {
      const loop = yield* Loop
      const gate = new Gate()
      const pglite = yield* closes(
        "database",
        acquireAio({
          name: "database",
          open: () => PGlite.create(),
          // In its turn: after the queries that are running or waiting.
          close: (opened) => gate.through(() => opened.close()),
          catch: (cause) => new OpenFailed({ cause })
        })
      )

      /** How many statements Postgres has seen. */
      let reached = 0

      const run = (name: string, sql: string, parameters: ReadonlyArray<unknown>) =>
        fromAio({
          name,
          try: () =>
            gate.through(() => {
              reached++
              return pglite.query<unknown>(sql, [...parameters])
            }),
          catch: (cause) => new QueryFailed({ query: name, cause }),
          // A statement that runs already cannot be stopped: whoever gives up waits for it, but not for ever.
          grace: "5 seconds"
        })

      return {
        query: ({ limit = "5 seconds", name, row, sql }, ...parameters) => {
          const decode = Schema.decodeUnknown(Schema.Array(row))
          return run(name, sql, parameters).pipe(
            Effect.timeoutFail({
              duration: limit,
              onTimeout: () => new QueryTimeout({ query: name, limit: Duration.decode(limit) })
            }),
            Effect.flatMap(({ rows }) =>
              Effect.mapError(decode(rows), (cause) => new QueryFailed({ query: name, cause }))
            ),
            Effect.provideService(Loop, loop)
          )
        },
        traffic: Effect.sync(() => ({ ...gate.traffic(), reached }))
      }
    })
  )
}
