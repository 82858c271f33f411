/** What a server can be, as far as it is asked: by its events and methods, never by its class. */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http"
import type { Http2Server, Http2Session, ServerHttp2Stream } from "node:http2"
import type { AddressInfo, Server as NetServer, Socket } from "node:net"

/**
 * What can be given a Scope: a server of `node:http`, `https`, `http2`, `net` or `tls`, whoever has made it, or anything else
 * that has `listen` and `close`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AnyServer {
  listen(...args: never): unknown
  close(...args: never): unknown
}

/**
 * A server of WebSockets that shares a server of HTTP, as far as it is asked: that of `ws` is one.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSockets {
  readonly clients: Iterable<WebSocketLike>
  on(event: "connection", listener: (socket: WebSocketLike, request: IncomingMessage) => void): unknown
}

/**
 * One WebSocket of {@link WebSockets}.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketLike {
  close(code?: number, reason?: string): void
  terminate(): void
  pause?(): void
  resume?(): void
}

/** What answers a request: the response of HTTP/1, or the stream of HTTP/2. */
export type Answer = ServerResponse | ServerHttp2Stream

export type { AddressInfo, HttpServer, Http2Server, Http2Session, IncomingMessage, NetServer }
export type { ServerHttp2Stream, ServerResponse, Socket }

/** A listener, whose arguments its event decides. */
export type Listener = { of(...args: ReadonlyArray<unknown>): void }["of"]

const has = (u: unknown, ...names: ReadonlyArray<string>): boolean =>
  ((typeof u === "object" && u !== null) || typeof u === "function") &&
  names.every((name) => typeof (u as Record<string, unknown>)[name] === "function")

export const isAnyServer = (u: unknown): u is AnyServer => has(u, "listen", "close")

/** A server of Node: it has connections to be watched. */
export const isNodeServer = (u: unknown): u is NetServer =>
  isAnyServer(u) && has(u, "on", "address", "getConnections") && "listening" in u

/** What a server of Node speaks. */
export type Speech = "http" | "http2" | "raw"

/** HTTP/2 is known by a method that no other server has, HTTP/1 by its bound on headers. */
export const speechOf = (server: NetServer): Speech => {
  if (has(server, "updateSettings")) return "http2"
  return "headersTimeout" in server ? "http" : "raw"
}

/** Whether connections to it are encrypted. */
export const isSecure = (server: NetServer): boolean => has(server, "setSecureContext")
