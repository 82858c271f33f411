// What a test may leave behind, a kind each: it fails by that name.
// Covers: ProcessHoldings
import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import { createServer as createHttpServer } from "node:http"
import { createServer, type AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { TestLoop } from "effect-aio/testing"
import { fromAio, Loop } from "../../src/index.js"
import { perLine } from "../support/effect/line.js"

const here = fileURLToPath(import.meta.url)

/** What a test with a body fails with: the tables of what it has left. */
const leaving = (body: Effect.Effect<unknown, unknown, Loop>): Effect.Effect<string> =>
  Effect.map(
    Effect.exit(Effect.provide(body, TestLoop.layer({ name: "mine", exceptionHandler: () => {} }))),
    (exit) => (Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "nothing")
  )

/** Code of a loop that opens something, and what takes it away after the test. */
const leak = <A>(open: () => Promise<A> | A, remove: (opened: A) => Promise<unknown> | void) =>
  Effect.gen(function* () {
    let opened: A | undefined
    const said = yield* leaving(
      fromAio(async () => {
        opened = await open()
      })()
    )
    yield* Effect.promise(async () => remove(opened as A))
    return said
  })

describe("a test that leaves", () => {
  it.effect("a timer of promise code fails with the line that has made it", () =>
    Effect.gen(function* () {
      const said = yield* leaving(fromAio(async () => void setInterval(function beat() {}, 250))())
      expect(said).toMatch(/1 left on mine:\nwhat .*\ntimer +setInterval\(beat, 250\) .*leaks.test.ts:\d+/)
    })
  )

  it.effect("a worker thread", () =>
    Effect.gen(function* () {
      const open = () => new Worker("setInterval(() => {}, 1000)", { eval: true })
      expect(yield* leak(open, (worker) => worker.terminate())).toMatch(
        /1 left on the process:\nwhat .*\nthread +worker thread \d+ /
      )
    })
  )

  it.effect("a child process", () =>
    Effect.gen(function* () {
      const open = () => spawn("sleep", ["60"], { stdio: "ignore" })
      const said = yield* leak(open, async (child) => {
        child.kill()
        await once(child, "exit")
      })
      expect(said).toMatch(/1 left on the process:\nwhat .*\nprocess +pid \d+ sleep 60 /)
    })
  )

  it.effect("a descriptor", () =>
    Effect.gen(function* () {
      const said = yield* leak(() => openSync(here, "r"), closeSync)
      expect(said).toMatch(/1 left on the process:\nwhat .*\ndescriptor +\d+ .*leaks\.test\.ts /)
    })
  )

  it.effect("a server of Node's, and one of the loop's", () =>
    Effect.gen(function* () {
      const open = async () => {
        const server = createServer().listen(0, "127.0.0.1")
        await once(server, "listening")
        return server
      }
      const said = yield* leak(open, (server) => once(server.close(), "close"))
      expect(said).toMatch(/1 left on the process:\nwhat .*\nhandle +1 TCPServerWrap /)
      const ofLoop = Effect.flatMap(Loop, (loop) =>
        fromAio(async () => void (await loop.startServer(() => {}, { host: "127.0.0.1", port: 0 })))()
      )
      expect(yield* leaving(ofLoop)).toMatch(/1 watched on mine:\nwhat .*\nserver /)
    })
  )

  it.effect("a fiber that nobody ends, where Effect's line knows of it", () =>
    Effect.gen(function* () {
      const said = yield* leaving(
        Effect.forkDaemon(Effect.withSpan(Effect.zipRight(Loop, Effect.never), "poller"))
      )
      expect(said).toMatch(
        perLine("E16", {
          3: /1 left on mine:\nwhat .*\nfiber +#\d+, in span poller .* running/,
          4: /^nothing$/
        })
      )
    })
  )

  it.effect("what waits for each other: the table is followed by who waits for whom", () =>
    Effect.gen(function* () {
      const said = yield* leaving(
        Effect.flatMap(Loop, (loop) => {
          const first = loop.createTask(() => loop.sleep(1e6), { name: "first" })
          loop.createTask(async () => first, { name: "second" })
          return Loop.synchronize
        })
      )
      expect(said).toMatch(/2 left on mine:\nwhat [^]*\n\n[^]*task second \(.*\n *└─ task first /)
    })
  )

  it.effect(
    "nothing passes: what the loop closes with it, and what Node keeps for a while, are no leaks",
    () =>
      Effect.gen(function* () {
        const said = yield* leaving(
          Effect.gen(function* () {
            const loop = yield* Loop
            yield* fromAio(async () => {
              await loop.runInExecutor(null, () => 1)
              const child = await loop.createSubprocessExec("true")
              await child.wait()
              const server = createHttpServer((_, response) => response.end("hello")).listen(0, "127.0.0.1")
              await once(server, "listening")
              const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
              expect(await answer.text()).toBe("hello")
              server.close()
            })()
            yield* Fiber.join(yield* Effect.forkDaemon(Effect.as(Loop, 1)))
          })
        )
        expect(said).toBe("nothing")
      })
  )

  it.effect("something beside another test is not told of what the process holds", () =>
    Effect.gen(function* () {
      const worker = () => new Worker("setInterval(() => {}, 1000)", { eval: true })
      const inner = Effect.flatMap(Loop, () => leak(worker, (one) => one.terminate()))
      const said = yield* leaving(
        Effect.flatMap(inner, (said) => Effect.sync(() => expect(said).toBe("nothing")))
      )
      expect(said).toBe("nothing")
    })
  )
})
