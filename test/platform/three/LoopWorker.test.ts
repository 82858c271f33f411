// The platform's workers on a loop, on Effect 3: what the platform promises, and what the loop adds.
// Covers: worker, WorkerJobs, answers
import { fork } from "node:child_process"
import { MessageChannel, Worker as Thread } from "node:worker_threads"
import * as Worker from "@effect/platform/Worker"
import { WorkerError } from "@effect/platform/WorkerError"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { fromAio, Loop, LoopClosedError, type LoopOptions, WorkerEndedError } from "../../../src/index.js"
import { LoopWorker } from "../../../src/platform/index.js"
import { compiled, compiledUrl } from "../../support/compiled.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"
import type { Job } from "../../fixtures/platform/three/runner.js"
import {
  Days,
  Greet,
  InitialMessage,
  Leave,
  Refuse,
  type Request,
  Total
} from "../../fixtures/platform/three/requests.js"

const file = "test/fixtures/platform/three/runner.ts"
const runner = compiledUrl(file)
const thread = () => new Thread(runner)
const child = () => fork(compiled(file), { serialization: "advanced" })
const serialized = () => new Thread(compiledUrl("test/fixtures/platform/three/serializedRunner.ts"))

const manager = Effect.flatMap(Worker.WorkerManager, (manager) => manager.spawn<Job, any, string>({}))

/** Runs an Effect with workers, on a loop that must have closed with nothing left. */
const on = <A, E>(
  effect: Effect.Effect<
    A,
    E,
    Worker.WorkerManager | Worker.PlatformWorker | Worker.Spawner | Loop | Scope.Scope
  >,
  spawn: (id: number) => any = thread,
  options: LoopWorker.WorkerOptions = {},
  loop: LoopOptions = {}
) => scoped(Effect.provide(Effect.scoped(effect), LoopWorker.layer(spawn, options)), loop)

/** What a worker that died fails with. */
const ended = (exit: Exit.Exit<unknown, unknown>): WorkerEndedError => {
  const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
  expect(error).toBeInstanceOf(WorkerError)
  expect((error as WorkerError).cause).toBeInstanceOf(WorkerEndedError)
  return (error as WorkerError).cause as WorkerEndedError
}

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string | undefined => {
  const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
  return error instanceof WorkerError ? error.reason : undefined
}

/** Why it says so. */
const causeOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof WorkerError ? String(error.cause) : String(error)
}

/** What a worker of `Wait` shares with its test. */
const cells = () => new Int32Array(new SharedArrayBuffer(8))
const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
  })

