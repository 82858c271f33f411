import { Effect } from "effect"
import { PGlite } from "@electric-sql/pglite"
import { fromAio } from "effect-aio"
import { program } from "./_harness.mjs"

// recipe: the database disposes itself; a query cannot be stopped, but the next one does not begin
const open = Effect.flatMap(fromAio(() => PGlite.create())(), (database) =>
  fromAio(database, { name: "database" })
)
const query = fromAio((database, sql) => database.query(sql))
// end

const loop = (database) => Effect.forever(query(database, "select count(*) from generate_series(1, 20000)"))
program({ open, call: loop, after: 500 })
