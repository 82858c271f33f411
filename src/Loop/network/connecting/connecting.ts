/** Connecting a socket: the name resolved, the addresses tried, the TLS handshake done. Nothing of the loop's is told here. */
import type { LookupAddress } from "node:dns"
import type { Socket } from "node:net"
import { connect as netConnect, type LookupFunction, type NetConnectOpts } from "node:net"
import type { TLSSocket } from "node:tls"
import { ConnectError, ResolveError } from "../../errors.js"
import { hostPort } from "../Address.js"
import { pathTooLong } from "../checks.js"
import { connectError, handshakeError } from "../failures.js"
import { resolveHost } from "../names/resolve.js"
import { type TlsPlan, tlsHandshake } from "./tlsHandshake.js"
import { sharedReads, type Source, StreamReads } from "../Source.js"

/** Where to connect to, with everything checked. */
export type Target =
  | { readonly kind: "socket"; readonly socket: () => Socket; readonly text: string }
  | { readonly kind: "source"; readonly source: Source; readonly text: string }
  | { readonly kind: "path"; readonly path: string }
  | {
      readonly kind: "host"
      readonly host: string
      readonly port: number
      readonly family: 0 | 4 | 6
      readonly lookup: LookupFunction | undefined
      readonly local: { readonly host: string | undefined; readonly port: number } | undefined
      readonly autoSelectFamily: boolean | undefined
      readonly attemptTimeout: number | undefined
      readonly keepAlive: boolean
    }

/** A connection that was made. */
export interface Connected {
  readonly source: Source
  readonly tls: TLSSocket | undefined
}

type Done = (connected: Connected | undefined, error?: Error) => void

/** For texts. */
export const targetText = (target: Target): string =>
  target.kind === "host"
    ? hostPort(target.host, target.port)
    : target.kind === "path"
      ? target.path
      : target.text

/** Whether it has TLS, by the mark that Node gives for that: to ask for the class would load all of TLS for any connection. */
const hasTls = (socket: Socket): socket is TLSSocket => "encrypted" in socket && socket.encrypted === true

/**
 * One connection that is being made. `done` is called once, later; not after `abort`.
 *
 * Legal states: resolving, connecting, in the handshake, over.
 */
export class Connecting {
  readonly #target: Target
  readonly #tls: TlsPlan | undefined
  readonly #done: Done
  readonly #asStream: boolean
  #socket: Socket | undefined
  #over = false
  state: "resolving" | "connecting" | "in its TLS handshake" = "connecting"

  /** With `asStream`, its user reads the socket as the stream that it is. */
  constructor(target: Target, tls: TlsPlan | undefined, done: Done, asStream = false) {
    this.#target = target
    this.#tls = tls
    this.#done = done
    this.#asStream = asStream
  }

  start(): void {
    const target = this.#target
    if (target.kind === "socket") this.#adopt(target.socket)
    else if (target.kind === "source") this.#connected(target.source)
    else if (target.kind === "path") this.#path(target.path)
    else this.#resolve(target)
  }

  abort(): void {
    this.#over = true
    this.#socket?.destroy()
  }

  #adopt(give: () => Socket): void {
    let socket: Socket
    try {
      socket = give()
    } catch (error) {
      return void process.nextTick(() => this.#fail(error))
    }
    this.#socket = socket
    if (socket.destroyed) return void process.nextTick(() => this.#fail(socket.errored ?? gone()))
    if (!socket.connecting) return void process.nextTick(() => this.#connected(new StreamReads(socket)))
    this.#wait(socket, "connect", () => this.#connected(new StreamReads(socket)))
  }

  #path(path: string): void {
    const tooLong = pathTooLong(path)
    if (tooLong === undefined) return this.#open({ path })
    process.nextTick(() =>
      this.#fail(new ConnectError({ address: path, code: "ENAMETOOLONG", why: tooLong }))
    )
  }

  #resolve(target: Target & { readonly kind: "host" }): void {
    this.state = "resolving"
    const { family, host, local, lookup } = target
    if (local?.host === undefined) {
      return resolveHost(host, family, lookup, (addresses, error) => {
        if (this.#over) return
        if (addresses === undefined) this.#fail(error)
        else this.#connect(target, addresses, undefined)
      })
    }
    resolveHost(local.host, family, lookup, (from, error) => {
      if (this.#over) return
      if (from === undefined) return this.#fail(error)
      resolveHost(host, family, lookup, (addresses, failed) => {
        if (this.#over) return
        if (addresses === undefined) return this.#fail(failed)
        this.#connectFrom(target, addresses, from)
      })
    })
  }

  /** From a local address: one after the other, each from one of its family. */
  #connectFrom(
    target: Target & { readonly kind: "host" },
    addresses: ReadonlyArray<LookupAddress>,
    from: ReadonlyArray<LookupAddress>
  ): void {
    const pairs = addresses.flatMap((to) => {
      const local = from.find(({ family }) => family === to.family)
      return local === undefined ? [] : [{ to, local }]
    })
    const [first] = pairs
    if (first === undefined) {
      const why = `no address of ${target.local?.host} is of the same family`
      return this.#fail(new ConnectError({ address: targetText(target), code: "EAFNOSUPPORT", why }))
    }
    const errors: Array<Error> = []
    const next = (at: number): void => {
      const pair = pairs[at]
      if (pair === undefined) return this.#fail(errors.length === 1 ? errors[0] : new AggregateError(errors))
      this.#connect(target, [pair.to], pair.local.address, (error) => {
        errors.push(error)
        next(at + 1)
      })
    }
    next(0)
  }

