// Random sequences of runs, stops, aborts, callbacks and timers against a small model of a loop that is run again and again.
import * as fc from "fast-check"
import { Effect, ManagedRuntime, TestClock, TestContext } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { type Future, InvalidStateError, LoopStoppedError, SyncLoop } from "../../src/index.js"
import { settle, track } from "../support/scopedLoops.js"
import { perLine } from "../support/effect/line.js"

/** What a callback does, when it runs and besides being logged. */
type Act =
  | { readonly act: "soon"; readonly body: Body }
  | { readonly act: "later"; readonly delay: number; readonly body: Body }
  | { readonly act: "stop" | "finish" | "abort" }
type Body = ReadonlyArray<Act>

type Op =
  Act | { readonly act: "run"; readonly until: boolean } | { readonly act: "advance"; readonly by: number }

const delay = fc.integer({ min: -2, max: 6 })
const { act } = fc.letrec<{ act: Act; body: Body }>((tie) => ({
  body: fc.array(tie("act"), { maxLength: 2, depthIdentifier: "bodies" }),
  act: fc.oneof(
    { depthSize: "small", depthIdentifier: "bodies" },
    fc.record({ act: fc.constantFrom("stop" as const, "finish" as const, "abort" as const) }),
    fc.record({ act: fc.constant("soon" as const), body: tie("body") }),
    fc.record({ act: fc.constant("later" as const), delay, body: tie("body") })
  )
}))
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: act },
  {
    weight: 3,
    arbitrary: fc.record({ act: fc.constant("run" as const), until: fc.boolean() })
  },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constant("advance" as const), by: fc.integer({ min: 0, max: 8 }) })
  }
)

/** A Future as the model needs it: done or not, and which run waits for it. */
interface Wanted {
  done: boolean
  by: Run | undefined
}
interface Run {
  readonly wanted: Wanted | undefined
  broken: boolean
  over: boolean
}

class Model {
  readonly log: Array<number> = []
  readonly outcomes: Array<string> = []
  readonly queue: Array<() => void> = []
  timers: Array<{ readonly when: number; readonly run: () => void }> = []
  now = 0
  run: Run | undefined
  wanted: Wanted = { done: false, by: undefined }
  kept = false
  #named = 0
  #asked = false
  #stopping = false
  #wholePass = false

  /** A callback, which gets its name when it is scheduled. */
  callback(body: Body): () => void {
    const name = ++this.#named
    return () => {
      this.log.push(name)
      for (const each of body) this.act(each)
    }
  }

  act(act: Act): void {
    if (act.act === "soon") this.queue.push(this.callback(act.body))
    else if (act.act === "later") {
      this.timers.push({ when: this.now + act.delay, run: this.callback(act.body) })
      this.timers.sort((a, b) => a.when - b.when)
    } else if (act.act === "stop") {
      if (this.run === undefined) this.kept = true
      this.#ask()
    } else if (act.act === "finish") {
      const { wanted } = this
      if (wanted.done) return
      wanted.done = true
      if (wanted.by !== undefined) this.#tell(wanted.by)
    } else if (this.run !== undefined && this.run.wanted?.done !== true) {
      this.run.broken = true
      if (this.run.wanted !== undefined) this.run.wanted.by = undefined
      this.#ask()
    }
  }

  begin(wanted: Wanted | undefined): void {
    const run: Run = { wanted, broken: false, over: false }
    this.run = run
    if (wanted?.done === true) this.#tell(run)
    else if (wanted !== undefined) wanted.by = run
    if (this.kept) {
      this.#ask()
      this.#wholePass = true
    }
    this.kept = false
  }

