// Connections that speak no HTTP, as their server closes: node:net, and what was upgraded.
// Covers: Conversation, Companion, webSocket
import { EventEmitter } from "node:events"
import { createServer as createHttp, type IncomingMessage } from "node:http"
import { createServer, type Socket } from "node:net"
import { describe, expect, it } from "vitest"
import type { WebSocketLike } from "../../../src/index.js"
import { Companion } from "../../../src/Loop/server/connections/Companion.js"
import { asksForWebSocket } from "../../../src/Loop/server/connections/webSocket.js"
import { get, raw, serving, turns } from "../../support/servers.js"

const echo = () =>
  createServer((socket) => void socket.on("error", () => {}).on("data", (data) => socket.write(data)))

/** The bytes of a frame of a client, masked with zeros. */
const frame = (text: string): Uint8Array =>
  Buffer.concat([Uint8Array.of(0x81, 0x80 | text.length, 0, 0, 0, 0), Buffer.from(text)])

/** The text of a frame of the server. */
const answer = (text: string): Buffer => Buffer.concat([Uint8Array.of(0x81, text.length), Buffer.from(text)])

/** A server of WebSockets that knows as much of them as it needs: it answers each message after a while. */
const webSockets = (after: number) => {
  const sockets: Array<Socket> = []
  const web = createHttp((_, response) => void response.end("hello"))
  const seen: Array<string> = []
  web.on("upgrade", (_: IncomingMessage, socket: Socket) => {
    sockets.push(socket)
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    socket.on("error", () => {})
    socket.on("data", (data: Buffer) => {
      for (let at = 0; at + 6 <= data.length;) {
        const length = (data[at + 1] as number) & 0x7f
        const text = data.subarray(at + 6, at + 6 + length).toString("latin1")
        const isClose = data[at] === 0x88
        seen.push(isClose ? "close frame" : text)
        if (isClose) socket.end()
        else setTimeout(() => void (socket.writable && socket.write(answer(`re ${text}`))), after)
        at += 6 + length
      }
    })
  })
  return { web, seen, sockets }
}

const upgrade = get("/chat", "Connection: Upgrade", "Upgrade: websocket")

