// The platform's programs on a loop: an HttpApi, commands and a promise library, as one program that ends when it is told to.
//
//     npm run platform                  serve; try curl .../ratings/7, and
//                                       curl -d '{"lines":["b","a"]}' -H content-type:application/json .../sort; kill -TERM
//     npm run platform -- --once        as a child process under load, which is told to end; what became of every request
//
// Begin with three/site.ts (Effect 3) or four/site.ts (Effect 4): the same program, as either line spells it.
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { Loop } from "effect-aio"
import { once } from "./once.js"

const { values } = parseArgs({
  options: { once: { type: "boolean", default: false }, port: { type: "string", default: "0" } }
})

/** The site as the installed Effect spells it: each compiles beside its own line only. */
interface Line {
  readonly site: (port: number) => Effect.Effect<never, unknown, Loop>
}
const line = "callback" in Effect ? "four" : "three"
const { site } = (await import(`./${line}/site.js`)) as Line

Loop.runMain(values.once ? once : site(Number(values.port)), { name: "platform", closeDeadline: "5 seconds" })
