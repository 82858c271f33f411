/**
 * One server of the exam, of the kind that is named: it answers with a body whose length every client can check, and is told to
 * stop by a signal. `LAME_DUCK` is that of its phases, in milliseconds; `CERT` a folder with a key and a certificate.
 */
import { Effect } from "effect"
import { Loop, Server } from "effect-aio"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { BODY } from "./body.mjs"

const certificate = () => {
  const folder = process.env.CERT ?? ""
  return { key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "cert.pem")) }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** After `?ms=` milliseconds, in two parts; `/sse` has no end. */
const answer = async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost")
  if (url.pathname === "/sse") {
    response.writeHead(200, { "content-type": "text/event-stream" })
    const timer = setInterval(() => response.write("data: x\n\n"), 50)
    response.once("close", () => clearInterval(timer))
    return
  }
  const ms = Number(url.searchParams.get("ms") ?? 0)
  response.writeHead(200, { "content-length": BODY.length })
  response.write(BODY.slice(0, 1_000))
  if (ms > 0) await sleep(ms)
  response.end(BODY.slice(1_000))
}

/** Says back each line that it is told. */
const lines = (socket) => {
  let rest = ""
  socket.setEncoding("utf8")
  socket.on("error", () => {})
  socket.on("data", (text) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop() ?? ""
    for (const part of parts) socket.write(`${part}\n`)
  })
}

const kinds = {
  http: async () => ({ server: (await import("node:http")).createServer(answer) }),
  https: async () => ({ server: (await import("node:https")).createServer(certificate(), answer) }),
  http2: async () => ({ server: (await import("node:http2")).createServer(answer) }),
  "http2 secure": async () => ({
    server: (await import("node:http2")).createSecureServer({ ...certificate(), allowHTTP1: true }, answer)
  }),
  net: async () => ({ server: (await import("node:net")).createServer(lines) }),
  tls: async () => ({ server: (await import("node:tls")).createServer(certificate(), lines) }),
  express: async () => {
    const { default: express } = await import("express")
    const app = express()
    app.use(answer)
    return { server: (await import("node:http")).createServer(app) }
  },
  fastify: async () => {
    const { default: Fastify } = await import("fastify")
    const app = Fastify()
    app.get("/*", (request, reply) => {
      reply.hijack()
      return answer(request.raw, reply.raw)
    })
    return { server: app, port: () => app.server.address().port }
  },
  ws: async () => {
    const { WebSocketServer } = await import("ws")
    const server = (await import("node:http")).createServer(answer)
    const webSockets = new WebSocketServer({ server })
    webSockets.on("connection", (socket) => {
      socket.on("error", () => {})
      socket.on("message", (message) => socket.send(message.toString()))
    })
    return { server, options: { webSockets } }
  }
}

const { options = {}, port = () => server.address().port, server } = await kinds[process.argv[2]]()

Loop.run(
  Effect.gen(function* () {
    yield* Server.scoped(server, {
      host: "127.0.0.1",
      port: 0,
      lameDuck: Number(process.env.LAME_DUCK ?? 0),
      ...options
    })
    console.log(`listening ${port()}`)
    yield* Effect.never
  }).pipe(Effect.scoped)
)
