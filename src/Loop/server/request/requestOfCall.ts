/**
 * The request that a call of aio code is about, with its answer: found in the arguments that a framework gives its handlers, or
 * else in the async-local state in which a scoped server tells of its requests.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import type { NodeRequest, NodeResponse } from "./ServerRequest.js"

/** A request and its answer. */
export interface RequestAndAnswer {
  readonly request: NodeRequest
  readonly response: NodeResponse
  /** Whether the call was given it, and so is about it and nothing else. */
  readonly given: boolean
  /** Whether it was found where frameworks have it whose handlers return a web Response. */
  readonly fetches: boolean
}

/** What an object has itself: what it computes is asked by nobody but its framework, which may take note of that. */
const own = (of: unknown, name: string): unknown =>
  typeof of === "object" && of !== null ? Object.getOwnPropertyDescriptor(of, name)?.value : undefined

/** Whether this is an answer of Node's, HTTP/1 or 2; all of them know their request. */
const isResponse = (u: unknown): u is NodeResponse & { readonly req: NodeRequest } =>
  typeof u === "object" &&
  u !== null &&
  "writableEnded" in u &&
  "setHeader" in u &&
  "req" in u &&
  typeof u.req === "object" &&
  u.req !== null &&
  "socket" in u.req

/**
 * Where handlers have it: Node's own and Express' `(request, response)`, Fastify's `reply.raw`, Koa's `ctx.res`; Hono's
 * `c.env.outgoing` on Node.
 */
const answerOf = (argument: unknown): { readonly response: unknown; readonly fetches: boolean } => {
  if (isResponse(argument)) return { response: argument, fetches: false }
  for (const name of ["raw", "res"]) {
    const response = own(argument, name)
    if (isResponse(response)) return { response, fetches: false }
  }
  return { response: own(own(argument, "env"), "outgoing"), fetches: true }
}

/** The most arguments that are looked at. */
const MOST = 4

/** The request that is in the arguments of a call. */
export const exchangeIn = (args: ReadonlyArray<unknown>): RequestAndAnswer | undefined => {
  for (const argument of args.slice(0, MOST)) {
    const { fetches, response } = answerOf(argument)
    if (isResponse(response)) return { request: response.req, response, given: true, fetches }
  }
  return undefined
}

/** In the async-local state of a request, the request. */
const storage = new AsyncLocalStorage<{ readonly request: NodeRequest; readonly response: NodeResponse }>()
let users = 0

/**
 * Somebody asks for the request of a call from now on; the result takes that back. As long as nobody does, no storage is entered:
 * on Node 20 and 22 one that is slows every promise of the process.
 */
export const useExchanges = (): (() => void) => {
  users++
  return () => {
    if (--users === 0) storage.disable()
  }
}

/** What is called from here on, in the event that tells of a request, is about that. */
export const enterExchange = (request: NodeRequest, response: NodeResponse): void => {
  if (users > 0) storage.enterWith({ request, response })
}

/** The request in whose handling this is called, as long as it is not answered. */
export const currentExchange = (): RequestAndAnswer | undefined => {
  if (users === 0) return undefined
  const found = storage.getStore()
  // What one request has begun may go on for ever in its state.
  if (found === undefined || found.response.writableEnded || found.request.socket.destroyed) return undefined
  return { ...found, given: false, fetches: false }
}
