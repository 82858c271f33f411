// Servers of HTTP/2 and of TLS as they close.
// Covers: Http2Connection, Handshake, kinds
import { createServer as createNet } from "node:net"
import * as http from "node:http"
import * as http2 from "node:http2"
import * as https from "node:https"
import * as tls from "node:tls"
import { describe, expect, it } from "vitest"
import { isAnyServer, isNodeServer, isSecure, speechOf } from "../../../src/Loop/server/kinds.js"
import { cert, key } from "../../support/certificate.js"
import { gate, get, raw, rawOf, type Served, serving, turns } from "../../support/servers.js"

const secure = { key, cert }

/** A client's session, and what it has seen. */
const clientOf = async (url: string) => {
  const session = http2.connect(url, { rejectUnauthorized: false })
  const log: Array<string> = []
  session.on("goaway", (code) => log.push(`goaway ${code}`))
  session.on("error", (error: NodeJS.ErrnoException) => log.push(`error ${error.code}`))
  const closed = new Promise<void>((resolve) => session.once("close", resolve))
  await new Promise((resolve) => session.once("connect", resolve))
  const ask = async (path: string): Promise<string> => {
    const stream = session.request({ ":path": path })
    let text = ""
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()))
    return new Promise((resolve) => {
      stream.on("error", (error: NodeJS.ErrnoException) => (text += ` ${error.code}`))
      stream.on("close", () => resolve(text))
    })
  }
  return { session, log, closed, ask }
}

/** `/now` is answered at once, anything else when `open` is called. */
const answering = () => {
  const waits = gate()
  const log: Array<string> = []
  const onStream = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void => {
    log.push(String(headers[":path"]))
    stream.on("error", () => {})
    const answer = () => {
      if (stream.destroyed) return
      stream.respond({ ":status": 200 })
      stream.end(`answer to ${headers[":path"]}`)
    }
    if (headers[":path"] === "/now") answer()
    else void waits.opened.then(answer)
  }
  const seen = async (path: string) => {
    while (!log.includes(path)) await turns(1)
  }
  return { onStream, seen, open: () => waits.open() }
}

const kinds = [
  ["http", () => http2.createServer()],
  ["https", () => http2.createSecureServer(secure)]
] as const

describe.each(kinds)("a server of HTTP/2 over %s that closes", (scheme, create) => {
  const url = ({ port }: Served) => `${scheme}://127.0.0.1:${port}`

  it("S6 says GOAWAY, answers what is in flight, and has closed when that is sent", async () => {
    const { onStream, open, seen } = answering()
    await serving(create().on("stream", onStream), { host: "127.0.0.1" }, async (served) => {
      const { close, lines, reports } = served
      const { ask, closed, log } = await clientOf(url(served))
      const slow = ask("/slow")
      await seen("/slow")
      const done = close()
      while (!log.includes("goaway 0")) await turns(1)
      open()
      expect(await slow).toBe("answer to /slow")
      await Promise.all([done, closed])
      expect([...new Set(log)]).toEqual(["goaway 0"])
      expect(lines()[0]).toMatch(new RegExp(`^server ${scheme}:.* 1 request was in flight, all answered$`))
      expect(reports).toEqual([])
    })
  })

  it("S6 ends what is idle at once, and what has not asked for anything after its time", async () => {
    const { onStream } = answering()
    await serving(create().on("stream", onStream), { host: "127.0.0.1", idle: 100 }, async (served) => {
      const log: Array<string> = []
      const used = await clientOf(url(served))
      expect(await used.ask("/now")).toBe("answer to /now")
      const fresh = await clientOf(url(served))
      const silent = await raw(served.port)
      void used.closed.then(() => log.push("used"))
      void fresh.closed.then(() => log.push("fresh"))
      await turns(20)
      await served.close()
      expect((await silent.ended).error).toBeUndefined()
      await fresh.closed
      expect(log).toEqual(["used", "fresh"])
      expect(served.reports).toEqual([])
    })
  })

  it("S6 serves new streams during the lame duck", async () => {
    const { onStream } = answering()
    await serving(create().on("stream", onStream), { host: "127.0.0.1", lameDuck: 300 }, async (served) => {
      const done = served.close()
      const { ask, closed } = await clientOf(url(served))
      expect(await ask("/now")).toBe("answer to /now")
      await Promise.all([done, closed])
    })
  })

  it("S6 cuts the streams that are left, and names them", async () => {
    const { onStream, seen } = answering()
    const options = { host: "127.0.0.1", drain: 50, idle: 10, answer: 20 }
    await serving(create().on("stream", onStream), options, async (served) => {
      const { ask, closed } = await clientOf(url(served))
      const never = ask("/never")
      await seen("/never")
      await served.close()
      await closed
      expect(await never).not.toContain("answer")
      expect(served.reports[0]?.message).toMatch(
        /request +GET \/never from 127.0.0.1:\d+ .* not answered +its handler/
      )
      expect(served.lines()[0]).toContain("1 request was in flight, 0 answered, 1 cut off")
    })
  })

  it("S6 ends a stream of events whose handler has not asked to be told", async () => {
    const server = create().on("stream", (stream: http2.ServerHttp2Stream) => {
      stream.respond({ ":status": 200, "content-type": "text/event-stream" })
      stream.write("data: x\n\n")
    })
    await serving(server, { host: "127.0.0.1", idle: 20 }, async (served) => {
      const { ask } = await clientOf(url(served))
      const events = ask("/events")
      await turns(20)
      await served.close()
      expect(await events).toBe("data: x\n\n")
      expect(served.lines()[0]).toContain("all answered")
    })
  })

  it("S6 counts a request of the compatible API once", async () => {
    const server = create().on(
      "request",
      (_: unknown, response: http2.Http2ServerResponse) => void response.end("hello")
    )
    await serving(server, { host: "127.0.0.1", lameDuck: 100 }, async (served) => {
      const { ask, session } = await clientOf(url(served))
      const done = served.close()
      expect(await ask("/")).toBe("hello")
      session.close()
      await done
      expect(served.lines()[0]).toContain("1 request was in flight, all answered")
    })
  })
})

