// Futures and tasks against a small model of them, under random interleavings of everything that can be done to them.
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CancelledError, InvalidStateError, LoopClosedError } from "../../../src/Loop/kernel/errors.js"
import type { Future } from "../../../src/Loop/kernel/Future.js"
import { Task } from "../../../src/Loop/kernel/Task.js"
import { kinds, trackingLoop } from "../../support/trackingHost.js"

type Outcome = readonly ["value" | "error" | "cancelled", unknown]

/** What a Future is: an outcome or none. A task waits for a target, and may hold a cancel that nobody has seen. */
class Model {
  outcome: Outcome | undefined
  requests = 0
  kept: { readonly message: unknown } | undefined
  started = false
  constructor(
    readonly target?: Model,
    readonly swallows = false
  ) {}

  cancel(message: unknown): boolean {
    if (this.outcome !== undefined) return false
    if (this.target === undefined) {
      this.outcome = ["cancelled", message]
      return true
    }
    this.requests++
    if (!this.started || !this.target.cancel(message)) this.kept ??= { message }
    return true
  }

  uncancel(): number {
    if (this.requests > 0 && --this.requests === 0) this.kept = undefined
    return this.requests
  }

  /** One step of a task, if it can make one. */
  step(): boolean {
    if (this.target === undefined || this.outcome !== undefined) return false
    if (!this.started) {
      this.started = true
      if (this.kept !== undefined) this.outcome = ["cancelled", this.kept.message]
      else if (this.target.outcome !== undefined) this.end(this.target.outcome)
      return true
    }
    const arrived = this.target.outcome
    if (arrived === undefined) return false
    const kept = this.kept
    this.kept = undefined
    this.end(kept !== undefined && arrived[0] !== "cancelled" ? ["cancelled", kept.message] : arrived)
    return true
  }

  end(outcome: Outcome): void {
    this.outcome = this.swallows && outcome[0] === "cancelled" ? ["value", "swallowed"] : outcome
  }
}

type Op =
  | { readonly op: "future" }
  | { readonly op: "task"; readonly on: number; readonly kind: 0 | 1; readonly swallows: boolean }
  | { readonly op: "value" | "error" | "cancel" | "uncancel"; readonly on: number }
  | { readonly op: "run" }

const on = fc.nat({ max: 30 })
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Op>({ op: "future" }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant("task" as const),
      on,
      kind: fc.constantFrom(0 as const, 1 as const),
      swallows: fc.boolean()
    })
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom("value" as const, "error" as const), on }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom("cancel" as const, "uncancel" as const), on }) },
  { weight: 2, arbitrary: fc.constant<Op>({ op: "run" }) }
)

const outcomeOf = (future: Future<unknown>): Outcome | undefined => {
  const state = future._peek()
  if (state === "pending") return undefined
  if (state === "value") return ["value", future.result()]
  if (state === "error") return ["error", future.exception()]
  try {
    return ["value", future.result()]
  } catch (error) {
    expect(error).toBeInstanceOf(CancelledError)
    return ["cancelled", (error as CancelledError).reason]
  }
}

describe("Future and Task", () => {
  it("are what their model says, whatever is done to them in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 40 }), async (ops) => {
        const { loop, host } = trackingLoop()
        const real: Array<Future<unknown>> = [loop.createFuture()]
        const models = [new Model()]
        const told: Array<number> = [0]
        const tell = (index: number) => {
          real[index]?.addDoneCallback(() => void (told[index] = (told[index] as number) + 1))
        }
        tell(0)
        let unique = 0
        for (const next of [...ops, { op: "run" } as const]) {
          const index = "on" in next ? next.on % real.length : 0
          const future = real[index] as Future<unknown>
          const model = models[index] as Model
          if (next.op === "future") {
            real.push(loop.createFuture())
            models.push(new Model())
            told.push(0)
            tell(real.length - 1)
          } else if (next.op === "task") {
            const as = (kinds[next.kind] as (typeof kinds)[number])[1]
            real.push(
              loop.createTask(
                as(function* () {
                  try {
                    return (yield* future) as unknown
                  } catch (error) {
                    if (next.swallows && error instanceof CancelledError) return "swallowed"
                    throw error
                  }
                })
              )
            )
            models.push(new Model(model, next.swallows))
            told.push(0)
            tell(real.length - 1)
          } else if (next.op === "cancel") {
            const message = ++unique
            expect(future.cancel(message)).toBe(model.cancel(message))
          } else if (next.op === "uncancel") {
            if (future instanceof Task) expect(future.uncancel()).toBe(model.uncancel())
          } else if (next.op === "run") {
            await host.settle()
            while (models.some((one) => one.step()));
          } else {
            const settle = () =>
              next.op === "value" ? future.setResult(unique) : future.setException(unique)
            unique++
            if (model.target !== undefined || model.outcome !== undefined) {
              expect(settle).toThrow(InvalidStateError)
            } else {
              settle()
              model.outcome = [next.op, unique]
            }
          }
          expect(real.map(outcomeOf)).toEqual(models.map((one) => one.outcome))
          for (const [i, one] of models.entries()) {
            const task = real[i]
            if (task instanceof Task) expect(task.cancelling()).toBe(one.requests)
          }
          if (next.op === "run")
            expect(told).toEqual(models.map((one) => (one.outcome === undefined ? 0 : 1)))
        }
        expect(loop.statistics()).toMatchObject({
          ready: 0,
          timers: 0,
          tasks: models.filter((one) => one.target !== undefined && one.outcome === undefined).length
        })
        loop.close()
        for (const [i, one] of models.entries()) {
          const left = one.target !== undefined && one.outcome === undefined
          if (left) expect(real[i]?.exception()).toBeInstanceOf(LoopClosedError)
          else expect(outcomeOf(real[i] as Future<unknown>)).toEqual(one.outcome)
        }
        // Done callbacks of what was left over cannot run on a closed loop; each is reported.
        expect(host.reports.splice(0).every((report) => report.kind === "late")).toBe(true)
        expect(loop.statistics()).toMatchObject({ ready: 0, timers: 0, tasks: 0, unretrieved: 0 })
      }),
      { numRuns: 150 }
    )
  })
})