for (const [kind, spawn] of [
  ["a thread", thread],
  ["a child process", child]
] as const) {
  describe(`a worker that is ${kind}`, () => {
    it.live("answers with one value, with many, and with what it fails with", () =>
      on(
        Effect.gen(function* () {
          const worker = yield* manager
          expect(yield* worker.executeEffect({ _tag: "Add", n: 41 })).toBe(42)
          expect(
            Chunk.toReadonlyArray(yield* Stream.runCollect(worker.execute({ _tag: "Count", to: 3 })))
          ).toEqual([1, 2, 3])
          expect(yield* Effect.flip(worker.executeEffect({ _tag: "Fail", why: "no" }))).toBe("no")
          const died = yield* Effect.exit(worker.executeEffect({ _tag: "Die" }))
          expect(Exit.isFailure(died) && Cause.pretty(died.cause)).toContain("died")
        }),
        spawn
      )
    )

    it.live(
      "fails all that waits for it when it exits, with its file and its code, and is started anew by the next job",
      () =>
        on(
          Effect.gen(function* () {
            const worker = yield* manager
            const waiting = yield* Effect.fork(worker.executeEffect({ _tag: "Wait", cells: cells() }))
            const exit = yield* Effect.exit(worker.executeEffect({ _tag: "Exit", code: 7 }))
            const { code, message } = ended(exit)
            expect(code).toBe(7)
            expect(message).toMatch(/^the worker \S*runner\.js \((thread|process) \d+\) exited with code 7$/)
            expect(reasonOf(exit)).toBe("unknown")
            expect(ended(yield* Fiber.await(waiting)).code).toBe(7)
            expect(yield* worker.executeEffect({ _tag: "Add", n: 1 })).toBe(2)
            expect((yield* Loop).statistics().workers).toBe(1)
          }),
          spawn,
          { name: "runner.js" }
        )
    )

    it.live("fails what waits for it with the error that it has thrown", () =>
      on(
        Effect.gen(function* () {
          const worker = yield* manager
          const { cause, code } = ended(yield* Effect.exit(worker.executeEffect({ _tag: "Throw" })))
          expect(code).toBe(1)
          if (kind === "a thread") expect(cause).toMatchObject({ message: "thrown in the worker" })
        }),
        () =>
          kind === "a thread"
            ? thread()
            : fork(compiled(file), { stdio: ["ignore", "ignore", "ignore", "ipc"] })
      )
    )

    it.live("is ended by force when it computes for ever, and its Scope waits until it has gone", () =>
      on(
        Effect.gen(function* () {
          const loop = yield* Loop
          const { reports, exceptionHandler } = collecting()
          loop.setExceptionHandler(exceptionHandler)
          let it!: ReturnType<typeof thread> | ReturnType<typeof child>
          const began = performance.now()
          yield* Effect.scoped(
            Effect.provide(
              Effect.gen(function* () {
                const worker = yield* manager
                yield* Effect.fork(worker.executeEffect({ _tag: "Spin" }))
                yield* until(() => loop.statistics().workers === 1)
                yield* Effect.sleep(50)
              }),
              Worker.layerSpawner(() => (it = spawn()))
            )
          )
          expect(performance.now() - began).toBeLessThan(15_000)
          expect(it instanceof Thread ? it.threadId : it.signalCode).toBe(
            kind === "a thread" ? -1 : "SIGKILL"
          )
          expect(loop.statistics().workers).toBe(0)
          expect(reports).toEqual([])
        }),
        spawn,
        { grace: 100 }
      )
    )
  })
}

