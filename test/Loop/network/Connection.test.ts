// Connections as Effects, against servers of node:net.
// Covers: Connection, connect
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import type { LookupFunction, Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  ConnectError,
  ConnectionResetError,
  InvalidStateError,
  Loop,
  LoopClosedError,
  Net,
  ResolveError
} from "../../../src/index.js"
import { at, echo, on, serving, text } from "../../support/connections.js"
import { until as untilSo } from "../../support/readerLoops.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"

const until = (isSo: () => boolean) => Effect.promise(() => untilSo(isSo))

describe("Net.connect", () => {
  it.live(
    "T1 writes and reads, ends one direction, and reads on until the other side has ended",
    on(
      Effect.gen(function* () {
        const port = yield* serving((socket) => {
          socket.on("data", (data: Buffer) => socket.write(data))
          socket.on("end", () => socket.end(" and the end"))
        })
        const connection = yield* Net.connect(at(port))
        expect(connection.remoteAddress).toEqual({ host: "127.0.0.1", port, family: 4 })
        expect(connection.localAddress).toMatchObject({ host: "127.0.0.1", family: 4 })
        expect(String(connection)).toBe(`the connection with 127.0.0.1:${port}`)
        expect((yield* Loop.statistics).transports).toBe(1)
        yield* connection.write("hello")
        yield* connection.write(new TextEncoder().encode(" world"))
        yield* connection.end
        expect(yield* text(connection.stream)).toBe("hello world and the end")
        // Again is nothing.
        yield* connection.end
      })
    )
  )

  it.live(
    "a Stream goes through, both ways at once, whatever its length, with what is held of it bounded",
    on(
      Effect.gen(function* () {
        const port = yield* serving(echo)
        const { sink, socket, stream } = yield* Net.connect(at(port))
        const chunk = new Uint8Array(100_000).fill(7)
        let most = 0
        const input = Stream.tap(Stream.take(Stream.repeatValue(chunk), 300), () =>
          Effect.sync(() => (most = Math.max(most, socket.writableLength)))
        )
        const fiber = yield* Effect.fork(Stream.run(input, sink))
        const bytes = yield* Stream.runFold(stream, 0, (sum, part) => sum + part.length)
        yield* Fiber.join(fiber)
        expect(bytes).toBe(300 * chunk.length)
        expect(most).toBeLessThanOrEqual(2 * chunk.length)
      })
    )
  )

  it.live(
    "goes to unix sockets",
    on(
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "E-net-"))),
          (path) => Effect.sync(() => rmSync(path, { recursive: true }))
        )
        const path = join(folder, "s")
        yield* serving(echo, path)
        const { end, remoteAddress, stream, write } = yield* Net.connect({ path })
        expect(remoteAddress).toBe(path)
        yield* write("over a file")
        yield* end
        expect(yield* text(stream)).toBe("over a file")
        expect(yield* Effect.flip(Net.connect({ path: join(folder, "none") }))).toMatchObject({
          _tag: "ConnectError",
          code: "ENOENT",
          address: join(folder, "none")
        })
      })
    )
  )

  it.live(
    "what goes wrong is typed, and names the address",
    on(
      Effect.gen(function* () {
        const port = yield* Effect.scoped(serving(echo))
        const refused = yield* Effect.flip(Net.connect(at(port)))
        expect(refused).toBeInstanceOf(ConnectError)
        expect(refused).toMatchObject({ code: "ECONNREFUSED", address: `127.0.0.1:${port}` })
        const lookup: LookupFunction = (host, _options, answer) =>
          answer(Object.assign(new Error("none"), { code: "ENOTFOUND", hostname: host }), "")
        const unknown = yield* Effect.flip(Net.connect({ host: "no.such.host", port: 80, lookup }))
        expect(unknown).toBeInstanceOf(ResolveError)
        expect(unknown).toMatchObject({ host: "no.such.host" })
      })
    )
  )

  it.live(
    "B2 options that are wrong are defects that say so, before anything is opened",
    on(
      Effect.gen(function* () {
        for (const [options, words] of [
          [{ host: "127.0.0.1" }, "takes a host and a port"],
          [{ port: "80" }, "port is a number"],
          [{ port: 70_000 }, "from 0 to 65535"],
          [{ port: 80, path: "/x" }, "port"],
          [null, "takes an object"],
          [{ port: 80, ssl: 3 }, "ssl is true or an object"]
        ] as const) {
          const exit = yield* Effect.exit(Net.connect(options as never))
          const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
          expect(defect instanceof TypeError || defect instanceof RangeError, String(defect)).toBe(true)
          expect(String(defect)).toContain(words)
        }
        expect((yield* Loop.statistics).transports).toBe(0)
      })
    )
  )

  it.live(
    "J1 interrupted while it connects, it takes back what was begun, and nothing is left",
    on(
      Effect.gen(function* () {
        let answer: (() => void) | undefined
        const lookup: LookupFunction = (_host, _options, found) => {
          answer = () => found(null, [{ address: "127.0.0.1", family: 4 }])
        }
        const fiber = yield* Effect.fork(Net.connect({ host: "slow.host", port: 80, lookup }))
        yield* settle
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isInterrupted(exit)).toBe(true)
        // Late: nobody connects any more.
        answer?.()
        yield* settle
        expect(process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP"))).toEqual([])
      })
    )
  )

  it.live(
    "J1 J7 interrupted at any moment, it is there and owned, or nothing of it is left",
    on(
      Effect.gen(function* () {
        const port = yield* serving(echo)
        let arrived = 0
        for (let turns = 0; turns < 60; turns++) {
          const fiber = yield* Effect.fork(
            Effect.scoped(Effect.tap(Net.connect(at(port)), () => void arrived++))
          )
          for (let turn = 0; turn < turns % 12; turn++) {
            yield* turn % 2 === 0
              ? Effect.promise(() => new Promise<void>((resolve) => void setImmediate(resolve)))
              : Effect.yieldNow()
          }
          yield* Fiber.interrupt(fiber)
          const { transports } = yield* Loop.statistics
          expect(transports).toBe(0)
        }
        expect(arrived).toBeGreaterThan(0)
        expect(arrived).toBeLessThan(60)
      })
    )
  )

  it.live(
    "J4 a connection that breaks is a ConnectionResetError for who reads and who writes, also later",
    on(
      Effect.gen(function* () {
        let there: Socket | undefined
        const port = yield* serving((socket) => (there = socket))
        const { end, stream, write } = yield* Net.connect(at(port))
        const reader = yield* Effect.fork(Effect.flip(Stream.runDrain(stream)))
        yield* write("x")
        yield* Effect.sleep(20)
        there?.resetAndDestroy()
        const error = yield* Fiber.join(reader)
        expect(error).toBeInstanceOf(ConnectionResetError)
        expect(error).toMatchObject({ code: "ECONNRESET", connection: `with 127.0.0.1:${port}` })
        for (const late of [write("y"), end]) {
          expect(yield* Effect.flip(late)).toMatchObject({ _tag: "ConnectionResetError", code: "ECONNRESET" })
        }
      })
    )
  )

  it.live(
    "a Stream that was left goes on where another one is run, with the next chunk; of two at a time the second dies",
    on(
      Effect.gen(function* () {
        let there: Socket | undefined
        const port = yield* serving((socket) => (there = socket))
        const { stream } = yield* Net.connect(at(port))
        yield* until(() => there !== undefined)
        for (const piece of ["one", "two"]) {
          there?.write(piece)
          const got = yield* Stream.runCollect(Stream.take(Stream.decodeText(stream), 1))
          expect([...got]).toEqual([piece])
        }
        const reader = yield* Effect.fork(Stream.runDrain(stream))
        yield* settle
        const second = yield* Effect.exit(Stream.runDrain(stream))
        const defect = Exit.isFailure(second) && Cause.squash(second.cause)
        expect(defect).toBeInstanceOf(InvalidStateError)
        expect(String(defect)).toContain("by one at a time")
        yield* Fiber.interrupt(reader)
        there?.end("the rest")
        expect(yield* text(stream)).toBe("the rest")
      })
    )
  )

  it.live(
    "many fibers write to a side that does not read, and all go on when it does; what each writes stays together",
    on(
      Effect.gen(function* () {
        let there: Socket | undefined
        const port = yield* serving((socket) => (there = socket.pause()))
        const { end, socket, write } = yield* Net.connect(at(port))
        const block = (id: number): Uint8Array => new Uint8Array(300_000).fill(id)
        let written = 0
        const writers = yield* Effect.fork(
          Effect.forEach(
            Array.from({ length: 20 }, (_, id) => id),
            (id) =>
              Effect.forEach([1, 2, 3], () =>
                Effect.zipRight(
                  write(block(id)),
                  Effect.sync(() => written++)
                )
              ),
            { concurrency: "unbounded", discard: true }
          )
        )
        yield* until(() => socket.writableNeedDrain)
        yield* settle
        expect(written).toBeLessThan(60)
        const got: Array<Buffer> = []
        there?.on("data", (data: Buffer) => void got.push(data)).resume()
        yield* Fiber.join(writers)
        yield* end
        yield* until(() => there?.readableEnded === true)
        const all = Buffer.concat(got)
        expect(all.length).toBe(60 * 300_000)
        for (let from = 0; from < all.length; from += 300_000) {
          const id = all[from] as number
          expect(all.subarray(from, from + 300_000).equals(block(id))).toBe(true)
        }
        expect(["drain", "finish", "close"].map((event) => socket.listenerCount(event) < 5)).toEqual([
          true,
          true,
          true
        ])
      })
    )
  )

  it.live(
    "a writer that is interrupted while it waits leaves the others waiting, and writing",
    on(
      Effect.gen(function* () {
        let there: Socket | undefined
        const port = yield* serving((socket) => (there = socket.pause()))
        const { socket, write } = yield* Net.connect(at(port))
        const first = yield* Effect.fork(write(new Uint8Array(20_000_000)))
        yield* until(() => socket.writableNeedDrain)
        const others = yield* Effect.fork(Effect.all([write("a"), write("b")], { concurrency: 2 }))
        yield* settle
        yield* Fiber.interrupt(first)
        there?.resume()
        yield* Fiber.join(others)
      })
    )
  )

  it.live(
    "writing after the end is a ConnectionResetError, and bytes that are none a defect",
    on(
      Effect.gen(function* () {
        const port = yield* serving(echo)
        const { end, write } = yield* Net.connect(at(port))
        const exit = yield* Effect.exit(write(3 as never))
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(TypeError)
        yield* end
        expect(yield* Effect.flip(write("late"))).toMatchObject({
          _tag: "ConnectionResetError",
          code: "ECONNRESET"
        })
      })
    )
  )

  it.live(
    "its Scope closes it: what was written arrives, and nothing can be read afterwards",
    on(
      Effect.gen(function* () {
        let got = ""
        let ended = false
        const port = yield* serving((socket) => {
          socket.on("data", (data: Buffer) => (got += data.toString()))
          socket.on("end", () => {
            ended = true
            socket.end()
          })
        })
        const connection = yield* Effect.scoped(
          Effect.tap(Net.connect(at(port)), ({ write }) => write("the last word"))
        )
        expect(connection.socket.destroyed).toBe(true)
        yield* Effect.sleep(30)
        expect([got, ended]).toEqual(["the last word", true])
        const exit = yield* Effect.exit(Stream.runDrain(connection.stream))
        const defect = Exit.isFailure(exit) && Cause.squash(exit.cause)
        expect(defect).toBeInstanceOf(InvalidStateError)
        expect(String(defect)).toContain("was read after its Scope had closed")
      })
    )
  )

  it.live(
    "J12 that the other side does not take what was written is waited for as long as slowJoin, and named",
    () => {
      const { exceptionHandler, reports } = collecting()
      return scoped(
        Effect.scoped(
          Effect.gen(function* () {
            const port = yield* serving((socket) => socket.pause())
            yield* Effect.scoped(
              Effect.gen(function* () {
                const { write } = yield* Net.connect(at(port))
                const fiber = yield* Effect.fork(Effect.exit(write(new Uint8Array(20_000_000))))
                yield* settle
                yield* Fiber.interrupt(fiber)
              })
            )
            expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
              [
                "late",
                expect.stringMatching(
                  /^the connection with 127\.0\.0\.1:\d+ was closed before .* bytes were dropped after 60ms$/
                )
              ]
            ])
          })
        ),
        { slowJoin: 60, exceptionHandler }
      )
    }
  )

  it.live("S1 the loop's close ends what is open: who reads is told of it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const port = yield* serving((socket) => socket.pause())
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(open(), scope)
        // In a Scope that outlives the loop, as a program might have it by mistake.
        const connection = yield* Effect.provideService(Net.connect(at(port)), Loop, loop)
        const reader = yield* Effect.fork(Effect.flip(Stream.runDrain(connection.stream)))
        yield* settle
        yield* Scope.close(scope, Exit.void)
        expect(yield* Fiber.join(reader)).toBeInstanceOf(LoopClosedError)
        expect(connection.socket.destroyed).toBe(true)
      })
    )
  )
})
