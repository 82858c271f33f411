// How far the program is: numbers that the pipeline counts up, and a line that shows them, live on a terminal.
import cliProgress from "cli-progress"
import { Effect, Schedule } from "effect"
import { mib, some } from "./report.js"

export class Progress {
  bytes = 0
  blocks = 0
  parsed = 0
  failed = 0
  events = 0
  /** Jobs that were running when the program was told to stop, and have ended since. */
  joined = 0
  readonly #since = performance.now()

  get inFlight(): number {
    return this.blocks - this.parsed - this.failed - this.joined
  }

  get seconds(): number {
    return (performance.now() - this.#since) / 1_000
  }

  toString(): string {
    const rate = this.events / Math.max(0.001, this.seconds)
    return [
      `${mib(this.bytes)} read`,
      `${some(this.parsed, "block")} parsed`,
      `${this.inFlight} in flight`,
      some(this.events, "event"),
      `${Math.round(rate).toLocaleString("en")} events/s`
    ].join(", ")
  }
}

const STEP = 32 * 2 ** 20

/** A line that changes on a terminal, and one for every 32 MiB elsewhere, until the Scope closes. */
export const show = (progress: Progress) => {
  if (process.stderr.isTTY) {
    const bar = new cliProgress.SingleBar({
      format: "{line}",
      // Ctrl-C belongs to the loop.
      gracefulExit: false
    })
    const draw = Effect.sync(() => bar.update({ line: progress.toString() }))
    return Effect.acquireRelease(
      Effect.sync(() => bar.start(1, 0, { line: progress.toString() })),
      () =>
        Effect.zipRight(
          draw,
          Effect.sync(() => bar.stop())
        )
    ).pipe(
      Effect.zipRight(Effect.forkScoped(Effect.repeat(draw, Schedule.spaced("100 millis")))),
      Effect.asVoid
    )
  }
  let shown = 0
  const look = Effect.sync(() => {
    if (progress.bytes - shown < STEP) return
    shown = progress.bytes
    console.log(progress.toString())
  })
  return Effect.asVoid(Effect.forkScoped(Effect.repeat(look, Schedule.spaced("50 millis"))))
}
