/**
 * What is tested of the platform's HTTP server on a loop, on either line of Effect: the apps and the services are the line's, the
 * clients and the cases are the same.
 */
import { createServer } from "node:http"
import { describe, expect, it } from "vitest"
import { LoopHttpServer } from "../../../src/platform/index.js"
import { head, RawClient } from "../requests.js"

/** A server that listens, with its app. */
export interface Running {
  readonly port: number
  /** Closes the Scope of all of it. */
  readonly close: () => Promise<void>
  /** What was reported, as its kind and the names of its rows. */
  readonly reports: () => ReadonlyArray<string>
  /** What the app has said. */
  readonly log: Array<string>
}

export interface Line {
  /**
   * Serves on a loop: `/hello`; `/slow`, which answers when `release` was called; `/stuck`, which never answers; `/events`, a Stream
   * that says `tick` until it is released, then `bye`; `/echo`, the body; `/socket`, a WebSocket that echoes; `/fail`.
   */
  readonly serve: (
    options: LoopHttpServer.HttpServerOptions,
    use: (running: Running & { readonly release: () => void }) => Promise<void>
  ) => Promise<void>
  /** The error that listening fails with: its tag, and its cause. */
  readonly failure: (
    options: LoopHttpServer.HttpServerOptions
  ) => Promise<{ readonly tag: string; readonly cause: unknown }>
  /** The same on a loop that is closed. */
  readonly onClosedLoop: () => Promise<{ readonly tag: string; readonly cause: unknown }>
}

const local = { host: "127.0.0.1", port: 0 }
const turns = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const untilLogged = async (log: ReadonlyArray<string>, text: string): Promise<void> => {
  while (!log.includes(text)) await turns(2)
}

const get = async (port: number, path: string, ...headers: ReadonlyArray<string>): Promise<RawClient> => {
  const client = await RawClient.to(port)
  client.write(head(`GET ${path}`, ...headers))
  return client
}

const websocket = async (port: number): Promise<RawClient> => {
  const client = await get(
    port,
    "/socket",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
  )
  await client.until(/^HTTP\/1.1 101 [^]*\r\n\r\n/)
  return client
}

/** The frame that says 1001: a pattern with control characters in it is no literal. */
const CLOSED_1001 = new RegExp(String.fromCharCode(0x88, 0x02, 0x03, 0xe9))

/** A client's word to 1001: the same. */
const CLOSE = String.fromCharCode(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9)

/** A text frame of a client, masked with zeros. */
const frame = (text: string): string => String.fromCharCode(0x81, 0x80 + text.length, 0, 0, 0, 0) + text

