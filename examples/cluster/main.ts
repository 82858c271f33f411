// Effect's cluster, with a loop in each runner that serves its messages by promise libraries.
//
//     npm run cluster                  three runners on PostgreSQL: one is killed, one is told to stop; see start.mjs
//     node --import tsx examples/cluster/main.ts [--once]
//                                      the same orders without a server: one runner, in memory
//
// Begin here, then three/ (Effect 3) or four/ (Effect 4), the same program as either line spells it: memory.ts puts it together,
// orders.ts is the entity. Then services.ts (the promises that serve it), check.ts (what the engine promises), and postgres/.
import { parseArgs } from "node:util"
import { Console, Data, Effect } from "effect"
import { Loop } from "effect-aio"
import type { Verdict } from "./check.js"
import type { Ledger } from "./ledger.js"
import type { Load } from "./load.js"

class Complaints extends Data.TaggedError("Complaints")<{ readonly complaints: ReadonlyArray<string> }> {}

const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } })

/** The orders in memory as the installed Effect spells them: each compiles beside its own line only. */
interface Line {
  readonly memory: (
    load: Load
  ) => Effect.Effect<{ readonly ledger: Ledger; readonly verdict: Verdict }, unknown, Loop>
}
const line = "callback" in Effect ? "four" : "three"
const { memory } = (await import(`./${line}/memory.js`)) as Line

const main = Effect.gen(function* () {
  const { ledger, verdict } = yield* memory({ seconds: values.once ? 2 : 10, rate: 50 })
  yield* Console.log(
    `${ledger.asked.length} questions, ${ledger.runs.length} runs, ${ledger.paid.length} payments: ` +
      `${verdict.deduplicated} answered by their key, ${verdict.complaints.length} complaints`
  )
  if (verdict.complaints.length > 0) yield* new Complaints(verdict)
})

Loop.run(main, { name: "runner-1" })
