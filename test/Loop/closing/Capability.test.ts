// The closing with capabilities that are made for the test: real ones have their place because of these rules.
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type EventLoop, Loop, type LoopOptions } from "../../../src/index.js"
import { Capability } from "../../../src/Loop/closing/Capability.js"
import type { Leftover, Step } from "../../../src/Loop/ports.js"
import { collecting, open, scoped, settle, track } from "../../support/scopedLoops.js"

/** Holds `n` things, each of which ends a few turns after it was told to. */
class Holding extends Capability {
  told = 0
  constructor(
    loop: EventLoop,
    readonly step: Step,
    private readonly log: Array<string>,
    private n = 1,
    private readonly refuses = false
  ) {
    super(loop)
  }

  override numbers() {
    return this.step === "executors"
      ? { jobs: this.n }
      : this.step === "processes"
        ? { processes: this.n }
        : {}
  }

  override held(): ReadonlyArray<Leftover> {
    const what = { servers: "server", executors: "job", processes: "process", watchers: "reader" }[this.step]
    return Array.from({ length: this.n }, (_, i) => ({
      what,
      name: `${what} ${i}`,
      age: 1,
      state: "running",
      waitingOn: "nothing",
      createdAt: "here",
      blamed: this.step !== "watchers"
    }))
  }

  override quiet(): boolean {
    return this.n === 0 || this.step === "watchers"
  }

  override close(then: () => void): void {
    this.told++
    this.log.push(`close ${this.step}`)
    if (this.refuses) return
    setImmediate(() => {
      this.n = 0
      this.log.push(`${this.step} ended`)
      then()
    })
  }

  protected override letGo(): void {
    if (this.n > 0) this.log.push(`release ${this.step}`)
    this.n = 0
  }
}

const closing = (
  body: (loop: EventLoop, log: Array<string>) => Effect.Effect<unknown, unknown, Loop> | void,
  options: LoopOptions = {}
) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const { exceptionHandler, reports } = collecting()
    yield* scoped(
      Effect.flatMap(Loop, (loop) => body(loop, log) ?? Effect.void),
      { exceptionHandler, name: "L", ...options }
    )
    return { log, reports }
  })

describe("capabilities", () => {
  it.live(
    "S1 end in the order of their steps, after tasks and crossings, whatever the order of their use",
    () =>
      Effect.gen(function* () {
        const { log, reports } = yield* closing((loop, log) => {
          new Holding(loop, "watchers", log)
          new Holding(loop, "processes", log)
          new Holding(loop, "executors", log)
          loop.createTask(() => loop.sleep(1e6).finally(() => void log.push("task ended")))
          return Loop.synchronize
        })
        expect(log).toEqual([
          "task ended",
          "close executors",
          "executors ended",
          "close processes",
          "processes ended",
          "release watchers"
        ])
        expect(reports).toEqual([])
      })
  )

  it.live("S1 what their end starts is cancelled and joined before the next step", () =>
    Effect.gen(function* () {
      const { log } = yield* closing(
        (loop, log) => {
          class Starting extends Holding {
            override close(then: () => void): void {
              super.close(() => {
                then()
              })
              loop.callSoon(() => {
                loop.createTask(() => loop.sleep(1e6).finally(() => void log.push("late task ended")))
              })
            }
          }
          new Starting(loop, "executors", log)
          new Holding(loop, "processes", log)
          return Effect.void
        },
        { asyncContext: false }
      )
      expect(log).toEqual([
        "close executors",
        "executors ended",
        "late task ended",
        "close processes",
        "processes ended"
      ])
    })
  )

  it.live(
    "S2 that refuse to end are named at the deadline, with what is still watched, and are released",
    () =>
      Effect.gen(function* () {
        const { log, reports } = yield* closing(
          (loop, log) => {
            new Holding(loop, "processes", log, 2, true)
            new Holding(loop, "watchers", log)
          },
          { closeDeadline: 30, slowJoin: 10 }
        )
        // Once in its turn, and once more when a quarter of the time is left.
        expect(log).toEqual(["close processes", "close processes", "release processes", "release watchers"])
        expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin", "leftover"])
        expect(reports[1]?.message).toMatch(/^2 left over on L at the deadline of 30ms for closing L:/)
        expect(reports[1]?.message).toMatch(
          /\nprocess +process 0 .*\nprocess +process 1 .*\nreader +reader 0 /
        )
      })
  )

  it.live("S2 that are only watched are no leftovers", () =>
    Effect.gen(function* () {
      const { log, reports } = yield* closing((loop, log) => void new Holding(loop, "watchers", log, 3), {
        closeDeadline: 0,
        slowJoin: 0
      })
      expect([log, reports]).toEqual([["release watchers"], []])
    })
  )

  it.live("S4 are released, and not waited for, by a loop that is closed at once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        const loop = yield* open()
        const processes = new Holding(loop, "processes", log)
        new Holding(loop, "executors", log)
        expect(loop.statistics()).toMatchObject({ jobs: 1, processes: 1, readers: 0 })
        loop.close()
        loop.close()
        yield* settle
        expect([log, processes.told]).toEqual([["release executors", "release processes"], 0])
      })
    )
  )

  it.live("S1 are asked again for what was started while others ended", () =>
    Effect.gen(function* () {
      const { log } = yield* closing((loop, log) => {
        class Spawning extends Holding {
          override close(then: () => void): void {
            super.close(then)
            if (this.told === 1) new Holding(loop, "executors", log)
          }
        }
        new Spawning(loop, "processes", log)
      })
      expect(log).toEqual(["close processes", "processes ended", "close executors", "executors ended"])
    })
  )

  it.live("count and are listed from their first use on", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = track(yield* Loop.open())
          new Holding(loop, "executors", [], 3)
          expect(loop.statistics().jobs).toBe(3)
          expect(loop.toJSON()).toMatchObject({ jobs: 3 })
          return loop
        })
      )
      expect(loop.statistics()).toMatchObject({ state: "closed", jobs: 0 })
    })
  )
})
