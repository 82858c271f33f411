/** The TLS handshake on a connection that is there, of either end. Nothing of the loop's is told here. */
import { isIP, type Socket } from "node:net"
import { getBuiltinModule } from "node:process"
import type { ConnectionOptions as TlsConnectionOptions, TlsOptions, TLSSocket } from "node:tls"

/** TLS on a connection, with everything checked. */
export type TlsPlan = {
  /** In milliseconds. */
  readonly handshake: number
} & (
  | {
      readonly serverSide: false
      readonly options: TlsConnectionOptions
      /** Whose name the certificate has to have, and what is sent as that. */
      readonly servername: string | undefined
    }
  | { readonly serverSide: true; readonly options: TlsOptions }
)

type Done = (socket: TLSSocket | undefined, error?: Error) => void

/** Node's longest timer, in milliseconds. */
const LONGEST = 2 ** 31 - 1

const nothing = (): void => {}

/** The certificate must be of that name, which is told the server where it is none of an address. */
const nameOptions = (name: string | undefined): TlsConnectionOptions =>
  name === undefined ? {} : isIP(name) === 0 ? { host: name, servername: name } : { host: name }

const failure = (code: string, why: string): Error => Object.assign(new Error(why), { code })

/**
 * Does the handshake. `done` is called once, later; where it fails `raw` is destroyed before. Destroying `raw` ends it, too.
 */
export const tlsHandshake = (raw: Socket, plan: TlsPlan, done: Done): void => {
  let over = false
  const end = (socket: TLSSocket | undefined, error?: Error): void => {
    if (over) return
    over = true
    clearTimeout(timer)
    raw.off("close", closed)
    // Until somebody else listens.
    socket?.on("error", nothing)
    if (socket === undefined) raw.destroy()
    done(socket, error)
  }
  const closed = (): void =>
    end(undefined, failure("ECONNRESET", "the connection was closed in its TLS handshake"))
  const late = (): void =>
    end(undefined, failure("ETIMEDOUT", `the TLS handshake has taken more than ${plan.handshake}ms`))
  const timer = setTimeout(late, Math.min(plan.handshake, LONGEST))
  raw.on("error", nothing)
  raw.once("close", closed)
  try {
    if (plan.serverSide) asServer(raw, plan.options, end)
    else asClient(raw, plan.options, plan.servername, end)
  } catch (error) {
    process.nextTick(end, undefined, error as Error)
  }
}

const asClient = (
  raw: Socket,
  options: TlsConnectionOptions,
  servername: string | undefined,
  end: Done
): void => {
  const { connect } = getBuiltinModule("node:tls")
  const socket = connect({ ...options, socket: raw, ...nameOptions(servername) })
  const failed = (error: Error): void => end(undefined, error)
  socket.on("error", failed)
  socket.once("secureConnect", () => {
    end(socket)
    socket.off("error", failed)
  })
}

/** A server of Node's that does not listen: only that checks the certificate of a client, where one is asked for. */
const asServer = (raw: Socket, options: TlsOptions, end: Done): void => {
  const { createServer } = getBuiltinModule("node:tls")
  const server = createServer({ allowHalfOpen: true, ...options })
  server.once("secureConnection", (socket) => end(socket))
  server.once("tlsClientError", (error) => end(undefined, error))
  server.emit("connection", raw)
}
