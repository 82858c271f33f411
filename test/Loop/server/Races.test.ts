/**
 * Servers under load that are told to close at random moments: every request that a handler has seen is answered whole, every
 * other one is refused without a word, and nothing hangs or is left. `RACES=200` closes each kind so often.
 */
import * as http from "node:http"
import * as http2 from "node:http2"
import * as https from "node:https"
import * as net from "node:net"
import * as tls from "node:tls"
import { describe, expect, it } from "vitest"
import type { AnyServer } from "../../../src/index.js"
import { cert, key } from "../../support/certificate.js"
import { get, rawOf, serving } from "../../support/servers.js"

const times = Number(process.env["RACES"] ?? 3)
const CLIENTS = 10
/** Longer than one write, so that an answer can be cut. */
const body = (id: string): string => `${id}:${"x".repeat(40_000)}:${id}`

/** One run: what handlers have seen, and what clients have got whole, or in part. */
class Book {
  readonly seen = new Set<string>()
  readonly whole = new Set<string>()
  readonly broken: Array<string> = []
  readonly #ids = { next: 0 }

  id(): string {
    return `r${this.#ids.next++}`
  }

  /** A client has the answer to its request, or what there is of it. */
  got(id: string, text: string): boolean {
    if (text === "") return false
    if (text === body(id)) this.whole.add(id)
    else this.broken.push(`${id} has ${text.length}`)
    return text === body(id)
  }
}

const random = (most: number): number => Math.floor(Math.random() * most)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** A kind of server, and a client that asks until it is refused. */
interface Kind {
  readonly make: (book: Book) => AnyServer
  readonly ask: (port: number, book: Book) => Promise<void>
}

const onRequest = (book: Book) => (request: http.IncomingMessage, response: http.ServerResponse) => {
  const id = (request.url ?? "").slice(1)
  book.seen.add(id)
  const text = body(id)
  setTimeout(() => {
    if (random(2) === 0) return void response.end(text)
    // Its headers are sent by the time that somebody may tell it that it is the last.
    response.writeHead(200, { "Content-Length": text.length }).write(text.slice(0, 10))
    setTimeout(() => response.end(text.slice(10)), random(5))
  }, random(5))
}

const http1 =
  (request: (options: http.RequestOptions) => http.ClientRequest, agent: () => http.Agent): Kind["ask"] =>
  async (port, book) => {
    const keptAlive = agent()
    for (;;) {
      const id = book.id()
      const text = await new Promise<string>((resolve) => {
        const options = { host: "127.0.0.1", port, path: `/${id}`, agent: keptAlive }
        request(options)
          .on("error", () => resolve(""))
          .on("response", (response: http.IncomingMessage) => {
            let text = ""
            response.on("data", (chunk: Buffer) => (text += chunk.toString()))
            response.on("error", () => {}).on("close", () => resolve(text === "" ? "nothing" : text))
          })
          .end()
      })
      if (!book.got(id, text)) break
      if (random(5) === 0) await pause(random(5))
    }
    keptAlive.destroy()
  }

const onStream = (book: Book) => (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
  const id = String(headers[":path"]).slice(1)
  book.seen.add(id)
  stream.on("error", () => {})
  setTimeout(() => {
    if (stream.destroyed) return
    stream.respond({ ":status": 200 })
    stream.end(body(id))
  }, random(5))
}

const http2Client =
  (scheme: string): Kind["ask"] =>
  async (port, book) => {
    const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { ca: cert })
    session.on("error", () => {})
    while (!session.closed && !session.destroyed) {
      const id = book.id()
      const text = await new Promise<string>((resolve) => {
        let text = ""
        const stream = session.request({ ":path": `/${id}` })
        stream.on("data", (chunk: Buffer) => (text += chunk.toString()))
        stream.on("error", () => {}).on("close", () => resolve(text))
      })
      if (!book.got(id, text)) break
    }
    session.destroy()
  }

/** Lines that are answered after a while, by clients that think for longer. */
const onLine = (book: Book) => (socket: net.Socket) => {
  socket.on("error", () => {})
  socket.on("data", (data) => {
    const id = data.toString().trim()
    book.seen.add(id)
    setTimeout(() => socket.write(body(id)), random(5))
  })
}

const lines =
  (connect: (port: number) => net.Socket, hello: string): Kind["ask"] =>
  async (port, book) => {
    const { ended, received, send, socket } = rawOf(connect(port))
    socket.on("end", () => socket.end())
    if (hello !== "") socket.once("connect", () => send(hello))
    let start = 0
    if (hello !== "") {
      while (!socket.closed && !received().includes("\r\n\r\n")) await pause(1)
      start = received().indexOf("\r\n\r\n") + 4
    }
    while (socket.writable && !socket.closed && !socket.readableEnded) {
      const id = book.id()
      const wanted = body(id).length
      send(`${id}\n`)
      while (!socket.closed && received().length < start + wanted) await pause(1)
      if (!book.got(id, received().slice(start, start + wanted))) break
      start += wanted
      await pause(30 + random(60))
    }
    socket.destroy()
    await ended
  }

const upgraded = (book: Book): http.Server => {
  const server = http.createServer(onRequest(book))
  server.on("upgrade", (_: http.IncomingMessage, socket: net.Socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
    onLine(book)(socket)
  })
  return server
}

const local = (port: number): net.NetConnectOpts => ({ port, host: "127.0.0.1" })
const secure = { key, cert }

const kinds: Record<string, Kind> = {
  "node:http": {
    make: (book) => http.createServer(onRequest(book)),
    ask: http1(http.request, () => new http.Agent({ keepAlive: true }))
  },
  "node:https": {
    make: (book) => https.createServer(secure, onRequest(book)),
    ask: http1(https.request, () => new https.Agent({ keepAlive: true, ca: cert }))
  },
  "node:http2": {
    make: (book) => http2.createServer().on("stream", onStream(book)),
    ask: http2Client("http")
  },
  "node:http2, secure": {
    make: (book) => http2.createSecureServer(secure).on("stream", onStream(book)),
    ask: http2Client("https")
  },
  "node:net": {
    make: (book) => net.createServer({ allowHalfOpen: false }, onLine(book)),
    ask: lines((port) => net.connect(local(port)), "")
  },
  "node:tls": {
    make: (book) => tls.createServer(secure, onLine(book)),
    ask: lines((port) => tls.connect({ ...local(port), ca: cert }), "")
  },
  "an upgraded socket": {
    make: upgraded,
    ask: lines((port) => net.connect(local(port)), get("/", "Connection: Upgrade", "Upgrade: lines"))
  }
}

describe("a server under load that is told to close", () => {
  it.each(Object.keys(kinds))(
    "S6 of %s answers whole what it has taken, and refuses the rest",
    async (name) => {
      const { ask, make } = kinds[name] as Kind
      const tasks = Array.from({ length: times }, () => random(60))
      for (const moment of tasks) {
        const book = new Book()
        const options = { host: "127.0.0.1", idle: 25, drain: 3_000 }
        await serving(make(book), options, async ({ close, lines, port, reports }) => {
          const clients = Array.from({ length: CLIENTS }, () => ask(port, book))
          await pause(moment)
          await close()
          await Promise.all(clients)
          const lost = [...book.seen].filter((id) => !book.whole.has(id))
          expect(
            { lost, broken: book.broken, reports: reports.map(({ message }) => message) },
            lines()[0]
          ).toEqual({
            lost: [],
            broken: [],
            reports: []
          })
        })
      }
    },
    60_000 + times * 4_000
  )
})
