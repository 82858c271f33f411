/**
 * What the close() of Node's servers does to what is connected, version by version, and that a server with a Scope does the same
 * on all of them. The column of the version that runs is checked; a new version needs one.
 * Covers: openServer
 */
import * as http from "node:http"
import * as http2 from "node:http2"
import { describe, expect, it } from "vitest"
import { gate, get, raw, type Raw, serving, turns } from "../../support/servers.js"

type Row = Record<"20" | "22" | "24" | "26", string>

const same = (what: string): Row => ({ "20": what, "22": what, "24": what, "26": what })

/** `at once` and `open` say whether a connection has ended soon after close(). */
const table: Record<string, Row> = {
  "http, idle": same("at once"),
  "http, silent": { ...same("open"), "26": "at once" },
  "http, half a request": same("open"),
  "http, kept after the answer that was in flight": same("open"),
  "http2, idle session": { ...same("open"), "24": "at once", "26": "at once" },
  "http2, fresh session": { ...same("open"), "24": "at once", "26": "at once" },
  "http2, silent": { ...same("open"), "24": "at once", "26": "at once" }
}

const major = process.versions.node.split(".")[0] as keyof Row

const isOpen = (client: Raw): string =>
  client.socket.closed || client.socket.readableEnded ? "at once" : "open"

/** Connections in every state, on a server of HTTP/1 that listens. */
const httpClients = async (port: number, answer: () => void, begun: Promise<void>) => {
  const clients = {
    idle: await raw(port),
    silent: await raw(port),
    half: await raw(port),
    flight: await raw(port)
  }
  clients.idle.send(get("/"))
  await clients.idle.until("hello")
  clients.half.send("GET / HT")
  clients.flight.send(get("/slow"))
  await begun
  await turns(10)
  return { clients, answer }
}

const web = () => {
  const begun = gate()
  let answer = (): void => {}
  const server = http.createServer((request, response) => {
    if (request.url !== "/slow") return void response.end("hello")
    response.writeHead(200, { "Content-Length": 5 }).write("wh")
    answer = () => void response.end("ole")
    begun.open()
  })
  return { server, begun: begun.opened, answer: () => answer() }
}

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe(`close() of Node ${major}`, () => {
  const expected = (prefix: string) =>
    Object.fromEntries(
      Object.entries(table)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, row]) => [name, row[major]])
    )

  it("does to connections of HTTP/1 what the table says", async () => {
    const { answer, begun, server } = web()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as { port: number }
    const { clients } = await httpClients(port, answer, begun)
    const closed = new Promise((resolve) => server.close(resolve))
    answer()
    await clients.flight.until("whole")
    await after(100)
    expect({
      "http, idle": isOpen(clients.idle),
      "http, silent": isOpen(clients.silent),
      "http, half a request": isOpen(clients.half),
      "http, kept after the answer that was in flight": isOpen(clients.flight)
    }).toEqual(expected("http,"))
    server.closeAllConnections()
    await closed
  })

  it("does to sessions of HTTP/2 what the table says", async () => {
    const server = http2.createServer().on("stream", (stream: http2.ServerHttp2Stream) => {
      stream.respond()
      stream.end("hello")
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as { port: number }
    const sockets = new Set<http2.Http2Session>()
    server.on("session", (session) => sockets.add(session))
    const idle = http2.connect(`http://127.0.0.1:${port}`)
    await new Promise((resolve) => idle.request({ ":path": "/" }).on("close", resolve).resume())
    const fresh = http2.connect(`http://127.0.0.1:${port}`)
    await new Promise((resolve) => fresh.once("remoteSettings", resolve))
    const silent = await raw(port)
    await turns(10)
    const closed = new Promise((resolve) => server.close(resolve))
    await after(100)
    const of = (session: http2.ClientHttp2Session): string => (session.destroyed ? "at once" : "open")
    expect({
      "http2, idle session": of(idle),
      "http2, fresh session": of(fresh),
      "http2, silent": isOpen(silent)
    }).toEqual(expected("http2,"))
    for (const session of sockets) session.destroy()
    await closed
    await silent.ended
  })

  it("S6 a server with a Scope does the same on every version", async () => {
    const { answer, begun, server } = web()
    const ends: Array<string> = []
    await serving(server, { host: "127.0.0.1", idle: 100 }, async ({ close, port }) => {
      const { clients } = await httpClients(port, answer, begun)
      for (const [name, client] of Object.entries(clients)) void client.ended.then(() => ends.push(name))
      const closed = close()
      await clients.idle.ended
      answer()
      await closed
      await Promise.all(Object.values(clients).map(({ ended }) => ended))
      expect(ends.slice(0, 2)).toEqual(["idle", "flight"])
      expect(ends.slice(2).sort()).toEqual(["half", "silent"])
      expect(clients.flight.received().endsWith("whole")).toBe(true)
    })
  })
})
