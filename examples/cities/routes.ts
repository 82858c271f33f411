// From a request to an answer, as one Effect that cannot fail: each error of ours has its status.
import { Data, Effect, ParseResult, Ref, Schema } from "effect"
import type { Database } from "./database.js"
import { citiesLike, citiesOf, cityById, loneliest, NotFound } from "./queries.js"
import { Summary } from "./summary.js"

export interface Asked {
  readonly method: string
  /** Path and query, as in the first line of the request. */
  readonly url: string
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

class BadRequest extends Data.TaggedError("BadRequest")<{ readonly message: string }> {}

class NotAllowed extends Data.TaggedError("NotAllowed")<{ readonly message: string }> {}

/** What a parameter has to be, in words that are good enough for the answer. */
const parameter = <A, I>(schema: Schema.Schema<A, I>, words: string) =>
  schema.pipe(Schema.annotations({ message: () => ({ message: words, override: true }) }))

const wholeNumber = (from: number, to: number) =>
  parameter(
    Schema.NumberFromString.pipe(Schema.int(), Schema.between(from, to)),
    `a whole number from ${from} to ${to}`
  )

const Limit = wholeNumber(1, 1_000)
const Country = parameter(Schema.String.pipe(Schema.pattern(/^[A-Z]{2}$/)), "two capital letters, as in AT")
const Prefix = parameter(Schema.Trim.pipe(Schema.length({ min: 2, max: 80 })), "2 to 80 characters")

const OfCountry = Schema.Struct({ country: Country, limit: Limit })
const Search = Schema.Struct({ q: Prefix, limit: Limit })
const ById = Schema.Struct({ id: wholeNumber(1, 2 ** 31 - 1) })

const decoded = <A, I>(schema: Schema.Schema<A, I>, parameters: unknown): Effect.Effect<A, BadRequest> =>
  Effect.mapError(Schema.decodeUnknown(schema, { errors: "all" })(parameters), (error) => {
    const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
    return new BadRequest({ message: issues.map((i) => `${i.path.join(".")}: ${i.message}`).join("; ") })
  })

const route = ({ method, url }: Asked) =>
  Effect.gen(function* () {
    if (method !== "GET") return yield* new NotAllowed({ message: `${method} is not served, only GET` })
    const { pathname, searchParams } = yield* Effect.try({
      try: () => new URL(url, "http://localhost"),
      catch: () => new BadRequest({ message: "this is no URL" })
    })
    const parameters = { limit: "20", ...Object.fromEntries(searchParams) }
    const city = /^\/city\/([^/]+)$/.exec(pathname)
    if (city !== null) return yield* cityById(yield* decoded(ById, { id: city[1] }))
    switch (pathname) {
      case "/cities":
        return yield* citiesOf(yield* decoded(OfCountry, parameters))
      case "/search":
        return yield* citiesLike(yield* decoded(Search, parameters))
      case "/summary": {
        const { numbers, refreshes } = yield* Ref.get(yield* Summary)
        return { ...numbers, refreshes }
      }
      case "/slow":
        return yield* loneliest({ limit: "750 millis" })
      default:
        return yield* new NotFound({ what: `page ${pathname}` })
    }
  })

const refused = (status: number, code: string, message: string): Answer => ({
  status,
  body: { error: { code, message } }
})

const unavailable = () => Effect.succeed(refused(503, "unavailable", "the server is closing or overloaded"))

const broken = (error: unknown) =>
  Effect.as(Effect.logError("a request failed", error), refused(500, "internal", "this is our fault"))

export const answer = (asked: Asked): Effect.Effect<Answer, never, Database | Summary> =>
  route(asked).pipe(
    Effect.map((body): Answer => ({ status: 200, body })),
    Effect.catchTags({
      BadRequest: (error) => Effect.succeed(refused(400, "bad-request", error.message)),
      NotAllowed: (error) => Effect.succeed(refused(405, "not-allowed", error.message)),
      NotFound: (error) => Effect.succeed(refused(404, "not-found", error.message)),
      QueryTimeout: (error) => Effect.succeed(refused(504, "timeout", error.message)),
      QueryFailed: broken,
      // The three ways in which aio work ends that is not of its own making.
      CancelledError: unavailable,
      LoopClosedError: unavailable,
      QueueFullError: unavailable
    }),
    Effect.catchAllDefect(broken)
  )