describe("a worker of the platform's", () => {
  it.live("is interrupted by the platform's message, and not waited for", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* manager
        const shared = cells()
        const waiting = yield* Effect.fork(worker.executeEffect({ _tag: "Wait", cells: shared }))
        yield* until(() => Atomics.load(shared, 0) === 1)
        const exit = yield* Fiber.interrupt(waiting)
        expect(Exit.isInterrupted(exit)).toBe(true)
        yield* until(() => Atomics.load(shared, 1) === 1)
        expect(yield* worker.executeEffect({ _tag: "Add", n: 1 })).toBe(2)
      })
    )
  )

  it.live("interrupts a Stream that is left", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* manager
        const shared = cells()
        const left = yield* Effect.fork(Stream.runDrain(worker.execute({ _tag: "Wait", cells: shared })))
        yield* until(() => Atomics.load(shared, 0) === 1)
        yield* Fiber.interrupt(left)
        yield* until(() => Atomics.load(shared, 1) === 1)
        expect(yield* Stream.runHead(worker.execute({ _tag: "Count", to: 100_000 }))).toEqual(Option.some(1))
      })
    )
  )

  it.live("asked to end, has its grace for its finalizers", () =>
    on(
      Effect.gen(function* () {
        const shared = cells()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const worker = yield* manager
            yield* Effect.fork(worker.executeEffect({ _tag: "Wait", cells: shared }))
            yield* until(() => Atomics.load(shared, 0) === 1)
          })
        )
        expect(Atomics.load(shared, 1)).toBe(1)
      })
    )
  )

  it.live("does not take what is not of the protocol for answers", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* manager
        expect(yield* worker.executeEffect({ _tag: "Noise" })).toBe("quiet")
        expect(yield* worker.executeEffect({ _tag: "Add", n: 1 })).toBe(2)
      })
    )
  )

  it.live("says that a request cannot be cloned, and answers the next", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* manager
        const unclonable = { _tag: "Add", n: () => 1 } as unknown as Job
        expect(reasonOf(yield* Effect.exit(worker.executeEffect(unclonable)))).toBe("send")
        expect(reasonOf(yield* Effect.exit(Stream.runDrain(worker.execute(unclonable))))).toBe("send")
        expect(yield* worker.executeEffect({ _tag: "Add", n: 1 })).toBe(2)
      })
    )
  )

  it.live("a child that closes its channel is lost, and is not left behind", () =>
    on(
      Effect.gen(function* () {
        const loop = yield* Loop
        const worker = yield* manager
        const exit = yield* Effect.exit(worker.executeEffect({ _tag: "Disconnect" }))
        expect(ended(exit).message).toContain("has closed its channel for messages")
        yield* until(() => loop.statistics().workers === 0)
      }),
      child,
      { grace: 500 }
    )
  )

  it.live("a fiber that waits for it keeps its async-local state", () =>
    on(
      Effect.gen(function* () {
        const { AsyncLocalStorage } = yield* Effect.promise(() => import("node:async_hooks"))
        const storage = new AsyncLocalStorage<string>()
        const worker = yield* manager
        const seen = yield* Effect.promise(() =>
          storage.run("mine", () =>
            Effect.runPromise(
              Effect.zipRight(
                worker.executeEffect({ _tag: "Add", n: 1 }),
                Effect.sync(() => storage.getStore())
              )
            )
          )
        )
        expect(seen).toBe("mine")
      })
    )
  )

  it.live("what its Scope has left waiting is interrupted, and what asks it later is told", () =>
    on(
      Effect.gen(function* () {
        const shared = cells()
        const waits = yield* Deferred.make<Fiber.RuntimeFiber<unknown, unknown>>()
        const worker = yield* Effect.scoped(
          Effect.gen(function* () {
            const worker = yield* manager
            yield* Deferred.succeed(
              waits,
              yield* Effect.forkDaemon(worker.executeEffect({ _tag: "Wait", cells: shared }))
            )
            yield* until(() => Atomics.load(shared, 0) === 1)
            return worker
          })
        )
        expect(Exit.isInterrupted(yield* Fiber.await(yield* Deferred.await(waits)))).toBe(true)
        expect(reasonOf(yield* Effect.exit(worker.executeEffect({ _tag: "Add", n: 1 })))).toBe("send")
      })
    )
  )
})