  settle(): void {
    while (this.run !== undefined && (this.queue.length > 0 || this.#due())) this.#pass()
  }

  advance(by: number): void {
    const end = this.now + by
    while (this.run !== undefined && this.timers[0] !== undefined && this.timers[0].when <= end) {
      this.now = Math.max(this.now, this.timers[0].when)
      this.settle()
    }
    this.now = end
  }

  #due(): boolean {
    return this.timers[0] !== undefined && this.timers[0].when <= this.now
  }

  /**
   * asyncio's order: what is ready first, then what has fallen due; what either adds waits for the next pass. A stop ends it
   * where it stands in the queue, unless it was asked for at rest.
   */
  #pass(): void {
    while (this.#due()) this.queue.push((this.timers.shift() as { run: () => void }).run)
    const pass = this.queue.splice(0)
    while (pass.length > 0 && (this.#wholePass || !this.#stopping)) pass.shift()?.()
    this.queue.unshift(...pass)
    if (!this.#stopping) return
    this.#asked = this.#stopping = this.#wholePass = false
    const { broken, wanted } = this.run as Run
    ;(this.run as Run).over = true
    this.run = undefined
    if (wanted !== undefined) wanted.by = undefined
    this.outcomes.push(
      broken ? "aborted" : wanted === undefined ? "ended" : wanted.done ? "value" : "stopped"
    )
  }

  #ask(): void {
    if (this.run === undefined || this.#asked) return
    this.#asked = true
    this.queue.push(() => (this.#stopping = true))
  }

  #tell(run: Run): void {
    this.queue.push(() => {
      if (!run.over) this.#ask()
    })
  }
}

const runtime = ManagedRuntime.make(TestContext.TestContext)
afterAll(() => runtime.dispose())

/** The loop itself, with the same verbs. */
class Real {
  readonly loop: SyncLoop
  readonly log: Array<number> = []
  readonly outcomes: Array<string> = []
  wanted: Future<void>
  #aborting: AbortController | undefined
  #named = 0

  constructor(asyncContext: boolean) {
    this.loop = runtime.runSync(Effect.sync(() => SyncLoop.make({ asyncContext })))
    track(this.loop)
    this.wanted = this.loop.createFuture()
  }

  callback(body: Body): () => void {
    const name = ++this.#named
    return () => {
      this.log.push(name)
      for (const each of body) this.act(each)
    }
  }

  act(act: Act): void {
    if (act.act === "soon") this.loop.callSoon(this.callback(act.body))
    else if (act.act === "later") this.loop.callLater(act.delay, this.callback(act.body))
    else if (act.act === "stop") this.loop.stop()
    else if (act.act === "abort") this.#aborting?.abort("aborted")
    else if (!this.wanted.done()) this.wanted.setResult()
  }

  async begin(until: boolean): Promise<void> {
    if (this.loop.isRunning()) {
      await expect(this.loop.runForever()).rejects.toThrow(InvalidStateError)
      return
    }
    this.#aborting = new AbortController()
    const { signal } = this.#aborting
    const run = until
      ? this.loop.runUntilComplete(this.wanted, { signal }).then(() => "value")
      : this.loop.runForever({ signal }).then(() => "ended")
    void run.then(
      (how) => this.outcomes.push(how),
      (error: unknown) => this.outcomes.push(error instanceof LoopStoppedError ? "stopped" : String(error))
    )
  }
}

describe("SyncLoop", () => {
  it("does what its model does, whatever is run, stopped, broken off and scheduled in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 25 }), fc.boolean(), async (ops, asyncContext) => {
        const model = new Model()
        const real = new Real(asyncContext)
        const agree = (): void => {
          expect(real.log).toEqual(model.log)
          expect(real.outcomes).toEqual(model.outcomes)
          expect(real.wanted.done()).toBe(model.wanted.done)
          expect(real.loop.isRunning()).toBe(model.run !== undefined)
          expect(real.loop.statistics()).toMatchObject({
            ready: model.queue.length,
            timers: model.timers.length
          })
        }
        try {
          for (const next of ops) {
            if (next.act === "run") {
              const { until } = next
              if (model.run === undefined && until && model.wanted.done) {
                // What is done ends a run at once; every other time there is something new to wait for.
                if (model.outcomes.length % 2 === 0) {
                  model.wanted = { done: false, by: undefined }
                  real.wanted = real.loop.createFuture()
                }
              }
              if (model.run === undefined) model.begin(until ? model.wanted : undefined)
              await real.begin(until)
            } else if (next.act === "advance") {
              model.advance(next.by)
              for (const by of perLine("E8", { 3: [next.by], 4: new Array<number>(next.by).fill(1) })) {
                await runtime.runPromise(TestClock.adjust(by))
                await Effect.runPromise(settle)
              }
            } else {
              model.act(next)
              real.act(next)
            }
            model.settle()
            await Effect.runPromise(settle)
            agree()
          }
        } finally {
          await real.loop.close()
        }
        // Closing runs what was queued, and drops the timers.
        expect(real.log.slice(0, model.log.length)).toEqual(model.log)
      }),
      { numRuns: 200 }
    )
  })
})
