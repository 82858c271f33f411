import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { createServer, type RequestListener, type Server as HttpServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Loop, Server } from "effect-aio"
import { openLoop } from "../loops.js"
import type { Case, Contender } from "../case.js"
import { onLoop as onLoopOf, platform, type Serving } from "../platformHttp.js"

/** The server of a contender is in this process: what its CPU does is what is measured. The clients have a process of their own. */
const clients = async (server: HttpServer): Promise<ChildProcess> => {
  if (!server.listening) await once(server.listen(0, "127.0.0.1"), "listening")
  const { port } = server.address() as AddressInfo
  const child = fork(new URL("../httpClients.js", import.meta.url), [String(port)], { execArgv: [] })
  await once(child, "message")
  return child
}

const contender = (name: string, ours: boolean, serve: () => Promise<Serving>): Contender => ({
  name,
  ours,
  fraction: 1,
  prepare: async (n) => {
    const { close, server } = await serve()
    const child = await clients(server)
    return {
      go: async () => {
        child.send(n)
        const [answered] = (await once(child, "message")) as [number]
        return answered
      },
      close: async () => {
        child.disconnect()
        await once(child, "exit")
        await close()
      }
    }
  }
})

const headers = { "content-type": "text/plain; charset=utf-8", "content-length": 5 }

const node = (name: string, listener: RequestListener): Contender =>
  contender(name, false, async () => {
    const server = createServer(listener)
    return {
      server,
      close: async () => {
        server.close()
        await once(server, "close")
      }
    }
  })

/** On a loop of its own, in a Scope of its own. */
const onLoop = (name: string, make: Effect.Effect<HttpServer, unknown, Loop | Scope.Scope>): Contender =>
  contender(`effect-aio, ${name}`, true, async () => {
    const opened = await openLoop(true)
    const scope = await Effect.runPromise(Scope.make())
    const server = await opened.run(Scope.extend(make, scope))
    return {
      server,
      close: async () => {
        await Effect.runPromise(Scope.close(scope, Exit.void))
        server.close()
        await opened.close()
      }
    }
  })

const hello = Server.handler(() => Effect.succeed({ body: "hello" }))
const suspended = Server.handler((request) =>
  Effect.gen(function* () {
    yield* Effect.yieldNow()
    return { status: request.path === "/user/7" ? 200 : 404, body: "hello" }
  })
)

/** The platform's, which has the app of either line. */
const platforms = (name: string, ours: boolean): Contender =>
  contender(name, ours, async () => {
    if (!ours) return await platform()
    const opened = await openLoop(true)
    const { close, server } = await onLoopOf(opened.loop)
    return { server, close: () => close().then(() => opened.close()) }
  })

export const http: ReadonlyArray<Case> = [
  {
    name: "hello, 50 connections",
    what: "requests for a second of the server's CPU",
    n: 20_000,
    measures: "cpu",
    contenders: [
      onLoop(
        "Server.handler",
        Effect.map(hello, (handler) => createServer(handler))
      ),
      onLoop(
        "Server.handler, a generator that yields once",
        Effect.map(suspended, (handler) => createServer(handler))
      ),
      onLoop(
        "Server.handler of a Server.scoped",
        Effect.map(
          Effect.flatMap(hello, (handler) =>
            Server.scoped(createServer(handler), { host: "127.0.0.1", lameDuck: 0 })
          ),
          ({ server }) => server
        )
      ),
      node("node:http", (_, response) => {
        response.writeHead(200, headers)
        response.end("hello")
      }),
      node("node:http, an async function", async (_, response) => {
        await null
        response.writeHead(200, headers)
        response.end("hello")
      }),
      platforms("@effect/platform-node, NodeHttpServer", false)
    ]
  },
  {
    name: "hello of an app of the platform, 50 connections",
    what: "requests for a second of the server's CPU",
    n: 20_000,
    measures: "cpu",
    contenders: [
      platforms("effect-aio, LoopHttpServer", true),
      platforms("@effect/platform-node, NodeHttpServer", false)
    ]
  }
]