describe("programs of the platform, unchanged", () => {
  it.live("a pool runs jobs side by side, and broadcasts", () =>
    on(
      Effect.gen(function* () {
        const pool = yield* Worker.makePool<Job, number, string>({ size: 2, concurrency: 4 })
        const all = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, i) => i),
          (n) => pool.executeEffect({ _tag: "Add", n }),
          { concurrency: "unbounded" }
        )
        expect(all).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
        yield* pool.broadcast({ _tag: "Add", n: 1 })
        expect(yield* Stream.runCount(pool.execute({ _tag: "Count", to: 50 }))).toBe(50)
        expect((yield* Loop).statistics().workers).toBe(2)
      })
    )
  )

  it.live("a pool that is a Layer, and one that grows and shrinks", () =>
    on(
      Effect.gen(function* () {
        class Pool extends Context.Tag("test/Pool")<Pool, Worker.WorkerPool<Job, number, string>>() {}
        const layer = Worker.makePoolLayer(Pool, { minSize: 0, maxSize: 2, timeToLive: "1 minute" })
        const one = Effect.flatMap(Pool, (pool) => pool.executeEffect({ _tag: "Add", n: 1 }))
        expect(yield* Effect.provide(one, layer)).toBe(2)
        expect((yield* Loop).statistics().workers).toBe(0)
      })
    )
  )

  it.live("a serialized worker gets its initial message first, transfers, streams, and typed failures", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* Worker.makeSerialized<Request>({
          initialMessage: () => new InitialMessage({ greeting: "hello" })
        })
        expect(yield* worker.executeEffect(new Greet({ name: "Ada" }))).toBe("hello, Ada")
        const bytes = new Uint8Array([1, 2, 3])
        expect(yield* worker.executeEffect(new Total({ bytes }))).toBe(6)
        expect(bytes.byteLength).toBe(0)
        const days = yield* Stream.runCollect(worker.execute(new Days({ n: 2 })))
        expect(Chunk.toReadonlyArray(days)).toEqual([new Date("1970-01-02"), new Date("1970-01-03")])
        expect(yield* Effect.flip(worker.executeEffect(new Refuse({})))).toEqual({ why: "no" })
      }),
      serialized
    )
  )

  it.live("requests that are encoded side by side move their own bytes", () =>
    on(
      Effect.gen(function* () {
        const pool = yield* Worker.makePoolSerialized<Request>({
          size: 1,
          concurrency: 10,
          initialMessage: () => new InitialMessage({ greeting: "hello" })
        })
        const sums = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          (i) => pool.executeEffect(new Total({ bytes: new Uint8Array([i, i]) })),
          { concurrency: "unbounded" }
        )
        expect(sums).toEqual(Array.from({ length: 20 }, (_, i) => 2 * i))
      }),
      serialized
    )
  )

  it.live("a serialized worker that has died gets its initial message again", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* Worker.makeSerialized<Request>({
          initialMessage: () => new InitialMessage({ greeting: "again" })
        })
        expect(Exit.isFailure(yield* Effect.exit(worker.executeEffect(new Leave({}))))).toBe(true)
        expect(yield* worker.executeEffect(new Greet({ name: "Ada" }))).toBe("again, Ada")
      }),
      serialized
    )
  )
})

describe("a worker that cannot be", () => {
  const spawning = (spawn: (id: number) => any, options?: LoopWorker.WorkerOptions) =>
    on(Effect.exit(manager), spawn, options)

  it.live("a file that is not there is a WorkerError that names it, at once", () =>
    Effect.gen(function* () {
      const exit = yield* spawning(() => new Thread(new URL("./not-there.js", import.meta.url)))
      expect(reasonOf(exit)).toBe("spawn")
      expect(ended(exit).message).toMatch(/not-there\.js/)
      const forked = yield* spawning(() =>
        fork("/not/there.js", { stdio: ["ignore", "ignore", "ignore", "ipc"] })
      )
      expect(ended(forked)).toMatchObject({ code: 1 })
      expect(ended(forked).message).toContain("/not/there.js")
      const unexecutable = yield* spawning(() => fork(compiled(file), { execPath: "/not/node" }))
      expect(ended(unexecutable).message).toContain("could not be started")
    })
  )

  it.live("a pool of such fails, and ends", () =>
    Effect.gen(function* () {
      const exit = yield* on(
        Effect.exit(Worker.makePool({ size: 2 })),
        () => new Thread("throw 1", { eval: true })
      )
      expect(reasonOf(exit)).toBe("spawn")
    })
  )

  it.live("a worker that ends before it is ready is a WorkerError", () =>
    Effect.gen(function* () {
      const exit = yield* spawning(() => new Thread("", { eval: true }))
      expect(ended(exit).code).toBe(0)
    })
  )

  it.live(
    "a spawn function that throws, or gives no worker, or one that it has given before, is a WorkerError",
    () =>
      Effect.gen(function* () {
        expect(
          reasonOf(
            yield* spawning(() => {
              throw new Error("no")
            })
          )
        ).toBe("spawn")
        for (const nothing of [undefined, null, {}, new MessageChannel().port1, Promise.resolve()]) {
          const exit = yield* spawning(() => nothing)
          expect(reasonOf(exit)).toBe("spawn")
          expect(causeOf(exit)).toContain("neither a Worker")
          if (nothing instanceof MessageChannel) nothing.port1.close()
        }
        const same = thread()
        yield* on(
          Effect.gen(function* () {
            yield* manager
            const exit = yield* Effect.exit(manager)
            expect(causeOf(exit)).toContain("given before")
          }),
          () => same
        )
        const exit = yield* spawning(() => same)
        expect(causeOf(exit)).toMatch(/ended already|given before/)
      })
  )

  it.live("a child without a channel is a WorkerError", () =>
    Effect.gen(function* () {
      const { spawn } = yield* Effect.promise(() => import("node:child_process"))
      const children: Array<ReturnType<typeof spawn>> = []
      const exit = yield* spawning(() => {
        const child = spawn("sleep", ["5"])
        children.push(child)
        return child
      })
      expect(causeOf(exit)).toContain("no channel")
      for (const child of children) child.kill("SIGKILL")
    })
  )

  it.live("a layer without a loop says so", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Effect.provide(
          Worker.WorkerManager,
          LoopWorker.layer(thread) as unknown as Layer.Layer<Worker.WorkerManager>
        )
      )
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("effect-aio/Loop")
    })
  )
})

