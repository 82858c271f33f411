/** Servers with a Scope for one test, told to close when the test says so; and clients that are nothing but a socket. */
import { connect, type NetConnectOpts, type Socket } from "node:net"
import { Effect, Exit, Scope } from "effect"
import {
  type AnyServer,
  Loop,
  type LoopOptions,
  type Report,
  Server,
  type ServerOptions
} from "../../src/index.js"
import { capturing, track } from "./scopedLoops.js"

type Scoped = Effect.Effect.Success<ReturnType<typeof Server.scoped>>

export interface Served {
  readonly server: Scoped
  readonly port: number
  readonly loop: Loop["Type"]
  /** Closes the Scope of the server; resolves when that has closed. */
  readonly close: () => Promise<void>
  /** What the loop's exception handler was told. */
  readonly reports: Array<Report>
  /** What was logged at info, without the loop. */
  readonly lines: () => ReadonlyArray<string>
}

/** Opens the server in a Scope of its own, on a loop of its own, for as long as `use` takes. */
export const serving = <A>(
  server: AnyServer,
  options: ServerOptions,
  use: (served: Served) => Promise<A>,
  loopOptions: LoopOptions = {}
): Promise<A> => {
  const reports: Array<Report> = []
  const { layer, logged } = capturing()
  const lines = () => logged.filter(({ level }) => level === "INFO").map(({ message }) => message)
  const program = Effect.gen(function* () {
    const loop = track(yield* Loop)
    const scope = yield* Scope.make()
    const scoped = yield* Scope.extend(Server.scoped(server, options), scope)
    const closing = Scope.close(scope, Exit.void)
    const close = () => Effect.runPromise(closing)
    const port = scoped.address !== undefined && "port" in scoped.address ? scoped.port : 0
    return yield* Effect.ensuring(
      Effect.promise(() => use({ server: scoped, port, loop, close, reports, lines })),
      closing
    )
  })
  const handler = { exceptionHandler: (_: unknown, report: Report) => void reports.push(report) }
  return Effect.runPromise(
    Loop.scoped(Effect.scoped(program), { ...handler, ...loopOptions }).pipe(Effect.provide(layer))
  )
}

/** How the other side has closed: with what error, and what had been received by then. */
export interface End {
  readonly text: string
  readonly error: string | undefined
}

/** A client that knows no protocol. */
export interface Raw {
  readonly socket: Socket
  readonly send: (text: string | Uint8Array) => void
  /** Resolves with all that was received, when that includes the text. */
  readonly until: (text: string) => Promise<string>
  readonly ended: Promise<End>
  readonly received: () => string
}

export const raw = async (where: number | NetConnectOpts): Promise<Raw> => {
  const socket = connect(typeof where === "number" ? { port: where, host: "127.0.0.1" } : where)
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject))
  return rawOf(socket)
}

export const rawOf = (socket: Socket): Raw => {
  let text = ""
  let error: string | undefined
  const listeners = new Set<() => void>()
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1")
    for (const look of [...listeners]) look()
  })
  socket.on("error", (cause: NodeJS.ErrnoException) => void (error = cause.code ?? cause.message))
  const ended = new Promise<End>((resolve) => {
    socket.on("close", () => {
      for (const look of [...listeners]) look()
      resolve({ text, error })
    })
  })
  const until = (wanted: string) =>
    new Promise<string>((resolve, reject) => {
      const look = (): void => {
        if (!text.includes(wanted)) {
          if (socket.closed) reject(new Error(`closed before ${wanted}: ${JSON.stringify(text)}`))
          return
        }
        listeners.delete(look)
        resolve(text)
      }
      listeners.add(look)
      look()
    })
  return { socket, send: (data) => void socket.write(data), until, ended, received: () => text }
}

/** A request of HTTP/1.1. */
export const get = (path: string, ...headers: ReadonlyArray<string>): string =>
  [`GET ${path} HTTP/1.1`, "Host: here", ...headers, "", ""].join("\r\n")

/** A promise, and what settles it. */
export const gate = <A = void>() => {
  let open = (_: A): void => {}
  const opened = new Promise<A>((resolve) => (open = resolve))
  return { opened, open: (value: A) => open(value) }
}

/** A turn or two of Node. */
export const turns = async (count = 5): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
