// Servers of HTTP/1 as they close, seen by clients that are nothing but sockets.
// Covers: ListeningServer, Connections, Connection, HttpConnection, Exchange
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { describe, expect, it } from "vitest"
import { Server } from "../../../src/index.js"
import { serves } from "../../../src/Loop/server/request/requests.js"
import { gate, get, raw, serving, turns } from "../../support/servers.js"

/** A server whose answers wait, and a promise of each request. */
const waiting = () => {
  const answers: Array<ServerResponse> = []
  const requests: Array<IncomingMessage> = []
  let come = (): void => {}
  const server = createServer((request, response) => {
    answers.push(response)
    requests.push(request)
    come()
  })
  const come_ = async (count: number): Promise<void> => {
    while (answers.length < count) await new Promise<void>((resolve) => (come = resolve))
  }
  return { server, answers, requests, come: come_ }
}

const hello = () => createServer((_, response) => void response.end("hello"))

describe("a server of HTTP/1 that closes", () => {
  it("S6 answers what is in flight, says that it is the last, and has closed when that is sent", async () => {
    const { answers, come, server } = waiting()
    await serving(server, { host: "127.0.0.1" }, async ({ close, lines, port, reports, server: scoped }) => {
      const client = await raw(port)
      client.send(get("/"))
      await come(1)
      const closed = close().then(() => client.received())
      await turns()
      expect(scoped.isReady()).toBe(false)
      answers[0]?.end("whole")
      const { error, text } = await client.ended
      expect(error).toBeUndefined()
      expect(text).toMatch(/^HTTP\/1.1 200 OK\r\nConnection: close\r\n[^]*whole/)
      expect(await closed).toBe(text)
      expect(lines()).toEqual([
        expect.stringMatching(
          new RegExp(
            `^server http://127.0.0.1:${port} closed in \\d+ ms: 1 request was in flight, all answered$`
          )
        )
      ])
      expect(reports).toEqual([])
    })
  })

  it("S6 ends what is idle at once, and what is silent or half sent after its time", async () => {
    await serving(hello(), { host: "127.0.0.1", idle: 100 }, async ({ close, lines, port }) => {
      const log: Array<string> = []
      const named = async (name: string, ...sent: ReadonlyArray<string>) => {
        const client = await raw(port)
        for (const text of sent) {
          client.send(text)
          if (text.endsWith("\r\n\r\n")) await client.until("hello")
        }
        const ended = client.ended.then(({ error, text }) => {
          log.push(name)
          return { error, last: text.split("HTTP/1.1 ").at(-1)?.split("\r\n")[0] }
        })
        return ended
      }
      const idle = [named("idle", get("/")), named("idle", get("/"))]
      const late = [
        named("late", ""),
        named("late", "GET /half HT"),
        named("late", get("/"), "GET /half HTTP/1.1\r\nHost: h")
      ]
      await turns(20)
      await close()
      expect(await Promise.all(await Promise.all(idle))).toEqual([
        { error: undefined, last: "200 OK" },
        { error: undefined, last: "200 OK" }
      ])
      expect(await Promise.all(await Promise.all(late))).toEqual([
        { error: undefined, last: "" },
        { error: undefined, last: "503 Service Unavailable" },
        { error: undefined, last: "503 Service Unavailable" }
      ])
      expect(log).toEqual(["idle", "idle", "late", "late", "late"])
      expect(lines()[0]).toMatch(/closed in \d+ ms: nothing was in flight$/)
    })
  })

  it("S6 serves the request that a new connection sends in that time", async () => {
    await serving(hello(), { host: "127.0.0.1", idle: 5_000 }, async ({ close, port }) => {
      const client = await raw(port)
      await turns()
      const closed = close()
      await turns()
      client.send(get("/"))
      expect((await client.ended).text).toMatch(/Connection: close[^]*hello/)
      await closed
    })
  })

  it("S6 ends a connection after an answer whose headers had said that it is kept", async () => {
    const { answers, come, server } = waiting()
    await serving(server, { host: "127.0.0.1", idle: "5 seconds" }, async ({ close, lines, port }) => {
      const client = await raw(port)
      client.send(get("/"))
      await come(1)
      answers[0]?.writeHead(200, { "Content-Length": 6 }).write("who")
      await client.until("who")
      const closed = close()
      while (server.listening) await turns(1)
      await turns()
      answers[0]?.end("le!")
      const { error, text } = await client.ended
      expect(error).toBeUndefined()
      expect(text).toMatch(/Connection: keep-alive[^]*whole!$/)
      await closed
      expect(Number(/closed in (\d+)/.exec(lines()[0] ?? "")?.[1])).toBeLessThan(2_000)
    })
  })

  it("S6 answers all requests that a client has sent without waiting", async () => {
    const { answers, come, server } = waiting()
    await serving(server, { host: "127.0.0.1" }, async ({ close, lines, port }) => {
      const client = await raw(port)
      client.send(get("/1") + get("/2") + get("/3"))
      await come(1)
      answers[0]?.writeHead(200, { "Content-Length": 3 }).write("o")
      await come(3)
      const closed = close()
      await turns()
      answers[0]?.end("ne")
      answers[1]?.writeHead(200, { "Content-Length": 3, Connection: "keep-alive" }).end("two")
      answers[2]?.end("three")
      const { text } = await client.ended
      expect(text).toMatch(/one[^]*two[^]*three/)
      await closed
      expect(lines()[0]).toMatch(/3 requests were in flight, all answered$/)
    })
  })

  it("S6 says only of the last of such requests that it is the last, since Node ends the connection after that", async () => {
    const { answers, come, server } = waiting()
    await serving(server, { host: "127.0.0.1" }, async ({ close, lines, port }) => {
      const client = await raw(port)
      client.send(get("/1") + get("/2"))
      await come(2)
      const closed = close()
      await turns()
      client.send(get("/3"))
      await come(3)
      for (const [i, answer] of answers.entries()) answer.end(`answer ${i}.`)
      const { text } = await client.ended
      expect(text).toMatch(/answer 0.[^]*answer 1.[^]*Connection: close[^]*answer 2.$/)
      expect(text.split("Connection: close").length).toBe(2)
      await closed
      expect(lines()[0]).toMatch(/3 requests were in flight, all answered$/)
    })
  })

  it("S6 takes connections and requests during the lame duck, not ready, each answer the last of its connection", async () => {
    await serving(hello(), { host: "127.0.0.1", lameDuck: 400 }, async ({ close, port, server }) => {
      const kept = await raw(port)
      kept.send(get("/"))
      expect(await kept.until("hello")).toContain("Connection: keep-alive")
      const closed = close()
      await turns()
      expect(server.isReady()).toBe(false)
      kept.send(get("/"))
      expect((await kept.ended).text).toMatch(/keep-alive[^]*Connection: close[^]*hello$/)
      const fresh = await raw(port)
      fresh.send(get("/"))
      expect((await fresh.ended).text).toMatch(/Connection: close[^]*hello$/)
      await closed
      await expect(raw(port)).rejects.toThrow("ECONNREFUSED")
    })
  })

  it("S6 waits for an upload that is half sent, and answers it", async () => {
    const server = createServer((request, response) => {
      let size = 0
      request
        .on("data", (chunk: Buffer) => (size += chunk.length))
        .on("end", () => void response.end(`got ${size}`))
    })
    await serving(server, { host: "127.0.0.1", idle: 20 }, async ({ close, lines, port }) => {
      const client = await raw(port)
      client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345")
      await turns(20)
      const closed = close()
      await new Promise((resolve) => setTimeout(resolve, 60))
      client.send("67890")
      expect((await client.ended).text).toContain("got 10")
      await closed
      expect(lines()[0]).toContain("1 request was in flight, all answered")
    })
  })

  it("S6 tells answers without an end when it waits for them, and they may say a last word", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: hello\n\n")
      Server.closing(response).addEventListener("abort", () => {
        setTimeout(() => response.end("data: bye\n\n"), 60)
      })
    })
    await serving(server, { host: "127.0.0.1", idle: 20 }, async ({ close, lines, port }) => {
      const client = await raw(port)
      client.send(get("/"))
      await client.until("hello")
      await close()
      expect((await client.ended).text).toContain("data: bye\n\n\r\n0\r\n\r\n")
      expect(lines()[0]).toContain("all answered")
    })
  })

  it("S6 ends a stream of events whose handler has not asked, between two events, and its handler does not fail", async () => {
    for (const head of [
      (response: ServerResponse) => void response.writeHead(200, { "Content-Type": "text/event-stream" }),
      (response: ServerResponse) =>
        void response.setHeader("content-type", "text/event-stream; charset=utf-8")
    ]) {
      const timers: Array<NodeJS.Timeout> = []
      const server = createServer((_, response) => {
        head(response)
        const write = () => void response.write("data: x\n\n")
        write()
        timers.push(setInterval(write, 5))
      })
      await serving(server, { host: "127.0.0.1", idle: 30 }, async ({ close, lines, port, reports }) => {
        const client = await raw(port)
        client.send(get("/"))
        await client.until("data: x")
        await close()
        const { error, text } = await client.ended
        expect(error).toBeUndefined()
        expect(text.endsWith("data: x\n\n\r\n0\r\n\r\n")).toBe(true)
        expect(lines()[0]).toContain("all answered")
        await new Promise((resolve) => setTimeout(resolve, 20))
        expect(reports).toEqual([])
      })
      for (const timer of timers) clearInterval(timer)
    }
  })

  it("S6 interrupts handlers when the drain is over, with the reason, and lets them answer", async () => {
    const told: Array<string> = []
    const server = createServer((_, response) => {
      const ended = gate()
      let done = false
      serves(response, {
        name: "GET /",
        interrupt: (reason) => {
          told.push(reason)
          response.writeHead(503).end("sorry")
          setTimeout(() => {
            done = true
            told.push("cleaned up")
            ended.open()
          }, 30)
        },
        get done() {
          return done
        },
        onDone: (f) => void ended.opened.then(f)
      })
    })
    await serving(server, { host: "127.0.0.1", drain: 50 }, async ({ close, lines, port, reports }) => {
      const client = await raw(port)
      client.send(get("/"))
      await turns(10)
      await close().then(() => told.push("closed"))
      expect((await client.ended).text).toMatch(/ 503 [^]*sorry/)
      expect(told).toEqual(["drain over", "cleaned up", "closed"])
      expect(lines()[0]).toContain("all answered")
      expect(reports).toEqual([])
    })
  })

  it("S6 refuses and destroys what is left, names it, and what its handler does later is no accident", async () => {
    const { answers, come, server } = waiting()
    await serving(
      server,
      { host: "127.0.0.1", drain: 30, answer: 30, idle: 10 },
      async ({ close, lines, port, reports }) => {
        const silent = await raw(port)
        silent.send(get("/silent"))
        const half = await raw(port)
        half.send(get("/half"))
        const upload = await raw(port)
        upload.send("PUT /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345")
        await come(3)
        answers[1]?.writeHead(200, { "Content-Length": 100 }).write("some of it")
        await half.until("some of it")
        await close()
        expect((await silent.ended).text).toMatch(/^HTTP\/1.1 503 /)
        expect((await half.ended).text).toMatch(/some of it$/)
        await upload.ended
        const report = reports.map(({ message }) => message).join("\n")
        expect(reports.map(({ kind }) => kind)).toEqual(["leftover"])
        const from = "from 127\\.0\\.0\\.1:\\d+ +\\d+ms"
        expect(report).toMatch(new RegExp(`request +GET /silent ${from} +not answered +its handler`))
        expect(report).toMatch(new RegExp(`request +GET /half ${from} +answering +its handler`))
        expect(report).toMatch(
          new RegExp(`request +PUT /upload ${from} +uploading +its client, which does not send`)
        )
        expect(lines()[0]).toMatch(/3 requests were in flight, 0 answered, 3 cut off$/)
        for (const answer of answers) {
          if (!answer.headersSent) answer.setHeader("X", "y").writeHead(200)
          answer.end("too late")
        }
        await turns()
      }
    )
  })

  it("S6 waits for no client that does not read: it is cut, and named", async () => {
    const server = createServer((_, response) => void response.end(Buffer.alloc(50_000_000)))
    await serving(
      server,
      { host: "127.0.0.1", drain: 60, answer: 0 },
      async ({ close, lines, port, reports }) => {
        const client = await raw(port)
        client.socket.pause()
        client.send(get("/big"))
        await turns(50)
        await close()
        expect(lines()[0]).toContain("1 request was in flight, 0 answered, 1 cut off")
        expect(reports[0]?.message).toMatch(/GET \/big from .* answering +its client, which does not read/)
        client.socket.destroy()
        await client.ended
      }
    )
  })

  it("S6 counts a client that goes away as gone, and waits for it no longer", async () => {
    const { come, server } = waiting()
    await serving(server, { host: "127.0.0.1" }, async ({ close, lines, port, reports }) => {
      const client = await raw(port)
      client.send(get("/"))
      await come(1)
      const closed = close()
      await turns()
      client.socket.resetAndDestroy()
      await closed
      expect(lines()[0]).toContain("1 request was in flight, 0 answered, 1 left by their clients")
      expect(reports).toEqual([])
    })
  })

  it("S6 lives through garbage, oversized headers and resets, before it closes and while", async () => {
    await serving(hello(), { host: "127.0.0.1", idle: 30 }, async ({ close, port, reports }) => {
      const bad = async () => {
        const garbage = await raw(port)
        garbage.send("\x16\x03\x01 no http at all\r\n\r\n")
        const big = await raw(port)
        big.send(`GET / HTTP/1.1\r\nX: ${"x".repeat(100_000)}\r\n\r\n`)
        const reset = await raw(port)
        reset.socket.resetAndDestroy()
        const half = await raw(port)
        half.send("GET / HTT")
        half.socket.end()
        return [garbage, big, reset, half]
      }
      const before = await bad()
      await Promise.all(before.map(({ ended }) => ended))
      const during = await bad()
      await close()
      await Promise.all(during.map(({ ended }) => ended))
      expect(reports).toEqual([])
    })
  })

  it("S6 waits no longer for a client that sends its request byte by byte, or resets at any step", async () => {
    const { answers, come, server } = waiting()
    await serving(server, { host: "127.0.0.1", idle: 60 }, async ({ close, lines, port, reports }) => {
      const slow = await raw(port)
      const request = get("/slow")
      let sent = 0
      const dribble = setInterval(() => slow.socket.writable && slow.send(request[sent++] ?? ""), 5)
      slow.socket.on("close", () => clearInterval(dribble))
      // Resets before, in and after the request, in the answer, and when the server has ended its side.
      const steps = await Promise.all(
        ["", "GET / HT", get("/reset"), get("/half")].map(async (text) => {
          const client = await raw(port)
          client.send(text)
          return client
        })
      )
      await come(2)
      for (const answer of answers) answer.on("error", () => {})
      answers[1]?.writeHead(200, { "Content-Length": 100 }).write("some")
      await turns(10)
      const closed = close()
      for (const client of steps) {
        await turns(2)
        client.socket.resetAndDestroy()
      }
      const { text } = await slow.ended
      expect(text).toMatch(/^HTTP\/1.1 503 /)
      await closed
      expect(lines()[0]).toContain("2 requests were in flight, 0 answered, 2 left by their clients")
      expect(reports).toEqual([])
    })
  })

  it("S6 keeps no more than a few of the connections that have ended while it is open", async () => {
    const sockets: Array<WeakRef<object>> = []
    const server = hello().on("connection", (socket) => void sockets.push(new WeakRef(socket)))
    await serving(server, { host: "127.0.0.1" }, async ({ port }) => {
      for (let i = 0; i < 300; i++) {
        const client = await raw(port)
        client.send(get("/", "Connection: close"))
        await client.ended
      }
      await turns()
      globalThis.gc?.()
      expect(sockets.filter((socket) => socket.deref() !== undefined).length).toBeLessThan(140)
    })
  })

  it("S6 changes nothing of a server that is open: upgrades without a listener are requests, and 100-continue is Node's", async () => {
    await serving(hello(), { host: "127.0.0.1" }, async ({ port }) => {
      const client = await raw(port)
      client.send(get("/", "Connection: Upgrade", "Upgrade: something"))
      expect(await client.until("hello")).toContain("200 OK")
      client.send(get("/", "Expect: 100-continue", "Content-Length: 0"))
      expect(await client.until("100 Continue")).toContain("100 Continue")
      client.socket.destroy()
      await client.ended
    })
  })
})