/** Workers in a Scope that nobody closes, so that the loop has to end them. */
const unclosed = (n: number, spawn: () => any, options: LoopWorker.WorkerOptions) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const services = yield* Scope.extend(Layer.build(LoopWorker.layer(spawn, options)), scope)
    return yield* Effect.forEach(
      Array.from({ length: n }),
      () => Effect.provide(Scope.extend(manager, scope), services),
      { concurrency: "unbounded" }
    )
  })

describe("the loop and its workers", () => {
  it.live(
    "S1 closing the loop ends all workers at once, after their grace, and waits until they have gone",
    () =>
      Effect.gen(function* () {
        const threads: Array<Thread> = []
        const { reports, exceptionHandler } = collecting()
        const start = () => {
          const one = thread()
          threads.push(one)
          return one
        }
        const spun: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
        let closing = 0
        yield* scoped(
          Effect.gen(function* () {
            for (const worker of yield* unclosed(4, start, { grace: 1_000 }))
              spun.push(yield* Effect.forkDaemon(worker.executeEffect({ _tag: "Spin" })))
            yield* settle
            closing = performance.now()
          }),
          { slowJoin: "1 minute", exceptionHandler }
        )
        const took = performance.now() - closing
        expect(threads.map(({ threadId }) => threadId)).toEqual([-1, -1, -1, -1])
        expect(took).toBeGreaterThan(950)
        expect(took).toBeLessThan(3_500)
        for (const fiber of spun) expect(ended(yield* Fiber.await(fiber)).code).toBe(1)
        expect(reports).toEqual([])
      })
  )

  it.live("S1 says nothing of workers without work that a closing loop has ended", () =>
    Effect.gen(function* () {
      const { reports, exceptionHandler } = collecting()
      yield* scoped(
        Effect.gen(function* () {
          for (const worker of yield* unclosed(2, thread, { grace: "10 seconds" }))
            expect(yield* worker.executeEffect({ _tag: "Add", n: 1 })).toBe(2)
        }),
        { slowJoin: "1 minute", exceptionHandler }
      )
      expect(reports).toEqual([])
    })
  )

  it.live(
    "S2 at the deadline of the loop the workers that are left are named, with what they work on, and are ended",
    () =>
      Effect.gen(function* () {
        const { reports, exceptionHandler } = collecting()
        yield* scoped(
          Effect.gen(function* () {
            const [worker] = yield* unclosed(1, thread, { grace: "1 minute" })
            yield* Effect.forkDaemon(worker!.executeEffect({ _tag: "Spin" }))
            yield* settle
          }),
          { closeDeadline: 300, exceptionHandler }
        )
        const table = reports.find(({ kind }) => kind === "leftover")?.message ?? ""
        expect(table).toMatch(/^1 left over on .* at the deadline of 300ms/)
        expect(table).toMatch(
          /worker {2}\S+ \(thread \d+\) {2}\d+ms {2}terminating {2}Spin for \d+ms {2}LoopWorker/
        )
      })
  )

  it.live("says after slowJoin what a worker with a longer grace is still doing", () =>
    Effect.gen(function* () {
      const { reports, exceptionHandler } = collecting()
      yield* on(
        Effect.gen(function* () {
          yield* Effect.scoped(
            Effect.flatMap(manager, (worker) =>
              Effect.zipRight(Effect.fork(worker.executeEffect({ _tag: "Spin" })), settle)
            )
          )
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
  )

  it.live("C3 what waits for a worker of a loop that is closed at once fails, and nothing is left", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const provide = Effect.provideService(Loop, loop)
      const [worker] = yield* provide(unclosed(1, thread, { grace: "1 minute" }))
      const waiting = yield* Effect.forkDaemon(worker!.executeEffect({ _tag: "Spin" }))
      yield* settle
      yield* Effect.promise(async () => loop.close())
      const exit = yield* Fiber.await(waiting)
      expect(reasonOf(exit)).toBe("unknown")
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        cause: expect.any(LoopClosedError)
      })
      const refused = yield* Effect.exit(provide(unclosed(1, thread, {})))
      expect(reasonOf(refused)).toBe("spawn")
    }).pipe(Effect.scoped)
  )

  it.live(
    "J4 that a worker has died while nobody waited for it is reported, once, and the next job starts another",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        let it!: Thread
        yield* on(
          Effect.gen(function* () {
            const worker = yield* manager
            void it.terminate()
            yield* until(() => reports.length > 0)
            expect(yield* worker.executeEffect({ _tag: "Add", n: 1 })).toBe(2)
          }),
          () => (it = thread()),
          {},
          { exceptionHandler }
        )
        expect(reports).toMatchObject([{ kind: "late", exception: { code: 1 } }])
        expect(reports[0]?.message).toMatch(/exited with code 1 while nobody waited for it$/)
      })
  )

  it.live("J1 interrupted while it starts, it ends the thread, and waits for that", () =>
    on(
      Effect.gen(function* () {
        const loop = yield* Loop
        let it!: Thread
        const spawning = yield* Effect.fork(
          Effect.provide(
            Effect.scoped(manager),
            Worker.layerSpawner(() => (it = new Thread("setInterval(() => {}, 1e6)", { eval: true })))
          )
        )
        yield* until(() => loop.statistics().workers === 1)
        yield* Fiber.interrupt(spawning)
        expect(it.threadId).toBe(-1)
        expect(loop.statistics().workers).toBe(0)
      }),
      thread,
      { grace: 50 }
    )
  )

  it.live("a worker that dies while its Scope closes is not waited for twice", () =>
    on(
      Effect.gen(function* () {
        const began = performance.now()
        yield* Effect.scoped(
          Effect.flatMap(manager, (worker) =>
            Effect.zipRight(Effect.fork(worker.executeEffect({ _tag: "Exit", code: 3 })), settle)
          )
        )
        expect(performance.now() - began).toBeLessThan(20_000)
      }),
      thread,
      { grace: "1 minute" }
    )
  )

  it.live("aio code of the loop uses a worker as any service", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* manager
        const loop = yield* Loop
        const twice = fromAio(async () => {
          const first = await loop.effectAsFuture(worker.executeEffect({ _tag: "Add", n: 1 }))
          return loop.effectAsFuture(worker.executeEffect({ _tag: "Add", n: first as number }))
        })
        expect(yield* twice()).toBe(3)
      })
    )
  )
})
