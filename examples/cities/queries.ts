// What can be asked of the database. Plain Effects, which know nothing of HTTP.
import { Data, Duration, Effect, Option, Schema } from "effect"
import { Database, QueryTimeout } from "./database.js"
import { fold } from "./load.js"

export class NotFound extends Data.TaggedError("NotFound")<{ readonly what: string }> {
  override get message(): string {
    return `there is no ${this.what}`
  }
}

export const City = Schema.Struct({
  id: Schema.Int,
  name: Schema.String,
  country: Schema.String,
  population: Schema.Int,
  longitude: Schema.Number,
  latitude: Schema.Number
})
export type City = typeof City.Type

export const Cities = Schema.Struct({
  /** How many there are, of which `cities` may be the first only. */
  total: Schema.Int,
  cities: Schema.Array(City)
})

export const Numbers = Schema.Struct({
  cities: Schema.Int,
  countries: Schema.Int,
  population: Schema.Number,
  biggest: Schema.String
})
export type Numbers = typeof Numbers.Type

const COLUMNS = "id, name, country, population, longitude, latitude"

const Counted = Schema.Struct({ ...City.fields, total: Schema.Int })

const counted = (rows: ReadonlyArray<typeof Counted.Type>): typeof Cities.Type => ({
  total: rows[0]?.total ?? 0,
  cities: rows.map(({ total: _, ...city }) => city)
})

const byCountry = {
  name: "cities of a country",
  row: Counted,
  sql: `select ${COLUMNS}, (select count(*)::int from city where country = $1) as total
    from city where country = $1 order by population desc, id limit $2`
}

/** The biggest cities of a country, and how many it has. */
export const citiesOf = ({ country, limit }: { readonly country: string; readonly limit: number }) =>
  Effect.gen(function* () {
    const { query } = yield* Database
    const rows = yield* query(byCountry, country, limit)
    if (rows.length === 0) return yield* new NotFound({ what: `country ${country}` })
    return counted(rows)
  })

const byId = { name: "city by id", row: City, sql: `select ${COLUMNS} from city where id = $1` }

export const cityById = ({ id }: { readonly id: number }) =>
  Effect.gen(function* () {
    const { query } = yield* Database
    const [city] = yield* query(byId, id)
    return city ?? (yield* new NotFound({ what: `city ${id}` }))
  })

const byPrefix = {
  name: "cities by name",
  row: Counted,
  sql: `select ${COLUMNS}, count(*) over ()::int as total from city where folded ^@ $1
    order by population desc, id limit $2`
}

/** The biggest cities whose names begin like this, whatever the accents and capitals. None is an answer, too. */
export const citiesLike = ({ limit, q }: { readonly limit: number; readonly q: string }) =>
  Effect.gen(function* () {
    const { query } = yield* Database
    return counted(yield* query(byPrefix, fold(q), limit))
  })

const count = {
  name: "summary",
  row: Numbers,
  sql: `select sum(n)::int as cities, count(*)::int as countries, sum(p)::float8 as population,
      (select name from city order by population desc limit 1) as biggest
    from (select count(*) as n, sum(population) as p from city group by country) each_country`
}

export const numbers = Effect.gen(function* () {
  const { query } = yield* Database
  const [row] = yield* query(count)
  return row ?? (yield* Effect.dieMessage("an aggregate has one row"))
})

const nearest = {
  name: "nearest neighbour",
  row: Schema.Struct({ id: Schema.Int, name: Schema.String, distance: Schema.Number }),
  sql: `select a.id, a.name, (
      select sqrt(min((a.longitude - b.longitude) ^ 2 + (a.latitude - b.latitude) ^ 2))
      from city b where b.country = a.country and b.id <> a.id
    ) as distance
    from city a where a.country = 'US' and a.id > $1 order by a.id limit 1`
}

/**
 * The city of the US that is furthest from its next neighbour: each of 16,677 cities is compared with all others, which
 * takes minutes. A statement that runs inside Postgres cannot be stopped there, so this asks for one city at a time:
 * others get their turn in between, and the timeout finds it between two statements at the latest.
 */
export const loneliest = ({ limit }: { readonly limit: Duration.DurationInput }) =>
  Effect.gen(function* () {
    const { query } = yield* Database
    let found = Option.none<{ readonly name: string; readonly distance: number }>()
    let [next] = yield* query(nearest, 0)
    while (next !== undefined) {
      if (Option.isNone(found) || next.distance > found.value.distance) found = Option.some(next)
      ;[next] = yield* query(nearest, next.id)
    }
    return Option.isSome(found) ? found.value : yield* new NotFound({ what: "city at all" })
  }).pipe(
    Effect.timeoutFail({
      duration: limit,
      onTimeout: () => new QueryTimeout({ query: "the loneliest city", limit: Duration.decode(limit) })
    })
  )
