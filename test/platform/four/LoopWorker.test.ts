// The platform's workers on a loop, on Effect 4: what the platform promises, and what the loop adds.
// Covers: worker, Backing
import { fork, spawn as spawnProcess } from "node:child_process"
import { Worker as Thread } from "node:worker_threads"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcWorker from "effect/rpc/RpcWorker"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Worker from "effect/workers/Worker"
import { WorkerError } from "effect/workers/WorkerError"
import { describe, expect, it } from "vitest"
import {
  type EventLoop,
  Loop,
  LoopClosedError,
  type LoopOptions,
  type Report,
  WorkerEndedError
} from "../../../src/index.js"
import { LoopWorker } from "../../../src/platform/index.js"
import { Jobs } from "../../fixtures/platform/four/jobs.js"
import { compiled, compiledUrl } from "../../support/compiled.js"

const file = "test/fixtures/platform/four/runner.ts"
const runner = compiledUrl(file)
const thread = () => new Thread(runner)
const child = () => fork(compiled(file), { serialization: "advanced" })

type Spawn = (id: number) => any

/** Runs an Effect on a loop that must have closed with nothing left. */
const run = <A, E>(effect: Effect.Effect<A, E, Loop>, options: LoopOptions = {}): Promise<A> => {
  let opened: EventLoop | undefined
  return Effect.runPromise(
    Loop.scoped(
      Effect.flatMap(Loop, (loop) => {
        opened = loop
        return effect
      }),
      options
    )
  ).finally(() => expect(opened?.statistics()).toMatchObject({ state: "closed", workers: 0, tasks: 0 }))
}

/** The client of a worker that closes with the Scope. */
const client = RpcClient.make(Jobs)

/** Runs an Effect with workers. */
const on = <A, E>(
  effect: Effect.Effect<A, E, RpcClient.Protocol | Loop | Scope.Scope>,
  spawn: Spawn = thread,
  options: LoopWorker.WorkerOptions = {},
  loop: LoopOptions = {}
): Promise<A> =>
  run(
    Effect.provide(
      Effect.scoped(effect),
      Layer.provide(
        RpcClient.layerProtocolWorker({ size: 1, concurrency: 100 }),
        LoopWorker.layer(spawn, options)
      )
    ),
    loop
  )

/** Runs an Effect with the platform's own service. */
const bare = <A, E>(
  effect: Effect.Effect<A, E, Worker.WorkerPlatform | Worker.Spawner | Loop>,
  spawn: Spawn = thread,
  options: LoopWorker.WorkerOptions = {},
  loop: LoopOptions = {}
): Promise<A> => run(Effect.provide(effect, LoopWorker.layer(spawn, options)), loop)

const failure = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

/** What a worker that died fails with, as the reason of an RpcClientError or of a WorkerError. */
const ended = (exit: Exit.Exit<unknown, unknown>): WorkerEndedError => {
  const { reason } = failure(exit) as { readonly reason: { readonly _tag: string; readonly cause: unknown } }
  expect(reason._tag).toMatch(/^Worker(Receive|Spawn)Error$/)
  expect(reason.cause).toBeInstanceOf(WorkerEndedError)
  return reason.cause as WorkerEndedError
}

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  const error = failure(exit)
  return error instanceof WorkerError ? error.reason._tag : undefined
}

const causeOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const error = failure(exit)
  return error instanceof WorkerError ? String(error.reason.cause) : String(error)
}

/** What a worker of `Wait` shares with its test. */
const cells = () => new Int32Array(new SharedArrayBuffer(8))
const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
  })

const collecting = () => {
  const reports: Array<Report> = []
  return { reports, exceptionHandler: (_: unknown, report: Report) => void reports.push(report) }
}

