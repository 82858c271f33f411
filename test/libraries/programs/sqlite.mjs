import { Executor, fromAio, Loop } from "effect-aio"
import { Effect } from "effect"
import { program } from "./_harness.mjs"

const module = new URL("_sqlite.mjs", import.meta.url)

// recipe: a synchronous database in threads of its own; between two rows they can be ended
const open = Executor.scoped({ name: "sqlite", maxWorkers: 2, grace: "100 millis" })
const count = (executor, sql) =>
  Effect.flatMap(Loop, (loop) =>
    fromAio(() => loop.runInExecutor(executor, { module, export: "count" }, sql), { name: sql })()
  )
// end

program({
  open,
  call: (executor) =>
    count(executor, "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n")
})