  #connect(
    { attemptTimeout, autoSelectFamily, host, keepAlive, local, port }: Target & { readonly kind: "host" },
    addresses: ReadonlyArray<LookupAddress>,
    localAddress: string | undefined,
    failed?: (error: Error) => void
  ): void {
    this.state = "connecting"
    const lookup: LookupFunction = (_host, options, answer) => {
      if (options.all === true) answer(null, [...addresses])
      else answer(null, addresses[0]?.address ?? "", addresses[0]?.family)
    }
    this.#open(
      {
        // An address of its own where there is one only: Node resolves a zone, too.
        host: addresses.length === 1 ? (addresses[0]?.address ?? host) : host,
        port,
        lookup,
        keepAlive,
        ...(localAddress === undefined ? {} : { localAddress }),
        ...(local === undefined || local.port === 0 ? {} : { localPort: local.port }),
        autoSelectFamily: autoSelectFamily ?? addresses.length > 1,
        ...(attemptTimeout === undefined ? {} : { autoSelectFamilyAttemptTimeout: attemptTimeout })
      },
      failed
    )
  }

  #open(options: NetConnectOpts, failed?: (error: Error) => void): void {
    const reads = this.#tls === undefined && !this.#asStream ? sharedReads() : undefined
    const common = {
      allowHalfOpen: true,
      noDelay: true,
      ...(reads === undefined ? {} : { onread: reads.onread })
    }
    let socket: Socket
    try {
      socket = netConnect({ ...options, ...common })
    } catch (error) {
      return void process.nextTick(() => this.#fail(error))
    }
    socket.pause()
    this.#socket = socket
    this.#wait(
      socket,
      "connect",
      () => this.#connected(reads === undefined ? new StreamReads(socket) : reads.of(socket)),
      failed
    )
  }

  #connected(source: Source): void {
    if (this.#over) return
    const tls = this.#tls
    if (tls === undefined) {
      // One that was given may have TLS.
      const { socket } = source
      return this.#finish({ source, tls: hasTls(socket) ? socket : undefined })
    }
    this.#handshake(source, tls)
  }

  #handshake(source: Source, tls: TlsPlan): void {
    this.state = "in its TLS handshake"
    source.detach()
    this.#socket = source.socket
    tlsHandshake(source.socket, tls, (socket, error) => {
      if (socket === undefined) this.#fail(handshakeError(targetText(this.#target), error as Error))
      else this.#finish({ source: new StreamReads(socket), tls: socket })
    })
  }

  #wait(socket: Socket, event: string, ready: () => void, failed?: (error: Error) => void): void {
    const off = (): void => {
      socket.off(event, onReady)
      socket.off("error", onError)
      socket.off("close", onClose)
    }
    const onReady = (): void => {
      off()
      // Until somebody else listens.
      socket.on("error", nothing)
      ready()
    }
    const onError = (error: Error): void => {
      off()
      socket.on("error", nothing)
      socket.destroy()
      if (failed !== undefined && !this.#over) failed(error)
      else this.#fail(error)
    }
    const onClose = (): void => onError(gone())
    socket.once(event, onReady)
    socket.once("error", onError)
    socket.once("close", onClose)
  }

  #finish(connected: Connected): void {
    if (this.#over) return
    this.#over = true
    this.#done(connected)
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#over = true
    const typed = error instanceof ConnectError || error instanceof ResolveError || error instanceof TypeError
    this.#done(undefined, typed ? error : connectError(targetText(this.#target), error))
  }
}

const gone = (): Error => Object.assign(new Error("the other end has closed it"), { code: "ECONNRESET" })

const nothing = (): void => {}
