/**
 * Random programs of fibers, tasks, Streams and resources in both worlds that end in whatever way and turn. What holds for each:
 * it ends; nothing of it runs on; every resource that was opened has had its close begun once, and waited for; every error is
 * in an Exit that somebody has, or was reported, once. EFFECT_AIO_PROGRAMS sets how many are tried (CI: 10,000),
 * EFFECT_AIO_SEED which.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Program, programs } from "./program.js"
import { run } from "./run.js"

/** The number of a setting of the environment. */
const setting = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)

const holds = (clock: Program["clock"]): Promise<void> =>
  fc.assert(
    fc.asyncProperty(programs(clock), async (program) => {
      const { log, problems } = await run(program)
      expect(problems, log.join("\n")).toEqual([])
    }),
    { numRuns: setting("EFFECT_AIO_PROGRAMS", 2_000) / 2, seed: setting("EFFECT_AIO_SEED", 20_260_801) }
  )

describe("random programs", () => {
  it.each(["live", "manual"] as const)(
    "J4 J7 end, under a clock that is %s, and leave nothing open, nothing running and no error untold",
    { timeout: 3_600_000 },
    (clock) => holds(clock)
  )
})