for (const [kind, spawn] of [
  ["a thread", thread],
  ["a child process", child]
] as const) {
  describe(`a worker that is ${kind}`, () => {
    it("answers with one value, with many, and with what it fails with", () =>
      on(
        Effect.gen(function* () {
          const worker = yield* client
          expect(yield* worker.Add({ n: 41 })).toBe(42)
          expect(yield* Stream.runCollect(worker.Count({ to: 3 }))).toEqual([1, 2, 3])
          expect(yield* Effect.flip(worker.Fail({ why: "no" }))).toBe("no")
        }),
        spawn
      ))

    it("fails all that waits for it when it exits, with its file and its code, and is started anew", () =>
      on(
        Effect.gen(function* () {
          const worker = yield* client
          expect(yield* worker.Add({ n: 1 })).toBe(2)
          const waiting = yield* Effect.forkChild(worker.Count({ to: 1e9 }).pipe(Stream.runDrain))
          const { code, message } = ended(yield* Effect.exit(worker.Exit({ code: 7 })))
          expect(code).toBe(7)
          expect(message).toMatch(/^the worker \S*runner\.js \((thread|process) \d+\) exited with code 7$/)
          expect(ended(yield* Fiber.await(waiting)).code).toBe(7)
          expect(yield* worker.Add({ n: 1 })).toBe(2)
          expect((yield* Loop).statistics().workers).toBe(1)
        }),
        spawn,
        { name: "runner.js" }
      ))

    it("fails what waits for it with the error that it has thrown", () =>
      on(
        Effect.gen(function* () {
          const worker = yield* client
          expect(yield* worker.Add({ n: 1 })).toBe(2)
          const { cause, code } = ended(yield* Effect.exit(worker.Throw()))
          expect(code).toBe(1)
          if (kind === "a thread") expect(cause).toMatchObject({ message: "thrown in the worker" })
        }),
        () =>
          kind === "a thread"
            ? thread()
            : fork(compiled(file), { stdio: ["ignore", "ignore", "ignore", "ipc"] })
      ))

    it("is ended by force when it computes for ever, and its Scope waits until it has gone", async () => {
      const { reports, exceptionHandler } = collecting()
      let it!: ReturnType<Spawn>
      const began = performance.now()
      await on(
        Effect.gen(function* () {
          const worker = yield* client
          expect(yield* worker.Add({ n: 1 })).toBe(2)
          yield* Effect.forkChild(worker.Spin())
          yield* Effect.sleep(50)
        }),
        () => (it = spawn()),
        { grace: 100 },
        { exceptionHandler }
      )
      expect(performance.now() - began).toBeLessThan(15_000)
      expect(it instanceof Thread ? it.threadId : it.signalCode).toBe(kind === "a thread" ? -1 : "SIGKILL")
      expect(reports).toEqual([])
    })
  })
}