describe("a server of TLS that closes", () => {
  const connect = (port: number) =>
    new Promise<ReturnType<typeof rawOf>>((resolve, reject) => {
      const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false })
      socket.once("secureConnect", () => resolve(rawOf(socket))).once("error", reject)
    })

  it("S6 drains HTTP/1 over TLS as without, and ends a handshake that does not come after its time", async () => {
    const begun = gate()
    const waits = gate()
    const server = https.createServer(secure, (_, response) => {
      begun.open()
      void waits.opened.then(() => response.end("whole"))
    })
    await serving(server, { host: "127.0.0.1", idle: 50 }, async ({ close, lines, port, reports }) => {
      const silent = await raw(port)
      const client = await connect(port)
      client.send(get("/"))
      await begun.opened
      const closed = close()
      await silent.ended
      waits.open()
      expect((await client.ended).text).toMatch(/Connection: close[^]*whole$/)
      await closed
      expect(lines()[0]).toMatch(/^server https:.* 1 request was in flight, all answered$/)
      expect(reports).toEqual([])
    })
  })

  it("S6 drains HTTP/1 on a server of HTTP/2 that allows it", async () => {
    const server = http2.createSecureServer({ ...secure, allowHTTP1: true }, (request, response) => {
      setTimeout(() => void response.end(`hello ${request.httpVersion}`), 100)
    })
    await serving(server, { host: "127.0.0.1", idle: 20 }, async ({ close, lines, port, reports }) => {
      const client = await connect(port)
      client.send(get("/"))
      const { ask } = await clientOf(`https://127.0.0.1:${port}`)
      const second = ask("/")
      await turns(50)
      await close()
      expect(await second).toBe("hello 2.0")
      expect((await client.ended).text).toMatch(/Connection: close[^]*hello 1.1/)
      expect(lines()[0]).toMatch(/2 requests were in flight, all answered$/)
      expect(reports).toEqual([])
    })
  })

  it("S6 ends a conversation over TLS when the last word was its own", async () => {
    const server = tls.createServer(secure, (socket) => void socket.on("error", () => {}).pipe(socket))
    await serving(server, { host: "127.0.0.1", idle: 40 }, async ({ close, lines, port, reports }) => {
      const client = await connect(port)
      client.send("one")
      await client.until("one")
      await close()
      expect(await client.ended).toEqual({ error: undefined, text: "one" })
      expect(lines()[0]).toMatch(/^server tls:.* 1 other connection ended$/)
      expect(reports).toEqual([])
    })
  })
})

describe("kinds", () => {
  it("knows servers by what they can do", () => {
    const servers = [
      createNet(),
      http.createServer(),
      https.createServer(),
      http2.createServer(),
      http2.createSecureServer()
    ]
    expect(servers.map((server) => `${speechOf(server)} ${isSecure(server)}`)).toEqual([
      ...["raw false", "http false", "http true", "http2 false", "http2 true"]
    ])
    expect(servers.every((server) => isAnyServer(server) && isNodeServer(server))).toBe(true)
    expect(isAnyServer({ listen: () => {} })).toBe(false)
    expect(isNodeServer({ listen: () => {}, close: () => {} })).toBe(false)
  })
})
