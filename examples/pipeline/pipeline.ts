// gzip -dc | blocks | worker threads | sort | awk: five programs' worth of work with little in memory, since each step takes
// from the one before it what it can use, and no more. The first that fails ends all.
import { fileURLToPath } from "node:url"
import { Cause, Data, Effect, Stream, SubscriptionRef } from "effect"
import { Executor, fromAio, Loop, type ModuleJob, transfer } from "effect-aio"
import { type Block, blocks } from "./blocks.js"
import type { Config } from "./config.js"
import type { parse } from "./parse.mjs"
import type { Progress } from "./progress.js"
import { closed, closes, some } from "./report.js"
import { tool } from "./tool.js"
import type { Valve } from "./valve.js"

export class JobFailed extends Data.TaggedError("JobFailed")<{
  readonly number: number
  /** Where the block begins, in bytes. */
  readonly at: number
  readonly cause: unknown
}> {
  override get message(): string {
    return `block ${this.number} (at byte ${this.at}) could not be parsed: ${String(this.cause)}`
  }
}

/** How many things of a kind the trace tells of, and how long they took together. */
export interface Group {
  readonly category: string
  readonly name: string
  readonly count: number
  readonly microseconds: number
}

const BLOCK = 2 * 2 ** 20
const WORKERS = 2

const script = fileURLToPath(new URL("group.awk", import.meta.url))

const job: ModuleJob<typeof parse> = {
  module: new URL("parse.mjs", import.meta.url),
  export: "parse"
}

/** Reads "count, microseconds, category, name". */
export const groupOf = (line: string): Group => {
  const [count = "", microseconds = "", category = "", name = ""] = line.split("\t")
  return { category, count: Number(count), microseconds: Number(microseconds), name }
}

export const pipeline = (parts: {
  /** The packed log. */
  readonly log: string
  /** For what sort cannot keep in memory. */
  readonly folder: string
  readonly config: SubscriptionRef.SubscriptionRef<Config>
  readonly progress: Progress
  readonly valve: Valve
}) =>
  Effect.gen(function* () {
    const { config, folder, log, progress, valve } = parts
    const loop = yield* Loop

    // What is opened first is closed last: from the end of the pipeline to its beginning.
    const executor = yield* closes("workers", Executor.scoped({ maxWorkers: WORKERS, name: "parse" }), String)
    const awk = yield* closes("awk", tool("awk", ["-f", script]), String)
    const order = ["-t", "\t", "-k1,3", "-k4,4n", "-S", "32M", "-T", folder]
    const sort = yield* closes("sort", tool("sort", order), String)
    const gzip = yield* closes("gzip", tool("gzip", ["-dc", log], { stdin: "devnull" }), String)
    yield* Effect.addFinalizer((exit) =>
      Effect.sync(() => {
        if (exit._tag === "Success") return
        closed("blocks", `no new ones after ${some(progress.blocks, "block")}`)
        closed("jobs", `${progress.parsed} done, ${progress.failed} failed, ${progress.joined} joined`)
      })
    )

    /** Parses a block in a worker thread, which gets its bytes, and gives back others. */
    const parsed = ({ at, bytes, number }: Block) =>
      Effect.gen(function* () {
        const { categories } = yield* SubscriptionRef.get(config)
        progress.blocks++
        const { events, lines } = yield* fromAio({
          name: `parse block ${number}`,
          try: () => loop.runInExecutor(executor, job, transfer(bytes, [bytes.buffer]), categories),
          catch: (cause) => new JobFailed({ at, cause, number })
        })
        progress.parsed++
        progress.events += events
        return lines
      }).pipe(
        Effect.onError((cause) =>
          Effect.sync(() => (Cause.isInterrupted(cause) ? progress.joined++ : progress.failed++))
        )
      )

    const lines = gzip.output.pipe(
      Stream.tap((bytes) => Effect.sync(() => (progress.bytes += bytes.length))),
      blocks(BLOCK),
      Stream.tap(() => valve.pass),
      // One more than there are threads, so that none has to wait for us.
      Stream.mapEffect(parsed, { concurrency: WORKERS + 1, unordered: true })
    )
    const groups = awk.output.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.map(groupOf),
      Stream.runCollect
    )
    const [found] = yield* Effect.all([groups, awk.feed(sort.output), sort.feed(lines)], {
      concurrency: "unbounded"
    })
    return [...found].sort((a, b) => b.microseconds - a.microseconds || (a.name < b.name ? -1 : 1))
  }).pipe(Effect.scoped)