describe("a worker of the platform's", () => {
  it("is interrupted by the platform's message", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* client
        const shared = cells()
        const waiting = yield* Effect.forkChild(worker.Wait({ cells: shared }))
        yield* until(() => Atomics.load(shared, 0) === 1)
        yield* Fiber.interrupt(waiting)
        yield* until(() => Atomics.load(shared, 1) === 1)
        expect(yield* worker.Add({ n: 1 })).toBe(2)
        expect(yield* Stream.runHead(worker.Count({ to: 100_000 }))).toMatchObject({ value: 1 })
      })
    ))

  it("asked to end, has its grace for its finalizers", async () => {
    const shared = cells()
    await on(
      Effect.gen(function* () {
        const worker = yield* client
        yield* Effect.forkDetach(worker.Wait({ cells: shared }))
        yield* until(() => Atomics.load(shared, 0) === 1)
      })
    )
    expect(Atomics.load(shared, 1)).toBe(1)
  })

  it("does not take what is not of the protocol for answers", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* client
        expect(yield* worker.Noise()).toBe("quiet")
        expect(yield* worker.Add({ n: 1 })).toBe(2)
      })
    ))

  it("gets its initial message, and again when it has died, and bytes are moved", () =>
    run(
      Effect.gen(function* () {
        const worker = yield* client
        expect(yield* worker.Greet({ name: "Ada" })).toBe("hello, Ada")
        expect(Exit.isFailure(yield* Effect.exit(worker.Exit({ code: 1 })))).toBe(true)
        expect(yield* worker.Greet({ name: "Ada" })).toBe("hello, Ada")
        const bytes = new Uint8Array([1, 2, 3])
        expect(yield* worker.Total({ bytes })).toBe(6)
        expect(bytes.byteLength).toBe(0)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          RpcClient.layerProtocolWorker({ size: 1 }).pipe(
            Layer.provide(
              RpcWorker.layerInitialMessage(
                Schema.Struct({ greeting: Schema.String }),
                Effect.succeed({ greeting: "hello" })
              )
            ),
            Layer.provide(LoopWorker.layer(thread))
          )
        )
      )
    ))

  it("a child that closes its channel is lost, and is not left behind", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* client
        const exit = yield* Effect.exit(worker.Disconnect())
        expect(ended(exit).message).toContain("has closed its channel for messages")
      }),
      child,
      { grace: 500 }
    ))

  it("a pool runs jobs side by side", () =>
    run(
      Effect.gen(function* () {
        const worker = yield* client
        const all = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, n) => n),
          (n) => worker.Add({ n }),
          { concurrency: "unbounded" }
        )
        expect(all).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
        expect((yield* Loop).statistics().workers).toBe(2)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.provide(RpcClient.layerProtocolWorker({ size: 2, concurrency: 4 }), LoopWorker.layer(thread))
        )
      )
    ))
})

/** A worker that says what it is sent. */
const echo = () =>
  new Thread(
    `const { parentPort } = require("node:worker_threads")
     parentPort.on("message", ([kind, message]) => kind === 1 ? parentPort.close() : parentPort.postMessage([1, message]))
     parentPort.postMessage([0])`,
    { eval: true }
  )

describe("a worker without a protocol of its own", () => {
  it("gets what was sent before it was ready, in order, after its onSpawn", () =>
    bare(
      Effect.gen(function* () {
        const worker = yield* (yield* Worker.WorkerPlatform).spawn<string, string>(0)
        const heard: Array<string> = []
        yield* worker.send("a")
        yield* worker.send("b")
        const fiber = yield* Effect.forkChild(
          worker.run((message) => Effect.sync(() => heard.push(message)), {
            onSpawn: Effect.sync(() => heard.push("up"))
          })
        )
        yield* until(() => heard.length === 3)
        yield* worker.send("c")
        yield* until(() => heard.length === 4)
        expect(heard).toEqual(["up", "a", "b", "c"])
        yield* Fiber.interrupt(fiber)
        expect((yield* Loop).statistics().workers).toBe(0)
      }),
      echo
    ))

  it("ends with the failure of whoever handles a message, and interrupts who still does", () =>
    bare(
      Effect.gen(function* () {
        const worker = yield* (yield* Worker.WorkerPlatform).spawn<string, string>(0)
        let interrupted = 0
        yield* worker.send("wait")
        yield* worker.send("fail")
        const exit = yield* Effect.exit(
          worker.run((message) =>
            message === "fail"
              ? Effect.fail("no")
              : Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
          )
        )
        expect(failure(exit)).toBe("no")
        expect(interrupted).toBe(1)
        expect((yield* Loop).statistics().workers).toBe(0)
      }),
      echo
    ))

  it("says that a message cannot be cloned, and takes the next", () =>
    bare(
      Effect.gen(function* () {
        const worker = yield* (yield* Worker.WorkerPlatform).spawn<unknown, unknown>(0)
        const heard: Array<unknown> = []
        const fiber = yield* Effect.forkChild(worker.run((message) => Effect.sync(() => heard.push(message))))
        yield* worker.send("up")
        yield* until(() => heard.length === 1)
        expect(reasonOf(yield* Effect.exit(worker.send(() => 1)))).toBe("WorkerSendError")
        yield* worker.send("next")
        yield* until(() => heard.length === 2)
        yield* Fiber.interrupt(fiber)
      }),
      echo
    ))
})

