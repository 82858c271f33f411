// `--once`: the same pipeline with somebody at the controls, and its answer compared with that of a shell.
import { writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { Console, Data, Duration, Effect, Option, Stream, SubscriptionRef } from "effect"
import { fromAio } from "effect-aio"
import type { Config } from "./config.js"
import { type Group, groupOf } from "./pipeline.js"
import { some } from "./report.js"
import { tool } from "./tool.js"
import type { Valve } from "./valve.js"

export class Differs extends Data.TaggedError("Differs")<{ readonly lines: ReadonlyArray<string> }> {
  override get message(): string {
    return `the shell says something else:\n${this.lines.slice(0, 10).join("\n")}`
  }
}

const sh = (args: ReadonlyArray<string>) =>
  tool("sh", args, { stdin: "devnull" }).pipe(
    Effect.flatMap(({ output }) => Stream.runCollect(Stream.splitLines(Stream.decodeText(output)))),
    Effect.map((lines) => [...lines]),
    Effect.scoped
  )

/** Waits for the valve to close after the first block; asks for the status, has the config reloaded, and opens the valve. */
export const script = (parts: {
  readonly config: SubscriptionRef.SubscriptionRef<Config>
  readonly configPath: string
  readonly fifo: Option.Option<string>
  readonly valve: Valve
}) =>
  Effect.gen(function* () {
    const { config, configPath, fifo, valve } = parts
    const command = (line: string) =>
      Option.match(fifo, {
        onNone: () => Console.log(`nobody can be told: ${line}`),
        onSome: (path) => sh(["-c", 'echo "$1" > "$2"', "sh", line, path])
      })

    yield* valve.closed
    yield* command("status")
    const { categories } = yield* SubscriptionRef.get(config)
    yield* fromAio(() => writeFile(configPath, JSON.stringify({ categories, top: 8 })))()
    process.kill(process.pid, "SIGHUP")
    yield* config.changes.pipe(
      Stream.takeUntil(({ top }) => top === 8),
      Stream.runDrain
    )
    yield* command("resume")
    if (Option.isNone(fifo)) yield* valve.let(Infinity)
  })

const text = ({ category, count, microseconds, name }: Group): string =>
  `${category} ${name}: ${count} times, ${microseconds} µs`

/** Fails unless a pipeline of a shell, without any of our code, finds the same. */
export const compare = (log: string, { categories }: Config, groups: ReadonlyArray<Group>) =>
  Effect.gen(function* () {
    const reference = fileURLToPath(new URL("reference.sh", import.meta.url))
    const [took, lines] = yield* Effect.timed(sh([reference, log, categories.join(",")]))
    const expected = new Set(lines.map((line) => text(groupOf(line))))
    const found = new Set(groups.map(text))
    const different = [
      ...[...expected].filter((line) => !found.has(line)).map((line) => `shell:    ${line}`),
      ...[...found].filter((line) => !expected.has(line)).map((line) => `pipeline: ${line}`)
    ]
    if (different.length > 0)
      yield* new Differs({ lines: different.sort((a, b) => (a.slice(10) < b.slice(10) ? -1 : 1)) })
    yield* Console.log(
      `a shell finds the same ${some(lines.length, "group")}, in ${Duration.toSeconds(took).toFixed(1)} s`
    )
  })
