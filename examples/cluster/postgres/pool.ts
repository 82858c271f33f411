// The promise driver `pg`: what the services and the check ask the database by. The engine has connections of its own.
import pg from "pg"
import type { Query } from "../ledger.js"

export const openPool = (url: string, name: string, max = 4): pg.Pool =>
  // A connection that the server ends while nobody uses it is an event; without a listener it would end the process.
  new pg.Pool({ connectionString: url, application_name: name, connectionTimeoutMillis: 5_000, max }).on(
    "error",
    () => {}
  )

export const queryOf =
  (pool: pg.Pool): Query =>
  async (sql, values = []) =>
    (await pool.query(sql, [...values])).rows as ReadonlyArray<unknown>