describe("a worker that cannot be", () => {
  const spawning = (spawn: Spawn, options?: LoopWorker.WorkerOptions) =>
    bare(
      Effect.exit(
        Effect.flatMap(Worker.WorkerPlatform, (platform) =>
          Effect.flatMap(platform.spawn(0), (worker) => worker.run(() => Effect.void))
        )
      ),
      spawn,
      options
    )

  it("a file that is not there is a WorkerError that names it, at once", async () => {
    const exit = await spawning(() => new Thread(new URL("./not-there.js", import.meta.url)))
    expect(reasonOf(exit)).toBe("WorkerSpawnError")
    expect(ended(exit).message).toMatch(/not-there\.js/)
    const forked = await spawning(() =>
      fork("/not/there.js", { stdio: ["ignore", "ignore", "ignore", "ipc"] })
    )
    expect(ended(forked)).toMatchObject({ code: 1 })
    expect(ended(forked).message).toContain("/not/there.js")
    const unexecutable = await spawning(() => fork(compiled(file), { execPath: "/not/node" }))
    expect(ended(unexecutable).message).toContain("could not be started")
  })

  it("fails who asks it for a job", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* client
        expect(ended(yield* Effect.exit(worker.Add({ n: 1 }))).code).toBe(1)
      }),
      () => new Thread("throw 1", { eval: true })
    ))

  it("a worker that ends before it is ready is a WorkerError", async () => {
    expect(ended(await spawning(() => new Thread("", { eval: true }))).code).toBe(0)
  })

  it("a spawn function that throws, or gives no worker, or one that it has given before, is a WorkerError", async () => {
    const thrown = await spawning(() => {
      throw new Error("no")
    })
    expect(reasonOf(thrown)).toBe("WorkerSpawnError")
    for (const nothing of [undefined, null, {}, Promise.resolve()]) {
      const exit = await spawning(() => nothing)
      expect(reasonOf(exit)).toBe("WorkerSpawnError")
      expect(causeOf(exit)).toContain("neither a Worker")
    }
    const same = new Thread("", { eval: true })
    await spawning(() => same)
    expect(causeOf(await spawning(() => same))).toMatch(/ended already|given before/)
  })

  it("a child without a channel is a WorkerError", async () => {
    const sleep = spawnProcess("sleep", ["5"])
    expect(causeOf(await spawning(() => sleep))).toContain("no channel")
    sleep.kill("SIGKILL")
  })

  it("a layer without a loop says so", async () => {
    const layer = LoopWorker.layer(thread) as unknown as Layer.Layer<Worker.WorkerPlatform>
    const exit = await Effect.runPromiseExit(Effect.provide(Worker.WorkerPlatform, layer))
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("effect-aio/Loop")
  })
})

/** Clients of workers in a Scope that nobody closes, so that the loop has to end them. */
const unclosed = (n: number, spawn: Spawn, options: LoopWorker.WorkerOptions) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const protocol = RpcClient.layerProtocolWorker({ size: n }).pipe(
      Layer.provide(LoopWorker.layer(spawn, options))
    )
    const services = yield* Layer.buildWithScope(protocol, scope)
    return yield* Effect.provide(Scope.provide(client, scope), services)
  })