export const httpCases = ({ failure, onClosedLoop, serve }: Line): void => {
  describe("an HTTP server of the platform on a loop", () => {
    it("serves: answers, failures, bodies, Streams and WebSockets, as the platform does", () =>
      serve(local, async ({ log, port, release }) => {
        const url = `http://127.0.0.1:${port}`
        const text = async (path: string, init?: RequestInit) => {
          const answer = await fetch(url + path, { ...init, headers: { connection: "close" } })
          return `${answer.status} ${await answer.text()}`
        }
        expect(await text("/hello")).toBe("200 hello")
        expect(await text("/echo", { method: "POST", body: "x".repeat(300_000) })).toBe(
          `200 ${"x".repeat(300_000)}`
        )
        expect(await text("/fail")).toMatch(/^500 /)
        const events = await get(port, "/events", "Connection: close")
        await events.until(/tick/)
        release()
        expect(await events.closed()).toMatch(/^HTTP\/1.1 200 [^]*tick [^]*bye\r\n0\r\n\r\n$/)
        const socket = await websocket(port)
        socket.write(frame("over"))
        expect(await socket.until(/over$/)).toMatch(/over$/)
        await socket.destroy()
        await untilLogged(log, "socket ended")
      }))

    it("S6 answers what is in flight, ends what is idle at once, and closes before what serves is gone", () =>
      serve(local, async ({ close, log, port, release, reports }) => {
        const idle = await get(port, "/hello")
        await idle.until(/hello$/)
        const slow = await get(port, "/slow")
        await untilLogged(log, "slow")
        const closed = close().then(() => log.push("closed"))
        await idle.closed()
        expect(log).not.toContain("closed")
        release()
        expect(await slow.closed()).toMatch(/^HTTP\/1.1 200 [^]*[Cc]onnection: close[^]*slow answer$/)
        await closed
        expect(log.slice(log.indexOf("slow"))).toEqual(["slow", "service released", "closed"])
        expect(reports()).toEqual([])
      }))

    it("S6 interrupts a handler when the time of the drain is over, which answers 503 then", () =>
      serve({ ...local, drain: 50, answer: 500 }, async ({ close, log, port, reports }) => {
        const stuck = await get(port, "/stuck")
        await untilLogged(log, "stuck")
        await close()
        expect(await stuck.closed()).toMatch(/^HTTP\/1.1 503 /)
        expect(log.slice(log.indexOf("stuck"))).toEqual([
          "stuck",
          "interrupted",
          "finalizer",
          "service released"
        ])
        expect(reports()).toEqual([])
      }))

    it("S6 names a request whose handler does not end, and goes on", () =>
      serve({ ...local, drain: 50, answer: 50 }, async ({ close, log, port, release, reports }) => {
        const deaf = await get(port, "/deaf?secret=1")
        await untilLogged(log, "deaf")
        await Promise.race([close(), deaf.closed()])
        await deaf.closed()
        expect(reports()).toEqual([
          expect.stringMatching(
            /^leftover: .*httpServer.*request GET \/deaf from 127\.0\.0\.1:\d+ .* its handler/
          )
        ])
        release()
        await close()
      }))

    it("S6 ends a Stream of events that has no end, and what makes it", () =>
      serve({ ...local, idle: 20, drain: 10_000 }, async ({ close, log, port, reports }) => {
        const client = await get(port, "/events")
        await client.until(/tick/)
        await close()
        expect(await client.closed()).toMatch(/^HTTP\/1.1 200 [^]*tick [^]*\r\n0\r\n\r\n$/)
        expect(log.slice(log.indexOf("events"))).toEqual(["events", "events ended", "service released"])
        expect(reports()).toEqual([])
      }))

    it("interrupts a handler whose client goes away", () =>
      serve(local, async ({ log, port }) => {
        const client = await get(port, "/stuck")
        await untilLogged(log, "stuck")
        await client.destroy()
        await untilLogged(log, "finalizer")
        expect(log).toContain("interrupted")
      }))

    it("S6 closes a WebSocket with 1001", () =>
      serve(local, async ({ close, log, port, reports }) => {
        const client = await websocket(port)
        await untilLogged(log, "socket")
        const closed = close()
        await client.until(CLOSED_1001)
        client.write(CLOSE)
        await client.closed()
        await closed
        expect(log.slice(log.indexOf("socket"))).toEqual(["socket", "socket ended", "service released"])
        expect(reports()).toEqual([])
      }))

    it("S6 cuts off a WebSocket that says nothing to that, and names it", () =>
      serve({ ...local, drain: 100, answer: 100 }, async ({ close, log, port, reports }) => {
        const client = await websocket(port)
        await untilLogged(log, "socket")
        await close()
        await client.closed()
        expect(log.slice(log.indexOf("socket"))).toEqual(["socket", "socket ended", "service released"])
        expect(reports()).toEqual([expect.stringMatching(/^leftover: .*websocket \/socket of 127\.0\.0\.1/)])
      }))

    it("S6 says that it goes while it is a lame duck, and still takes what comes", () =>
      serve({ ...local, lameDuck: 150 }, async ({ close, port }) => {
        const closed = close()
        await turns(20)
        const late = await get(port, "/hello")
        expect(await late.closed()).toMatch(/[Cc]onnection: close[^]*hello$/)
        await closed
        await expect(RawClient.to(port)).rejects.toMatchObject({ code: "ECONNREFUSED" })
      }))

    it("fails with the platform's ServeError, which names the address and the remedy, and leaves nothing", () =>
      serve(local, async ({ port }) => {
        const taken = await failure({ host: "127.0.0.1", port })
        expect(taken.tag).toBe("ServeError")
        expect(taken.cause).toMatchObject({
          _tag: "BindError",
          code: "EADDRINUSE",
          address: `127.0.0.1:${port}`
        })
        const path = await failure({ path: `/tmp/${"x".repeat(200)}` })
        expect(path.cause).toMatchObject({ _tag: "BindError", code: "ENAMETOOLONG" })
      }))

    it("S4 fails with ServeError on a loop that is closed", async () => {
      expect(await onClosedLoop()).toMatchObject({ tag: "ServeError", cause: { _tag: "LoopClosedError" } })
    })

    it("B2 refuses what makes no server, and options that are none, at once", () => {
      const { layer, layerServer, make } = LoopHttpServer
      for (const call of [layer, layerServer, make] as ReadonlyArray<
        (...args: ReadonlyArray<unknown>) => unknown
      >) {
        expect(() => call(createServer())).toThrow(/^LoopHttpServer.* takes a function that makes a server/)
        expect(() => call(createServer, { port: "80" })).toThrow(new TypeError('port is a number, not "80"'))
        expect(() => call(createServer, { port: 65_536 })).toThrow(RangeError)
        expect(() => call(createServer, { drain: -1 })).toThrow(RangeError)
        expect(() => call(createServer, { port: 1, path: "/x" })).toThrow(/listens in one way/)
      }
    })
  })
}
