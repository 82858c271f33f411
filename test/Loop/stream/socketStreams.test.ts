// A socket of Node as a Stream and a Sink, with ends of the test's own: what pipes and connections make of them have tests there.
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, type Scope, Stream } from "effect"
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { type EventLoop, InvalidStateError, Loop } from "../../../src/index.js"
import type { Bell } from "../../../src/Loop/fiber/Bell.js"
import { socketSink, socketStream, SocketWriter } from "../../../src/Loop/stream/socketStreams.js"
import { scoped, settle } from "../../support/scopedLoops.js"

/** Two ends of one connection. */
const pair = Effect.acquireRelease(
  Effect.promise(async (): Promise<readonly [here: Socket, there: Socket]> => {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    const here = connect({
      port: typeof address === "object" ? (address?.port ?? 0) : 0,
      host: "127.0.0.1",
      allowHalfOpen: true
    })
    const [there] = (await once(server, "connection")) as [Socket]
    server.close()
    for (const socket of [here, there]) socket.on("error", () => {})
    return [here, there]
  }),
  (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
)

const on =
  (
    test: (ends: {
      readonly loop: EventLoop
      readonly here: Socket
      readonly there: Socket
      readonly log: Array<string>
    }) => Effect.Effect<void, unknown, Loop | Scope.Scope>
  ) =>
  () =>
    scoped(
      Effect.scoped(
        Effect.gen(function* () {
          const [here, there] = yield* pair
          yield* test({ loop: yield* Loop, here, there, log: [] })
        })
      )
    )

class Broken {
  readonly _tag = "Broken"
}

const reading = (loop: EventLoop, socket: Socket, log: Array<string>) => ({
  loop,
  socket,
  name: "the test's socket",
  over: () => (socket.readableEnded ? Effect.succeed(undefined) : undefined),
  left: () => void log.push("left")
})

const writing = (loop: EventLoop, socket: Socket, log: Array<string>) => ({
  loop,
  socket,
  name: "the test's socket",
  broken: () => Effect.fail(new Broken()),
  left: () => void log.push("left")
})

describe("a Stream of a socket", () => {
  it.live(
    "gives what comes until its end, and is left once, with no listener of it on the socket",
    on(({ here, log, loop, there }) =>
      Effect.gen(function* () {
        const before = here.eventNames().map((name) => [name, here.listenerCount(name)])
        there.write("one ")
        there.end("two")
        const stream = socketStream(reading(loop, here, log), new Set())
        expect(yield* Stream.mkString(Stream.decodeText(stream))).toBe("one two")
        expect(log).toEqual(["left"])
        expect(here.listenerCount("readable")).toBe(0)
        expect(before.map(([name]) => [name, here.listenerCount(name as string)])).toEqual(before)
      })
    )
  )

  it.live(
    "looks again at its bell, which says whether it waits, until it is left",
    on(({ here, log, loop }) =>
      Effect.gen(function* () {
        let bell: Bell | undefined
        let ended = false
        const stream = socketStream(
          {
            ...reading(loop, here, log),
            over: () => (ended ? Effect.succeed(undefined) : undefined),
            watch: (its: Bell) => {
              bell = its
              return () => void log.push("unwatched")
            }
          },
          new Set()
        )
        const fiber = yield* Effect.fork(Stream.runDrain(stream))
        yield* settle
        expect(bell?.awaited).toBe(true)
        ended = true
        bell?.ring()
        yield* Fiber.join(fiber)
        expect(log).toEqual(["unwatched", "left"])
      })
    )
  )

  it.live(
    "fails with what its end says",
    on(({ here, log, loop }) =>
      Effect.gen(function* () {
        const stream = socketStream(
          { ...reading(loop, here, log), over: () => Effect.fail(new Broken()) },
          new Set()
        )
        expect(yield* Effect.flip(Stream.runDrain(stream))).toBeInstanceOf(Broken)
        expect(log).toEqual(["left"])
      })
    )
  )

  it.live(
    "is read once: the second reader is told how to share it",
    on(({ here, log, loop, there }) =>
      Effect.gen(function* () {
        there.end("x")
        const stream = socketStream(reading(loop, here, log), new Set())
        yield* Stream.runDrain(stream)
        const exit = yield* Effect.exit(Stream.runDrain(stream))
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        expect(defect).toBeInstanceOf(InvalidStateError)
        expect(String(defect)).toContain("the test's socket can be read once: split one Stream")
      })
    )
  )
})

describe("a Sink of a socket", () => {
  it.live(
    "writes no faster than the other side reads, and ends what that reads",
    on(({ here, log, loop, there }) =>
      Effect.gen(function* () {
        const chunk = new Uint8Array(64 * 1024)
        let taken = 0
        const input = Stream.tap(Stream.take(Stream.repeatValue(chunk), 500), () =>
          Effect.sync(() => taken++)
        )
        const fiber = yield* Effect.fork(Stream.run(input, socketSink(writing(loop, here, log), new Set())))
        yield* Effect.sleep(50)
        expect(taken).toBeLessThan(500)
        let bytes = 0
        there.on("data", (data: Buffer) => (bytes += data.length))
        yield* Fiber.join(fiber)
        expect(taken).toBe(500)
        if (!there.readableEnded) yield* Effect.promise(() => once(there, "end"))
        expect(bytes).toBe(500 * chunk.length)
        expect(log).toEqual(["left"])
      })
    )
  )

  it.live(
    "fails with what its break says, when the other side goes while it waits, and when it has gone",
    on(({ here, log, loop, there }) =>
      Effect.gen(function* () {
        const sink = socketSink(writing(loop, here, log), new Set())
        const fiber = yield* Effect.fork(
          Effect.flip(Stream.run(Stream.repeatValue(new Uint8Array(64 * 1024)), sink))
        )
        yield* Effect.sleep(20)
        there.resetAndDestroy()
        expect(yield* Fiber.join(fiber)).toBeInstanceOf(Broken)
        const late = new SocketWriter(writing(loop, here, log))
        expect(yield* Effect.flip(late.write(["x"]))).toBeInstanceOf(Broken)
        expect(yield* Effect.flip(late.end)).toBeInstanceOf(Broken)
        expect(log).toEqual(["left"])
      })
    )
  )

  it.live(
    "is told when it is left early",
    on(({ here, log, loop }) =>
      Effect.gen(function* () {
        const sink = socketSink(writing(loop, here, log), new Set())
        const fiber = yield* Effect.fork(Stream.run(Stream.never, sink))
        yield* settle
        expect(log).toEqual([])
        yield* Fiber.interrupt(fiber)
        expect(log).toEqual(["left"])
        expect(here.listenerCount("drain")).toBe(0)
      })
    )
  )
})