describe("the loop and its workers", () => {
  it("S1 closing the loop ends all workers at once, after their grace, and waits until they have gone", async () => {
    const threads: Array<Thread> = []
    const { reports, exceptionHandler } = collecting()
    const start = () => {
      const one = thread()
      threads.push(one)
      return one
    }
    let closing = 0
    await run(
      Effect.gen(function* () {
        const workers = yield* unclosed(4, start, { grace: 1_000 })
        yield* Effect.forEach([1, 2, 3, 4], (n) => workers.Add({ n }), { concurrency: "unbounded" })
        for (let i = 0; i < 4; i++) yield* Effect.forkDetach(workers.Spin())
        yield* Effect.sleep(50)
        closing = performance.now()
      }),
      { slowJoin: "1 minute", exceptionHandler }
    )
    const took = performance.now() - closing
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1, -1, -1, -1])
    expect(took).toBeGreaterThan(950)
    expect(took).toBeLessThan(3_500)
    expect(reports).toEqual([])
  })

  it("S2 at the deadline of the loop the workers that are left are named, with what they work on, and are ended", async () => {
    const { reports, exceptionHandler } = collecting()
    await run(
      Effect.gen(function* () {
        const worker = yield* unclosed(1, thread, { grace: "1 minute" })
        expect(yield* worker.Add({ n: 1 })).toBe(2)
        yield* Effect.forkDetach(worker.Spin())
        yield* Effect.sleep(20)
      }),
      { closeDeadline: 300, exceptionHandler }
    )
    const table = reports.find(({ kind }) => kind === "leftover")?.message ?? ""
    expect(table).toMatch(/^1 left over on .* at the deadline of 300ms/)
    expect(table).toMatch(
      /worker {2}\S+ \(thread \d+\) {2}\d+ms {2}terminating {2}Spin for \d+ms {2}LoopWorker/
    )
  })

  it("says after slowJoin what a worker with a longer grace is still doing", async () => {
    const { reports, exceptionHandler } = collecting()
    await on(
      Effect.gen(function* () {
        const worker = yield* client
        expect(yield* worker.Add({ n: 1 })).toBe(2)
        yield* Effect.forkDetach(worker.Spin())
        yield* Effect.sleep(20)
      }),
      thread,
      { grace: 400 },
      { slowJoin: 100, exceptionHandler }
    )
    expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
    expect(reports[0]?.message).toMatch(
      /^the worker \S+ \(thread \d+\) was told to end 100ms ago and is still there .*; it is ended by force after a grace of 400ms$/
    )
  })

  it("C3 who runs a worker of a loop that is closed at once fails, and nothing is left", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* Loop.open()
          const services = yield* Effect.provideService(
            Layer.build(LoopWorker.layer(echo, { grace: "1 minute" })),
            Loop,
            loop
          )
          const spawned = Effect.flatMap(Worker.WorkerPlatform, (platform) =>
            platform.spawn<string, string>(0)
          )
          const worker = yield* Effect.provide(spawned, services)
          let up = false
          const waiting = yield* Effect.forkChild(
            worker.run(() => Effect.void, { onSpawn: Effect.sync(() => void (up = true)) })
          )
          yield* until(() => up)
          yield* Effect.promise(async () => loop.close())
          expect(failure(yield* Fiber.await(waiting))).toMatchObject({
            reason: { cause: expect.any(LoopClosedError) }
          })
          const refused = yield* Effect.exit(worker.run(() => Effect.void))
          expect(reasonOf(refused)).toBe("WorkerSpawnError")
        })
      )
    ))

  it("J1 interrupted while it starts, it ends the thread, and waits for that", async () => {
    let it!: Thread
    await bare(
      Effect.gen(function* () {
        const loop = yield* Loop
        const worker = yield* (yield* Worker.WorkerPlatform).spawn(0)
        const running = yield* Effect.forkChild(worker.run(() => Effect.void))
        yield* until(() => loop.statistics().workers === 1)
        yield* Fiber.interrupt(running)
        expect(it.threadId).toBe(-1)
        expect(loop.statistics().workers).toBe(0)
      }),
      () => (it = new Thread("setInterval(() => {}, 1e6)", { eval: true })),
      { grace: 50 }
    )
  })
})
