// Effect's cluster, with a loop in each runner that serves its messages by promise libraries.
//
//     npm run cluster                  three runners on PostgreSQL: one is killed, one is told to stop; see start.mjs
//     node --import tsx examples/cluster/main.ts [--once]
//                                      the same orders without a server: one runner, in memory
//
// Begin here, then three/memory.ts (how it is put together), three/orders.ts (the entity), services.ts (the promises that serve
// it), check.ts (what the engine promises); then postgres/. What is in three/ is for Effect 3, and in four/ for Effect 4.
import { parseArgs } from "node:util"
import { Console, Data, Effect } from "effect"
import { Loop } from "effect-aio"
import { memory } from "./three/memory.js"

class Complaints extends Data.TaggedError("Complaints")<{ readonly complaints: ReadonlyArray<string> }> {}

const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } })

const main = Effect.gen(function* () {
  const { ledger, verdict } = yield* memory({ seconds: values.once ? 2 : 10, rate: 50 })
  yield* Console.log(
    `${ledger.asked.length} questions, ${ledger.runs.length} runs, ${ledger.paid.length} payments: ` +
      `${verdict.deduplicated} answered by their key, ${verdict.complaints.length} complaints`
  )
  if (verdict.complaints.length > 0) yield* new Complaints(verdict)
})

Loop.run(main, { name: "runner-1" })
