// A log of a hundred megabytes in, a table out: programs of the system, worker threads, a FIFO and signals in one Effect
// program that is all Streams in between.
//
//     npm run pipeline                           make a log, and say what took how long in it
//     npm run pipeline -- trace.log.gz           the same with a log of yours (node --trace-event-categories ...; gzip)
//     npm run pipeline -- --once                 with somebody at the controls, and compared with what a shell finds
//
// While it runs: echo status > the FIFO that it names (or pause, resume, step 5), SIGHUP to read the config file again,
// Ctrl-C or SIGTERM to end it in order.
//
// Begin here, then pipeline.ts (how it is put together), tool.ts (programs), blocks.ts and parse.mjs (threads), control.ts.
import { copyFile, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Console, Duration, Effect, SubscriptionRef } from "effect"
import { acquireAio, fromAio, Loop } from "effect-aio"
import { watchConfig } from "./config.js"
import { listen } from "./control.js"
import { makeLog } from "./log.js"
import { compare, script } from "./once.js"
import { type Group, pipeline } from "./pipeline.js"
import { Progress, show } from "./progress.js"
import { closes, mib, reportAtExit, some, table } from "./report.js"
import { makeValve } from "./valve.js"

const {
  positionals: [given],
  values
} = parseArgs({
  allowPositionals: true,
  options: {
    once: { type: "boolean", default: false },
    /** Lets no block pass until the FIFO says so. */
    paused: { type: "boolean", default: false },
    config: { type: "string", default: fileURLToPath(new URL("config.json", import.meta.url)) },
    /** How long the log is that it makes. */
    megabytes: { type: "string", default: "100" }
  }
})

const megabytes = Number(values.megabytes)
if (!(megabytes > 0)) throw new RangeError(`--megabytes takes a number above 0, not ${values.megabytes}`)

const temporaryFolder = acquireAio({
  name: "temporary folder",
  open: () => mkdtemp(join(tmpdir(), "pipeline-")),
  close: (path) => rm(path, { recursive: true })
})

const ms = (microseconds: number): string =>
  (microseconds / 1_000).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 })

const rows = (groups: ReadonlyArray<Group>) => [
  ["category", "name", "count", "total ms", "each µs"],
  ...groups.map(({ category, count, microseconds, name }) => [
    category,
    name,
    count.toLocaleString("en"),
    ms(microseconds),
    Math.round(microseconds / count).toLocaleString("en")
  ])
]

/** The config file, or a copy of it that `--once` may change. */
const configIn = (folder: string) =>
  values.once
    ? Effect.gen(function* () {
        const copy = join(folder, "config.json")
        yield* fromAio(() => copyFile(values.config, copy))()
        return copy
      })
    : Effect.succeed(values.config)

// What is opened first is closed last.
const main = Effect.gen(function* () {
  yield* reportAtExit
  const folder = yield* closes("folder", temporaryFolder, (path) => `${path} is gone`)
  const configPath = yield* configIn(folder)
  const config = yield* watchConfig(configPath)
  const log = given ?? (yield* makeLog(folder, megabytes))
  const progress = new Progress()
  const valve = yield* makeValve(values.paused ? 0 : values.once ? 1 : Infinity)
  const fifo = yield* closes("control", listen(folder, progress, valve), () => "nobody listens any more")

  const run = Effect.scoped(
    Effect.zipRight(show(progress), pipeline({ config, folder, log, progress, valve }))
  )
  const controls = values.once ? script({ config, configPath, fifo, valve }) : Effect.void
  const [took, [groups]] = yield* Effect.timed(Effect.all([run, controls], { concurrency: "unbounded" }))

  const { top } = yield* SubscriptionRef.get(config)
  yield* Console.log(table(rows(groups.slice(0, top)), 2))
  yield* Console.log(
    `${some(progress.events, "event")} in ${some(groups.length, "group")}, ` +
      `${mib(progress.bytes)} in ${Duration.toSeconds(took).toFixed(1)} s; ` +
      // Of the whole process, its threads included. Programs of the system have their own.
      `at most ${mib(process.resourceUsage().maxRSS * 1_024)} of memory`
  )
  if (values.once) yield* compare(log, yield* SubscriptionRef.get(config), groups)
}).pipe(Effect.scoped)

void Loop.run(main, { name: "pipeline" })
