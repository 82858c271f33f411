/** Loops in worker threads: each thread has its own, and they meet in messages only. */
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import {
  acquireAio,
  fromAio,
  getRunningLoop,
  type EventLoop,
  Loop,
  NoRunningLoopError
} from "../../src/index.js"
import { compiledUrl } from "../support/compiled.js"
import { open, scoped } from "../support/scopedLoops.js"

const fixture = compiledUrl("test/fixtures/loopThreads.ts")

/** A worker of the fixture, and what it says, has said and exits with. */
class Thread {
  readonly worker: Worker
  readonly said: Array<any> = []
  readonly exited: Promise<number>
  readonly #listeners = new Set<(message: any) => void>()

  constructor(name: string, data: object = {}) {
    this.worker = new Worker(fixture, {
      workerData: { case: name, ...data },
      // What the loops in it log is not for the log of the test.
      stdout: true,
      stderr: true
    })
    this.worker.on("message", (message) => {
      this.said.push(message)
      for (const listener of this.#listeners) listener(message)
    })
    this.exited = new Promise((resolve, reject) => {
      this.worker.once("exit", resolve)
      this.worker.once("error", reject)
    })
  }

  onMessage(f: (message: any) => void): void {
    this.#listeners.add(f)
  }

  /** The next message that comes, as a Future of the loop; an error when the thread is gone. */
  next(loop: EventLoop) {
    const future = loop.createFuture<any>()
    const heard = (message: unknown): void => {
      this.#listeners.delete(heard)
      if (!future.done()) loop.callSoonThreadsafe(() => future.setResult(message))
    }
    this.#listeners.add(heard)
    this.worker.once("exit", (code) => {
      if (!future.done() && !loop.isClosed()) future.setException(new Error(`the thread ended with ${code}`))
    })
    return future
  }
}

/** A thread that its Scope terminates. */
const thread = (name: string, data?: object) =>
  acquireAio({
    name,
    open: () => new Thread(name, data),
    close: ({ worker }) => worker.terminate()
  })

const exit = (thread: Thread) => Effect.promise(() => thread.exited)

// Each thread loads Effect for itself.
describe("loops in worker threads", { timeout: 60_000 }, () => {
  it.live("L5 several, with Loop.run and Loop.scoped, beside one of the main thread: each has its own", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        let ticks = 0
        const ticking = loop.createTask(async () => {
          for (;;) {
            await loop.sleep(1)
            expect(getRunningLoop()).toBe(loop)
            ticks++
          }
        })
        const threads = yield* Effect.all(
          ["run", "run", "scoped"].map((name) => thread(name)),
          { concurrency: "unbounded" }
        )
        const codes = yield* Effect.all(threads.map(exit), { concurrency: "unbounded" })
        expect(codes).toEqual([0, 0, 0])
        const answers = threads.map(({ said }) => said[0])
        for (const answer of answers) expect(answer).toMatchObject({ seen: true, tasks: 0 })
        // The same name in each, because they are the first of their threads; but not the same loop.
        expect(new Set(answers.map(({ threadId }) => threadId)).size).toBe(3)
        expect(threads.map(({ said }) => said[1])).toEqual(["Success", "Success", undefined])
        ticking.cancel()
        expect(ticks).toBeGreaterThan(0)
        expect(() => getRunningLoop()).toThrow(NoRunningLoopError)
      }).pipe(Effect.scoped)
    )
  )

  it.live(
    "S3 C1 one that fails, crashes or has an unhandled rejection ends its own thread with code 1, and nothing else",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const threads = yield* Effect.all(
            ["runFails", "runCrashes", "unhandled"].map((name) => thread(name)),
            { concurrency: "unbounded" }
          )
          const codes = yield* Effect.all(threads.map(exit), { concurrency: "unbounded" })
          expect(codes).toEqual([1, 1, 1])
          expect(threads.map(({ said }) => said)).toEqual([[], ["finalizer"], ["finalizer"]])
          expect(process.exitCode).toBeUndefined()
          yield* fromAio(() => loop.sleep(0))()
          expect(loop.statistics().state).toBe("running")
        }).pipe(Effect.scoped)
      )
  )

  it.live(
    "J7 one that is busy is terminated by the Scope of its parent; who waits for it hears of that",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const scope = yield* Scope.make()
          const busy = yield* Scope.extend(thread("busyForEver"), scope)
          expect(yield* fromAio(() => busy.next(loop))()).toBe("busy")
          const waiting = loop.createTask(async () => await busy.next(loop))
          const ended = fromAio(waiting).pipe(Effect.flip)
          yield* Loop.synchronize
          yield* Scope.close(scope, Exit.void)
          expect((yield* ended) as { cause?: unknown }).toMatchObject({
            cause: { message: "the thread ended with 1" }
          })
          expect(loop.statistics()).toMatchObject({ state: "running", tasks: 0 })
        })
      )
  )

  it.live("S1 one that is asked to close does so in its own order, and its thread ends by itself", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const server = yield* thread("answers")
        expect(yield* fromAio(() => server.next(loop))()).toBe("ready")
        const answers = yield* Effect.forEach(["one", "two"], (question) =>
          fromAio(() => {
            const answer = server.next(loop)
            server.worker.postMessage(question)
            return answer
          })()
        )
        const id = server.worker.threadId
        expect(answers).toEqual([`one in ${id}`, `two in ${id}`])
        server.worker.postMessage("close")
        expect(yield* exit(server)).toBe(0)
        expect(server.said.slice(3)).toEqual([["fiber", "resource", "task"]])
      }).pipe(Effect.scoped)
    )
  )

  it.live(
    "threads-001 a message that calls callSoonThreadsafe wakes an idle loop, and goes before a later callSoon",
    () =>
      Effect.gen(function* () {
        const loop = yield* open()
        const log: Array<string> = []
        const both = loop.createFuture<void>()
        // Nothing is ready and no timer is armed: the loop sleeps until the message comes.
        const poster = yield* Effect.provideService(thread("posts"), Loop, loop)
        poster.onMessage((message) => {
          loop.callSoonThreadsafe(() => log.push(`${message} on ${getRunningLoop() === loop}`))
          loop.callSoon(() => {
            log.push(`local on ${getRunningLoop() === loop}`)
            both.setResult()
          })
        })
        yield* Effect.provideService(fromAio(both), Loop, loop)
        expect(log).toEqual(["from the thread on true", "local on true"])
      }).pipe(Effect.scoped)
  )

  it.live(
    "threads-002 4096 calls from a thread, while timers are made and cancelled: none is lost, and stop() ends it",
    () =>
      Effect.gen(function* () {
        const loop = yield* open()
        let calls = 0
        let fired = 0
        let cancelled = 0
        const pouring = yield* Effect.provideService(thread("pours", { count: 4096 }), Loop, loop)
        const call = (): void => {
          calls++
          const timer = loop.callLater(10, () => fired++)
          loop.callLater(5, () => {
            timer.cancel()
            cancelled++
          })
        }
        pouring.onMessage((message) => {
          if (message === "stop") loop.callSoonThreadsafe(() => loop.stop())
          else loop.callSoonThreadsafe(call)
        })
        yield* Effect.provideService(Loop.waitStopped, Loop, loop)
        expect(calls).toBe(4096)
        expect(loop.isRunning()).toBe(false)
        // A loaded machine may let a timer fire before the one that cancels it gets its turn: then both have run.
        expect(fired).toBeLessThanOrEqual(cancelled)
      }).pipe(Effect.scoped)
  )

  it.live(
    "threads-003 a loop in debug mode that waits in waitStopped is stopped by a call that the main thread asks for",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const waiting = yield* thread("waitsStopped")
          expect(yield* fromAio(() => waiting.next(loop))()).toBe("ready")
          const { threadId } = waiting.worker
          waiting.worker.postMessage("func")
          expect(yield* exit(waiting)).toBe(0)
          expect(waiting.said[1]).toEqual({ calls: 1, threadId, running: false })
        }).pipe(Effect.scoped)
      )
  )
})