describe("a server of node:net that closes", () => {
  it("S6 ends a conversation when the last word was its own, and a while has passed", async () => {
    await serving(echo(), { host: "127.0.0.1", idle: 60 }, async ({ close, lines, port, reports }) => {
      const talker = await raw(port)
      talker.send("one")
      await talker.until("one")
      const silent = await raw(port)
      await turns()
      await close()
      expect([await talker.ended, await silent.ended]).toEqual([
        { error: undefined, text: "one" },
        { error: undefined, text: "" }
      ])
      expect(lines()[0]).toMatch(
        /^server tcp:.* closed in \d+ ms: nothing was in flight; 2 other connections ended$/
      )
      expect(reports).toEqual([])
    })
  })

  it("S6 waits for the answer that it owes, however long that takes within the drain", async () => {
    const slow = createServer(
      (socket) => void socket.on("data", () => setTimeout(() => socket.write("at last"), 250))
    )
    await serving(slow, { host: "127.0.0.1", idle: 20 }, async ({ close, port }) => {
      const client = await raw(port)
      client.send("question")
      await turns(10)
      await close()
      expect(await client.ended).toEqual({ error: undefined, text: "at last" })
    })
  })

  it("S6 hears no more of a client that never stops, answers what it has heard, and ends it long before the drain", async () => {
    const upper = createServer((socket) => {
      socket.on("error", () => {})
      // In two parts, with a pause that is no silence.
      socket.on("data", (data) => {
        for (const word of data.toString().split(";").slice(0, -1)) {
          socket.write(word)
          setTimeout(() => socket.writable && socket.write(";"), 15)
        }
      })
    })
    await serving(upper, { host: "127.0.0.1", idle: 50, drain: 4_000 }, async ({ close, port, reports }) => {
      const client = await raw(port)
      let sent = 0
      const timer = setInterval(() => client.socket.writable && client.send(`word${++sent};`), 3)
      await client.until("word3")
      const since = performance.now()
      await close()
      clearInterval(timer)
      expect(performance.now() - since).toBeLessThan(1_500)
      const { text } = await client.ended
      expect(text.split(";").length).toBe(text.split("word").length)
      expect(reports).toEqual([])
    })
  })

  it("S6 lets an upload finish that takes longer than idle, and answers it", async () => {
    const counting = createServer({ allowHalfOpen: true }, (socket) => {
      let bytes = 0
      socket.on("data", (data) => (bytes += data.length))
      socket.on("end", () => socket.end(`${bytes} bytes`))
    })
    await serving(counting, { host: "127.0.0.1", idle: 30 }, async ({ close, port, reports }) => {
      const client = await raw(port)
      let sent = 0
      const timer = setInterval(() => {
        client.send("x".repeat(1_000))
        if (++sent < 40) return
        clearInterval(timer)
        client.socket.end()
      }, 5)
      await turns(10)
      await close()
      expect(await client.ended).toEqual({ error: undefined, text: "40000 bytes" })
      expect(reports).toEqual([])
    })
  })

  it("S6 asks the program for its goodbye, once a socket, and waits for it", async () => {
    const log: Array<string> = []
    const options = {
      host: "127.0.0.1",
      goodbye: async (socket: Socket, signal: AbortSignal) => {
        log.push(`goodbye ${signal.aborted}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
        socket.write("221 bye")
      }
    }
    await serving(echo(), options, async ({ close, port, reports }) => {
      const clients = [await raw(port), await raw(port)]
      await turns(10)
      await close()
      for (const { ended } of clients) expect(await ended).toEqual({ error: undefined, text: "221 bye" })
      expect(log).toEqual(["goodbye false", "goodbye false"])
      expect(reports).toEqual([])
    })
  })

  it("S6 tells a goodbye that takes long when the drain is over, and cuts what has not ended, by name", async () => {
    const log: Array<string> = []
    const options = {
      host: "127.0.0.1",
      drain: 30,
      idle: 0,
      answer: 30,
      goodbye: (_: Socket, signal: AbortSignal) =>
        new Promise<void>(() => signal.addEventListener("abort", () => log.push("told")))
    }
    await serving(echo(), options, async ({ close, lines, port, reports }) => {
      const client = await raw(port)
      await turns(10)
      await close()
      await client.ended
      expect(log).toEqual(["told"])
      expect(reports[0]?.message).toMatch(/connection +127.0.0.1:\d+ .* leaving +its goodbye/)
      expect(lines()[0]).toContain("1 cut off")
    })
  })

  it("S6 reports a goodbye that fails, and ends the connection all the same", async () => {
    const goodbye = () => {
      throw new Error("no words")
    }
    await serving(echo(), { host: "127.0.0.1", goodbye }, async ({ close, port, reports }) => {
      const client = await raw(port)
      await turns(10)
      await close()
      expect((await client.ended).error).toBeUndefined()
      expect(reports).toMatchObject([{ kind: "late", exception: { message: "no words" } }])
    })
  })

  it("S6 names what does not read, and lives through resets", async () => {
    const flood = createServer((socket) => void socket.on("error", () => {}).write(Buffer.alloc(50_000_000)))
    await serving(
      flood,
      { host: "127.0.0.1", drain: 60, idle: 10, answer: 10 },
      async ({ close, port, reports }) => {
        const client = await raw(port)
        client.socket.pause()
        const reset = await raw(port)
        reset.socket.resetAndDestroy()
        await turns(20)
        await close()
        expect(reports[0]?.message).toContain("its client, which does not read")
        client.socket.destroy()
        await client.ended
      }
    )
  })
})

describe("a server with upgraded sockets that closes", () => {
  it("S6 answers what a WebSocket had sent by then, and closes it with 1001", async () => {
    const { seen, web } = webSockets(100)
    await serving(web, { host: "127.0.0.1", idle: 150 }, async ({ close, lines, port, reports }) => {
      const client = await raw(port)
      client.send(upgrade)
      await client.until("101")
      client.send(frame("one"))
      client.send(frame("two"))
      while (seen.length < 2) await turns()
      const closed = close()
      const text = await client.until("\x88\x02\x03\xe9")
      expect(text.split("\x88\x02\x03\xe9")).toEqual([expect.stringMatching(/re one[^]*re two$/), ""])
      client.send(Uint8Array.of(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9))
      await closed
      expect(await client.ended).toEqual({ error: undefined, text })
      expect(seen).toEqual(["one", "two", "close frame"])
      expect(lines()[0]).toContain("nothing was in flight; 1 other connection ended")
      expect(reports).toEqual([])
    })
  })

  it("S6 says 1001 in any case when the drain is over, and waits for no client that does not answer it", async () => {
    const { seen, web } = webSockets(1e6)
    await serving(web, { host: "127.0.0.1", idle: 20, drain: 60 }, async ({ close, port, reports }) => {
      const client = await raw(port)
      client.send(upgrade)
      await client.until("101")
      client.send(frame("never answered"))
      while (seen.length < 1) await turns()
      await close()
      expect((await client.ended).text.endsWith("\x88\x02\x03\xe9")).toBe(true)
      expect(reports).toEqual([])
    })
  })

  it("S6 has the server of WebSockets close its own, where it was given that", async () => {
    const { sockets, web } = webSockets(0)
    const log: Array<string> = []
    const known = Object.assign(new EventEmitter(), { clients: new Set<WebSocketLike>() })
    web.on("upgrade", (request: IncomingMessage, socket: Socket) => {
      const webSocket: WebSocketLike = {
        pause: () => log.push("paused"),
        resume: () => log.push("resumed"),
        close: (code, reason) => {
          log.push(`closed ${code} ${reason}`)
          socket.end()
        },
        terminate: () => log.push("terminated")
      }
      known.emit("connection", webSocket, request)
    })
    const options = { host: "127.0.0.1", idle: 20, webSockets: known }
    await serving(web, options, async ({ close, port }) => {
      const client = await raw(port)
      client.send(upgrade)
      await client.until("101")
      await close()
      await client.ended
      expect(sockets.length).toBe(1)
      expect(log).toEqual(["paused", "closed 1001 the server is closing", "resumed"])
    })
    expect(known.listenerCount("connection")).toBe(0)
  })

  it("S6 closes the WebSockets that were there before it was taken over", async () => {
    const { sockets, web } = webSockets(0)
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve))
    const { port } = web.address() as { port: number }
    const client = await raw(port)
    client.send(upgrade)
    await client.until("101")
    const log: Array<string> = []
    const before: WebSocketLike = {
      close: (code) => {
        log.push(`closed ${code}`)
        sockets[0]?.end()
      },
      terminate: () => log.push("terminated")
    }
    const known = Object.assign(new EventEmitter(), { clients: new Set([before]) })
    await serving(web, { webSockets: known }, async ({ close, reports }) => {
      await close()
      await client.ended
      expect(log).toEqual(["closed 1001"])
      expect(reports).toEqual([])
    })
  })

  it("knows an upgrade to a WebSocket by its header", () => {
    expect([{ upgrade: "WebSocket" }, { upgrade: "h2c" }, {}].map(asksForWebSocket)).toEqual([
      true,
      false,
      false
    ])
  })
})

describe("Companion", () => {
  it("listens beside others, before them, and never alone", () => {
    const emitter = new EventEmitter()
    const log: Array<string> = []
    const companion = new Companion(emitter, "data", () => void log.push("companion"))
    expect(emitter.emit("data")).toBe(false)
    const other = () => void log.push("other")
    emitter.on("data", other)
    emitter.emit("data")
    emitter.once("data", () => void log.push("once"))
    emitter.emit("data")
    emitter.off("data", other)
    expect(emitter.listenerCount("data")).toBe(0)
    emitter.on("data", other)
    expect(emitter.listenerCount("data")).toBe(2)
    companion.end()
    expect(emitter.rawListeners("data")).toEqual([other])
    expect(emitter.eventNames()).toEqual(["data"])
    expect(log).toEqual(["companion", "other", "companion", "other", "once"])
  })
})
