// A shop that can be looked into: GET /prices/7 crosses the border three times, GET /metrics of the control server is what
// Prometheus reads.
//
//     npm run metrics                  serve; try curl .../prices/7, curl .../metrics, then kill -TERM
//     npm run metrics -- --check       scraped and traced by check.ts; -- --line 4 is Effect 4
//
// Begin with three/main.ts (Effect 3) or four/main.ts (Effect 4): what exports, as either line spells it.
import { createServer } from "node:http"
import { Console, Effect } from "effect"
import { fromAio, Loop, runEffect, Server, sleep } from "effect-aio"

/** A promise library would be here. */
const load = fromAio(
  async (id: string) => {
    await sleep(20)
    if (!/^\d+$/.test(id)) throw new RangeError(`there is no ${id}`)
    return Number(id) * 100
  },
  { name: "load" }
)

/** Aio code that Effect code calls, and that calls Effect code, which calls aio code. */
const price = fromAio(
  async (id: string) => {
    const cents = await runEffect(load(id), { name: "query" })
    return { id, price: `${cents / 100} EUR` }
  },
  { name: "price" }
)

/** Work that goes on while there is a shop. */
const restock = async () => {
  for (;;) await sleep(3_600_000)
}

const onFailure = () => ({ status: 404, body: { error: "nothing of that name" } })

/** `scrape` gives the text that Prometheus reads, as the installed Effect has it. */
export const shop = <E>(scrape: Effect.Effect<string, E, Loop>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const loop = yield* Loop
      for (const shelf of ["apples", "pears"]) loop.createTask(restock, { name: `restock ${shelf}` })
      // Reads until its input ends.
      yield* Loop.subprocess("cat")

      const prices = yield* Server.handler(
        ({ path }) => Effect.map(price(path.slice(8)), (body) => ({ body })),
        {
          name: "prices",
          span: true,
          onFailure
        }
      )
      // Up to date as it is read; and nobody traces those who look.
      const metrics = Effect.gen(function* () {
        yield* Loop.sampleMetrics
        const body = yield* scrape
        return { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" }, body }
      })
      const control = yield* Server.handler(Effect.withTracerEnabled(metrics, false), { name: "metrics" })

      const at = { host: "127.0.0.1", port: 0 }
      const site = yield* Server.scoped(createServer(prices), { ...at, name: "prices" })
      const seen = yield* Server.scoped(createServer(control), { ...at, name: "control" })
      yield* Console.log(
        `shop at http://127.0.0.1:${site.port}, metrics at http://127.0.0.1:${seen.port}/metrics`
      )
      return yield* Effect.never
    })
  )
