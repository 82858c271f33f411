// The closing with capabilities that are made for the test: real ones have their place because of these rules.
// Covers: Work
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import {
  type EventLoop,
  fromAio,
  Loop,
  LoopClosedError,
  type LoopOptions,
  QueueFullError,
  runEffectTask,
  toAio
} from "../../../src/index.js"
import { Capability, perLoop } from "../../../src/Loop/closing/Capability.js"
import { phasesOf } from "../../../src/Loop/closing/phases.js"
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

const steps = ["servers", "executors", "processes", "watchers"] as const

/** Has an iterator open that belongs to a fiber, and says when that has ended. */
const openStream = (log: Array<string>) =>
  Effect.gen(function* () {
    const stream = Stream.concat(Stream.make(1), Stream.never)
    const items = yield* toAio(
      Stream.ensuring(
        stream,
        Effect.sync(() => void log.push("stream ended"))
      )
    )
    yield* fromAio(() => items[Symbol.asyncIterator]().next())()
  })

describe("the phases of the closing", () => {
  it.live("S1 are servers, work, crossings, executors, processes and watchers, asked in this order", () =>
    Effect.gen(function* () {
      const { log, reports } = yield* closing((loop, log) => {
        for (const step of [...steps].reverse()) new Holding(loop, step, log)
        return Effect.gen(function* () {
          yield* openStream(log)
          yield* fromAio(
            () =>
              void runEffectTask(
                Effect.ensuring(
                  Effect.never,
                  Effect.sync(() => void log.push("fiber ended"))
                )
              )
          )()
          loop.createTask(() => loop.sleep(1e6).finally(() => void log.push("task ended")))
          yield* Loop.synchronize
          const rows = phasesOf(loop).map((phase) => phase.held().map(({ what }) => what))
          expect(rows).toEqual([
            ["server"],
            ["task", "effect"],
            ["iterator"],
            ["job"],
            ["process"],
            ["reader"]
          ])
        })
      })
      expect(log).toEqual([
        "close servers",
        "servers ended",
        "fiber ended",
        "task ended",
        "stream ended",
        "close executors",
        "executors ended",
        "close processes",
        "processes ended",
        "release watchers"
      ])
      expect(reports).toEqual([])
    })
  )

  it.live("S1 start over when one has ended: a server that jobs have started ends before processes", () =>
    Effect.gen(function* () {
      const { log } = yield* closing((loop, log) => {
        class Serving extends Holding {
          override close(then: () => void): void {
            super.close(then)
            new Holding(loop, "servers", log)
          }
        }
        new Holding(loop, "processes", log)
        new Serving(loop, "executors", log)
      })
      expect(log).toEqual([
        "close executors",
        "executors ended",
        "close servers",
        "servers ended",
        "close processes",
        "processes ended"
      ])
    })
  )

  it.live("S2 a server that does not end is named, and work is told before the deadline all the same", () =>
    Effect.gen(function* () {
      const { log, reports } = yield* closing(
        (loop, log) => {
          new Holding(loop, "servers", log, 1, true)
          loop.createTask(() => loop.sleep(1e6).finally(() => void log.push("task ended")))
          return Loop.synchronize
        },
        { closeDeadline: 60, slowJoin: 1e6 }
      )
      expect(log).toEqual(["close servers", "close servers", "task ended", "release servers"])
      expect(reports.map(({ kind }) => kind)).toEqual(["leftover"])
      expect(reports[0]?.message).toMatch(/^1 left over on L .*\n.*\nserver +server 0 /)
    })
  )

  it.live("S2 work that was told because the deadline is near is not told again while it cleans up", () =>
    Effect.gen(function* () {
      const { log, reports } = yield* closing(
        (loop, log) => {
          class EndsWhenToldTwice extends Holding {
            #then = (): void => {}
            override quiet(): boolean {
              return this.told > 1
            }
            override close(then: () => void): void {
              super.close(then)
              if (this.told === 1) this.#then = then
              else setImmediate(this.#then)
            }
          }
          new EndsWhenToldTwice(loop, "servers", log, 1, true)
          loop.createTask(async () => {
            try {
              await loop.sleep(1e6)
            } finally {
              await loop.sleep(20).then(
                () => log.push("cleaned up"),
                () => log.push("cleanup was cancelled")
              )
            }
          })
          return Loop.synchronize
        },
        { closeDeadline: 400, slowJoin: 1e6 }
      )
      expect(log.filter((line) => line.startsWith("clean"))).toEqual(["cleaned up"])
      expect(log.filter((line) => line === "close servers")).toHaveLength(2)
      expect(reports).toEqual([])
    })
  )
})

/** A capability as a folder of its own would have it: nothing else of the library knows of it. */
class Lamps extends Capability {
  static readonly none = { lamps: 0 }
  readonly #lit = new Set<string>()
  #then: Array<() => void> = []

  constructor(
    loop: ConstructorParameters<typeof Capability>[0],
    readonly step: Step = "watchers"
  ) {
    super(loop)
  }

  light(name: string): void {
    this.refuse("light")
    this.#lit.add(name)
  }

  out(): void {
    this.#lit.clear()
    for (const then of this.#then.splice(0)) then()
  }

  override numbers() {
    return { lamps: this.#lit.size }
  }

  override held(): ReadonlyArray<Leftover> {
    return [...this.#lit].map((name) => ({
      what: "lamp",
      name,
      age: 0,
      state: "lit",
      waitingOn: "the dawn",
      createdAt: "light",
      blamed: this.step !== "watchers"
    }))
  }

  override quiet(): boolean {
    return this.step === "watchers" || this.#lit.size === 0
  }

  override close(then: () => void): void {
    this.#then.push(then)
  }

  protected override letGo(): void {
    this.#lit.clear()
  }
}

describe("a new capability", () => {
  for (const step of steps) {
    it.live(
      `S1 S2 of the step ${step} is counted, waited for, named and released by what it says itself`,
      () =>
        Effect.gen(function* () {
          const { reports } = yield* closing(
            (loop) => {
              const lamps = new Lamps(loop, step)
              lamps.light("of the street")
              lamps.light("of the stairs")
              expect(loop.statistics()).toMatchObject({ lamps: 2, jobs: 0 })
            },
            { closeDeadline: 20, slowJoin: 1e6 }
          )
          const named = expect.stringMatching(/^2 left over on L .*\n.*\nlamp +of the st/) as string
          expect(reports.map(({ message }) => message)).toEqual(step === "watchers" ? [] : [named])
        })
    )

    it.live(`S1 of the step ${step} that ends in time leaves no report`, () =>
      Effect.gen(function* () {
        const { reports } = yield* closing((loop) => {
          const lamps = new Lamps(loop, step)
          lamps.light("of the street")
          loop.createTask(() => {
            setImmediate(() => setImmediate(() => lamps.out()))
          })
          return Loop.synchronize
        })
        expect(reports).toEqual([])
      })
    )
  }

  it.live("is one for each loop, made at its first use, and counts as nothing before", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [one, two] = [yield* open(), yield* open()]
        const lampsOf = perLoop(Lamps)
        expect(one._capabilities.size).toBe(0)
        const lamps = lampsOf(one)
        expect([lampsOf(one) === lamps, lampsOf(two) === lamps]).toEqual([true, false])
        expect([[...one._capabilities], two._capabilities.size]).toEqual([[lamps], 1])
      })
    )
  )

  it.live("S4 takes nothing more once it is released, and from the beginning on a closed loop", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const loop = yield* open({ name: "L" })
        const lamps = new Lamps(loop)
        lamps.light("of the street")
        lamps.release()
        expect(() => lamps.light("of the stairs")).toThrow(
          new LoopClosedError(
            "light() on a loop that is closing: the event loop L is closed; schedule from inside its Scope"
          )
        )
        expect(lamps.numbers()).toEqual({ lamps: 0 })
        loop.close()
        const late = new Lamps(loop)
        expect(() => late.light("of the stairs")).toThrow(/^light\(\) on a closed loop: /)
        expect(() => late.refuseReleased("light")).toThrow(/^light\(\) on a loop that is closing: /)
      })
    )
  )

  it.live("is refused by a full queue, unless it queues nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const loop = yield* open({ queueLength: 1 })
        class Silent extends Lamps {
          protected override readonly queues = false
        }
        loop.callSoon(() => {})
        expect(() => new Lamps(loop).light("of the street")).toThrow(QueueFullError)
        const silent = new Silent(loop)
        silent.light("of the street")
        expect(silent.numbers()).toEqual({ lamps: 1 })
        yield* settle
      })
    )
  )

  it.live("S1 needs no more than its step and how it lets go", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      class Bare extends Capability {
        readonly step = "servers"
        protected override letGo(): void {
          log.push("let go")
        }
      }
      const { reports } = yield* closing((loop) => {
        const bare = new Bare(loop)
        bare.close(() => log.push("closed"))
        expect([bare.quiet(), bare.held(), bare.numbers()]).toEqual([true, [], {}])
      })
      expect(log[0]).toBe("closed")
      expect(log.slice(1)).toEqual(["let go", "let go"])
      expect(reports).toEqual([])
    })
  )
})
