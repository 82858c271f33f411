// Signals of a loop for tests.
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { TestLoop } from "effect-aio/testing"
import { Loop } from "../../src/index.js"

describe("TestLoop.signal", () => {
  it.effect("comes to handlers and Streams of the loop, by name or number, and not to the process", () =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const log: Array<string> = []
      const ofProcess = (): void => void log.push("process")
      process.on("SIGHUP", ofProcess)
      const handler = loop.addSignalHandler("SIGHUP", (file: string) => void log.push(file), "config.json")
      const two = yield* Effect.fork(Stream.runCollect(Stream.take(Loop.signal("SIGHUP"), 2)))
      yield* TestLoop.settle
      yield* TestLoop.signal("SIGHUP")
      yield* TestLoop.settle
      yield* TestLoop.signal(1)
      expect([...(yield* Fiber.join(two))]).toEqual(["SIGHUP", "SIGHUP"])
      yield* TestLoop.settle
      expect(log).toEqual(["config.json", "config.json"])
      handler.cancel()
      process.off("SIGHUP", ofProcess)
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("comes to one loop only", () =>
    Effect.gen(function* () {
      const outer = yield* Loop
      const log: Array<string> = []
      const handler = outer.addSignalHandler("SIGHUP", () => void log.push("outer"))
      const error = yield* Effect.flip(Effect.provide(TestLoop.signal("SIGHUP"), TestLoop.layer()))
      yield* TestLoop.settle
      expect(error._tag).toBe("SignalError")
      expect(log).toEqual([])
      handler.cancel()
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("hears those of the process as well", () =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const came = loop.createFuture<void>()
      const handler = loop.addSignalHandler("SIGHUP", () => came.setResult(undefined))
      process.kill(process.pid, "SIGHUP")
      yield* Effect.promise(async () => came)
      handler.cancel()
      expect(process.listenerCount("SIGHUP")).toBe(0)
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("that nobody handles says what a process would do", () =>
    Effect.gen(function* () {
      const said = (signal: NodeJS.Signals) =>
        Effect.map(Effect.flip(TestLoop.signal(signal)), ({ message }) => message)
      expect(yield* said("SIGTERM")).toMatch(
        /SIGTERM: nobody handles it on mine: a process would end by it at once, without finalizers, with exit code 143/
      )
      expect(yield* said("SIGUSR1")).toContain("would open Node's debugger")
      expect(yield* said("SIGTSTP")).toContain("would stop until SIGCONT comes")
      expect(yield* said("SIGWINCH")).toContain("would not notice it")
      expect(yield* said("SIGKILL")).toContain("it cannot be caught")
      expect(yield* said("SIGNOPE" as never)).toContain("this system has no such signal")
      expect(() => TestLoop.signal({} as never)).toThrow(TypeError)
    }).pipe(Effect.provide(TestLoop.layer({ name: "mine" })))
  )

  it.effect("is for loops of the kit", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.provide(TestLoop.signal("SIGHUP"), Loop.layer()))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toMatch(
        /no loop of TestLoop.layer or TestLoop.main/
      )
    })
  )
})
