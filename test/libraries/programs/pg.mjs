import { Effect } from "effect"
import pg from "pg"
import { acquireAio, fromAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

const open = acquireAio({
  name: "pool",
  open: () => new pg.Pool({ connectionString: url }).on("error", () => {}),
  close: (pool) => pool.end()
})

// recipe: a query is cancelled by the server, which another connection asks for
const query = (pool, sql) =>
  Effect.gen(function* () {
    const release = (client) => client.release()
    const client = yield* acquireAio({ name: "client", open: () => pool.connect(), close: release })
    const cancel = () => pool.query("select pg_cancel_backend($1)", [client.processID])
    return yield* fromAio(() => client.query(sql), { name: sql, cancel })()
  }).pipe(Effect.scoped)
// end

program({ open, call: (pool) => query(pool, "select pg_sleep(30)") })
