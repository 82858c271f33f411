import Database from "better-sqlite3"

const database = new Database(":memory:")

/** Row by row: between two of them the thread can be ended, in one long step of the database it cannot. */
export const count = (sql) => {
  let rows = 0
  for (const _ of database.prepare(sql).iterate()) rows++
  return rows
}
