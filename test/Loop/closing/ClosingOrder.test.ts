// Everything that a loop can hold, on one loop, and what is left of it at each step of the closing.
// Covers: Crossing, phases
import { describe, expect, it } from "@effect/vitest"
import { PassThrough } from "node:stream"
import { Effect, Exit, Fiber, Scope, Stream, TestClock } from "effect"
import {
  type EventLoop,
  fromAio,
  type JobContext,
  Loop,
  runAioFuture,
  runEffectTask,
  toAio
} from "../../../src/index.js"
import { collecting, forever, open, scoped, settle } from "../../support/scopedLoops.js"

/** What the loop holds, in the order in which it is to go. */
const held = (loop: EventLoop): Record<string, number> => {
  const { crossings, effects, handles, jobs, processes, readers, signals, tasks, writers } = loop.statistics()
  // A Stream that aio code iterates is an Effect and a crossing.
  return {
    tasks,
    effects: effects - crossings,
    crossings,
    jobs,
    processes,
    readers,
    writers,
    signals,
    handles
  }
}

const watched = { readers: 1, writers: 1, signals: 1, handles: 1 }

type Ended = Array<readonly [what: string, left: Record<string, number>]>

interface Kinds {
  /** The shell command of the child, which says something when it is ready. */
  readonly child: string
  /** Says in shared memory when it has begun. */
  readonly job: (this: JobContext, begun: Int32Array) => unknown
  readonly killGrace?: number
}

const patient: Kinds = {
  child: "echo ready; exec sleep 1000",
  job: async function (begun) {
    Atomics.store(begun, 0, 1)
    await new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason as Error))
    })
  }
}

/** Starts one of each kind; `ended` gets what ends, and what the loop still holds then. */
const holding = (ended: Ended, { child, job, killGrace }: Kinds) =>
  Effect.gen(function* () {
    const loop = yield* Loop
    const has = (what: string): void => void ended.push([what, held(loop)])
    const full = new PassThrough({ highWaterMark: 1 })
    full.write("more than it holds")
    loop.addReader(new PassThrough(), () => {})
    loop.addWriter(full, () => {})
    loop.addSignalHandler("SIGUSR2", () => {})
    loop.threadHandle({ hello: () => {} }, { name: "hello" })
    loop.callLater(1e6, () => has("timer"))
    const begun = new Int32Array(new SharedArrayBuffer(4))
    loop.runInExecutor(null, job, begun).addDoneCallback(() => has("job"))
    while (Atomics.load(begun, 0) === 0) yield* settle
    const ready = loop.createFuture<void>()
    yield* fromAio(() =>
      loop.subprocessExec(
        () => ({ pipeDataReceived: () => ready.setResult(), connectionLost: () => has("process") }),
        "sh",
        ["-c", child],
        { stdin: "devnull", stderr: "devnull", killGrace }
      )
    )()
    yield* fromAio(() => ready)()
    const stream = Stream.concat(Stream.make(1), Stream.never)
    const items = yield* toAio(
      Stream.ensuring(
        stream,
        Effect.sync(() => has("stream"))
      )
    )
    yield* fromAio(() => items[Symbol.asyncIterator]().next())()
    loop.createTask(() => loop.sleep(1e6).finally(() => has("task")))
    yield* fromAio(
      () =>
        void runEffectTask(
          Effect.ensuring(
            Effect.never,
            Effect.sync(() => has("fiber"))
          )
        )
    )()
    yield* Loop.synchronize
    return loop
  })

describe("closing a loop that holds one of everything", () => {
  it.live(
    "S1 ends fibers and tasks, streams, jobs, processes, and drops what is watched, in this order",
    () =>
      Effect.gen(function* () {
        const ended: Ended = []
        const { exceptionHandler, reports } = collecting()
        const loop = yield* scoped(holding(ended, patient), { exceptionHandler })
        expect(ended.map(([what]) => what)).toEqual(["fiber", "task", "stream", "job", "process"])
        const left = Object.fromEntries(ended)
        const none = { tasks: 0, effects: 0, crossings: 0, jobs: 0, processes: 0, ...watched }
        expect(left["stream"]).toEqual({ ...none, crossings: 1, jobs: 1, processes: 1 })
        expect(left["job"]).toEqual({ ...none, processes: 1 })
        expect(left["process"]).toEqual(none)
        expect(held(loop)).toEqual({ ...none, readers: 0, writers: 0, signals: 0, handles: 0 })
        expect(reports).toEqual([])
      })
  )

  it.live(
    "S2 names the job and the process that refuse, and what is watched beside them, and leaves none",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        const refusing: Kinds = {
          child: `trap "" TERM; echo ready; while :; do sleep 1; done`,
          job: (begun) => {
            Atomics.store(begun, 0, 1)
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
          },
          killGrace: 1e6
        }
        yield* scoped(holding([], refusing), {
          exceptionHandler,
          closeDeadline: 300,
          slowJoin: 1e6,
          name: "L"
        })
        const [leftover, ...others] = reports.filter(({ kind }) => kind === "leftover")
        expect(others).toEqual([])
        const rows = leftover?.message
          .split("\n")
          .slice(2)
          .map((row) => row.split(/ {2,}/).slice(0, 2).join(" "))
        expect(leftover?.message).toMatch(/^2 left over on L at the deadline of 300ms/)
        expect(rows).toEqual([
          expect.stringMatching(/^job .*job/),
          expect.stringMatching(/^process pid \d+: sh -c/),
          expect.stringMatching(/^reader .*PassThrough/),
          expect.stringMatching(/^writer .*PassThrough/),
          expect.stringMatching(/^signal SIGUSR2/),
          expect.stringMatching(/^handle hello/)
        ])
      })
  )

  it.effect(
    "S2 tells processes before the deadline, also where a task that does not stop comes before them",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(open({ exceptionHandler }), scope)
        const log: Array<unknown> = []
        const ready = loop.createFuture<void>()
        const gone = loop.createFuture<void>()
        const [transport] = yield* Effect.provideService(
          fromAio(() =>
            loop.subprocessExec(
              () => ({
                pipeDataReceived: (_: number, data: Uint8Array) => {
                  log.push(String(data))
                  if (!ready.done()) ready.setResult()
                },
                connectionLost: () => gone.setResult()
              }),
              "sh",
              ["-c", `trap "echo told; exit 7" TERM; echo ready; while :; do sleep 0.01; done`],
              { stdin: "devnull" }
            )
          )(),
          Loop,
          loop
        )
        yield* Effect.provideService(runAioFuture(ready), Loop, loop)
        loop.createTask(forever, { name: "stuck" })
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("7400 millis")
        yield* settle
        expect(log).toEqual(["ready\n"])
        yield* TestClock.adjust("200 millis")
        yield* Effect.promise(() => Promise.resolve(gone))
        expect([log, transport.getReturncode()]).toEqual([["ready\n", "told\n"], 7])
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.join(closing)
        expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin", "leftover"])
        expect(reports[1]?.message).toMatch(/^1 left over .*\n.*\ntask +stuck /)
      })
  )

  it.live("S4 closed at once, leaves none of it behind, and waits for none", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const loop = yield* open({ exceptionHandler: () => {} })
        yield* Effect.provideService(holding([], patient), Loop, loop)
        loop.close()
        expect(Object.values(held(loop)).slice(3)).toEqual([0, 0, 0, 0, 0, 0])
        expect(process.listenerCount("SIGUSR2")).toBe(0)
      })
    )
  )
})
