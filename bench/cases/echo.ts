import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type BufferedProtocol, Net, type Protocol, type SocketTransport } from "effect-aio"
import { openLoop } from "../loops.js"
import { type Case, type Contender, fail, python } from "../case.js"

/** A server of the contender, in this process: what its CPU does is what is measured. The clients have a process of their own. */
interface Serving {
  readonly port: number
  readonly close: () => Promise<void>
}

interface Clients {
  /** Makes n round trips, and says how many came back whole. */
  readonly trips: (n: number) => Promise<number>
  readonly close: () => Promise<void>
}

const clients = async (port: number): Promise<Clients> => {
  const program = fileURLToPath(new URL("../echoClients.js", import.meta.url))
  const child = spawn(process.execPath, [program, String(port)], { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })
  await once(lines, "line")
  return {
    trips: async (n) => {
      child.stdin.write(`${n}\n`)
      const [trips] = (await once(lines, "line")) as [string]
      return Number(trips)
    },
    close: async () => {
      child.stdin.end()
      await once(child, "exit")
    }
  }
}

const contender = (name: string, ours: boolean, serve: () => Promise<Serving>): Contender => ({
  name,
  ours,
  fraction: 1,
  prepare: async (n) => {
    const { close, port } = await serve()
    const { close: leave, trips } = await clients(port)
    return {
      go: () => trips(n),
      close: async () => {
        await leave()
        await close()
      }
    }
  }
})

const onLoop = (
  name: string,
  serve: (opened: Awaited<ReturnType<typeof openLoop>>) => Promise<number>
): Contender =>
  contender(`effect-aio, ${name}`, true, async () => {
    const opened = await openLoop(true)
    return { port: await serve(opened), close: opened.close }
  })

class Echo implements Protocol {
  #transport: SocketTransport | undefined
  connectionMade(transport: SocketTransport): void {
    this.#transport = transport
  }
  dataReceived(data: Buffer): void {
    this.#transport?.write(data)
  }
}

/** One buffer for all that comes, as long as nothing of it waits to be written. */
class BufferedEcho implements BufferedProtocol {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024)
  #transport: SocketTransport | undefined
  connectionMade(transport: SocketTransport): void {
    this.#transport = transport
  }
  getBuffer(): Buffer {
    if (this.#transport?.getWriteBufferSize() !== 0) this.#buffer = Buffer.allocUnsafeSlow(64 * 1024)
    return this.#buffer
  }
  bufferUpdated(length: number): void {
    this.#transport?.write(this.#buffer.subarray(0, length))
  }
}

const atLocalhost = { host: "127.0.0.1", port: 0 }

const protocol = (name: string, make: () => Protocol | BufferedProtocol): Contender =>
  onLoop(name, async ({ loop }) => {
    const server = await loop.createServer(make, atLocalhost)
    return server.sockets[0]?.port ?? fail("it listens nowhere")
  })

const streams = onLoop("startServer", async ({ loop }) => {
  const server = await loop.startServer(async (reader, writer) => {
    for (;;) {
      const data = await reader.read(64 * 1024)
      if (data.length === 0) return writer.close()
      writer.write(data)
      await writer.drain()
    }
  }, atLocalhost)
  return server.sockets[0]?.port ?? fail("it listens nowhere")
})

const effects = contender("effect-aio, Net.listen", true, async () => {
  const opened = await openLoop(true)
  const scope = await Effect.runPromise(Scope.make())
  const server = await opened.run(
    Scope.extend(
      Net.listen(atLocalhost, ({ stream, write }) => Stream.runForEach(stream, write)),
      scope
    )
  )
  return {
    port: server.port,
    close: async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await opened.close()
    }
  }
})

const node = (name: string, onSocket: Parameters<typeof createServer>[1]): Contender =>
  contender(name, false, async () => {
    const server = createServer({ noDelay: true }, onSocket)
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return {
      port: (server.address() as AddressInfo).port,
      close: async () => {
        server.close()
        await once(server, "close")
      }
    }
  })

export const echo: ReadonlyArray<Case> = [
  {
    name: "50 connections",
    what: "round trips of a kilobyte for a second of the server's CPU",
    n: 50_000,
    measures: "cpu",
    contenders: [
      protocol("BufferedProtocol", () => new BufferedEcho()),
      protocol("Protocol", () => new Echo()),
      streams,
      effects,
      node("node:net, data and write", (socket) => socket.on("data", (data) => socket.write(data))),
      node("node:net, pipe", (socket) => socket.pipe(socket))
    ],
    programs: [
      ...python("echo_buffered", "BufferedProtocol"),
      ...python("echo_protocol", "Protocol"),
      ...python("echo_streams", "start_server")
    ]
  }
]
