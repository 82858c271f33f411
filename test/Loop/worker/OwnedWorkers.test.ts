// The workers of a loop below the platform's services: threads that speak its protocol, and how they end.
// Covers: backing, OwnedWorker
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { type EventLoop, LoopClosedError, WorkerEndedError } from "../../../src/index.js"
import type { Loss, WorkerSettings } from "../../../src/Loop/worker/OwnedWorker.js"
import { workersOf } from "../../../src/Loop/worker/OwnedWorkers.js"
import { collecting, open } from "../../support/scopedLoops.js"

/** What a thread does with the word for its end. */
const kinds = {
  heeds: "parentPort.close()",
  refuses: "undefined",
  exits: "process.exit(3)"
} as const

const thread = (kind: keyof typeof kinds, then = "") =>
  new Worker(
    `const { parentPort } = require("node:worker_threads")
     parentPort.on("message", (message) => { if (message[0] === 1) ${kinds[kind]} })
     parentPort.postMessage([0])
     ${then}`,
    { eval: true }
  )

/** A worker, and what its owner is told. */
const start = (
  loop: EventLoop,
  spawn: () => unknown,
  { abandoned = false, ...settings }: Partial<WorkerSettings> & { readonly abandoned?: boolean } = {}
) => {
  const messages: Array<unknown> = []
  const losses: Array<Loss> = []
  let tellMessage = (): void => {}
  const first = new Promise<void>((resolve) => (tellMessage = resolve))
  const worker = workersOf(loop).start(
    spawn,
    { grace: 50, name: "worker", ...settings },
    {
      work: () => "",
      abandoned: () => abandoned,
      message: (data) => {
        messages.push(data)
        tellMessage()
      },
      lost: (loss) => losses.push(loss)
    }
  )
  const ended = (): Promise<void> => new Promise((resolve) => worker.end(resolve))
  return { worker, messages, losses, ended, first }
}

describe("OwnedWorkers", () => {
  it.live("a worker that heeds its end has gone when the wait is over, within its grace", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const heeds = thread("heeds")
      const { ended, first, losses, messages, worker } = start(loop, () => heeds, { grace: 60_000 })
      yield* Effect.promise(() => first)
      expect(loop.statistics()).toMatchObject({ workers: 1 })
      expect(worker.describe()).toMatchObject({ what: "worker", state: "idle", waitingOn: "its end" })
      yield* Effect.promise(() => Promise.all([ended(), ended()]))
      expect(heeds.threadId).toBe(-1)
      expect(messages).toEqual([[0]])
      expect(losses).toEqual([expect.any(WorkerEndedError)])
      expect(loop.statistics()).toMatchObject({ workers: 0 })
      // Once more is nothing.
      yield* Effect.promise(ended)
    }).pipe(Effect.scoped)
  )

  it.live("one that refuses is terminated after its grace, one with none at once", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const [slow, now] = [
        start(loop, () => thread("refuses")),
        start(loop, () => thread("refuses"), { grace: 0 })
      ]
      yield* Effect.promise(() => Promise.all([slow.first, now.first]))
      yield* Effect.promise(() => Promise.all([slow.ended(), now.ended()]))
      expect(slow.losses).toMatchObject([{ code: 1 }])
      expect(now.losses).toMatchObject([{ code: 1 }])
    }).pipe(Effect.scoped)
  )

  it.effect("S2 a grace is one of real time where nobody moves the clock", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const { ended, first } = start(loop, () => thread("refuses"))
      yield* Effect.promise(() => first)
      yield* Effect.promise(ended)
      yield* TestClock.adjust("1 second")
    }).pipe(Effect.scoped)
  )

  it.live("the code of a worker that exits is told, and the error that it throws", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const exits = start(loop, () => thread("exits"), { grace: 60_000 })
      const throws = start(loop, () => thread("heeds", "throw new Error('thrown')"), { grace: 60_000 })
      yield* Effect.promise(() => Promise.all([exits.ended(), throws.ended()]))
      expect(exits.losses).toMatchObject([{ code: 3 }])
      expect(throws.losses).toMatchObject([
        { code: 1, cause: { message: "thrown" }, worker: expect.stringMatching(/^worker \(thread \d+\)$/) }
      ])
    }).pipe(Effect.scoped)
  )

  it.live(
    "C3 of a loop that is closed at once every worker is ended, told of as lost, and takes no more",
    () =>
      Effect.gen(function* () {
        const loop = yield* open()
        const it = thread("refuses")
        const exit = new Promise((resolve) => it.once("exit", resolve))
        const { ended, first, losses } = start(loop, () => it, { grace: 60_000 })
        yield* Effect.promise(() => first)
        const waiting = ended()
        yield* Effect.promise(async () => loop.close())
        yield* Effect.promise(() => Promise.all([waiting, exit]))
        expect(losses).toEqual([expect.any(LoopClosedError)])
        expect(() => start(loop, () => expect.unreachable())).toThrow(LoopClosedError)
      }).pipe(Effect.scoped)
  )

  it.live("threads are ended before the process leaves, whatever their grace", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const busy = start(loop, () => thread("refuses", "for (;;);"), { grace: 60_000 })
      yield* Effect.promise(() => busy.first)
      yield* Effect.promise(() => workersOf(loop).end())
      expect(busy.losses).toMatchObject([{ code: 1 }])
    }).pipe(Effect.scoped)
  )

  it.live("J12 a thread that cannot be ended is given up after closeDeadline, with a report", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const loop = yield* open({ exceptionHandler, closeDeadline: 200, slowJoin: 50 })
      const calls = new Int32Array(new SharedArrayBuffer(4))
      // A call of the system that nothing ends.
      const stuck = start(
        loop,
        () =>
          new Worker(
            `const { workerData } = require("node:worker_threads")
             const { pbkdf2Sync } = require("node:crypto")
             Atomics.store(workerData, 0, 1)
             pbkdf2Sync("a", "b", 1_500_000, 64, "sha512")`,
            { eval: true, workerData: calls }
          ),
        { grace: 0 }
      )
      yield* Effect.promise(async () => {
        while (Atomics.load(calls, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      })
      yield* Effect.promise(stuck.ended)
      expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin", "leftover"])
      expect(reports[0]?.message).toContain("is it in a synchronous call of the system?")
      expect(stuck.losses).toEqual([expect.any(LoopClosedError)])
      // It is still told where the process wants to leave.
      yield* Effect.promise(() => workersOf(loop).end())
    }).pipe(Effect.scoped)
  )
})
