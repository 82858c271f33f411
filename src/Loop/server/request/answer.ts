/** What the Effect of a request answers, as a value, and how it is written. */
import type { OutgoingHttpHeaders } from "node:http"
import type { Stream } from "effect/Stream"
import { isStream } from "../../../effect.js"
import { isThenable } from "../../kernel/adopt.js"
import { describeValue } from "../../kernel/describe.js"
import type { NodeRequest, NodeResponse } from "./ServerRequest.js"

/** Headers by name: what is undefined is left out. */
export type AnswerHeaders = Readonly<Record<string, string | number | ReadonlyArray<string> | undefined>>

/**
 * An answer that is there as a whole.
 *
 * @category models
 * @since 0.1.0
 */
export interface WholeAnswer {
  /** Default 200. */
  readonly status?: number | undefined
  readonly headers?: AnswerHeaders | undefined
  /** A string is text, a Uint8Array is bytes, everything else is JSON; a `content-type` that is not given says so. */
  readonly body?: string | Uint8Array | object | number | boolean | null | undefined
}

/**
 * What a handler answers: status, headers and a body. A body that is a Stream is written as it comes, at the pace of the client,
 * in the fiber of the request and before its Scope closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer<E = never, R = never> extends Omit<WholeAnswer, "body"> {
  readonly body?: WholeAnswer["body"] | Stream<string | Uint8Array, E, R>
}

/** An answer, of which nothing is known but that it is an object. */
interface GivenAnswer {
  readonly status?: unknown
  readonly headers?: unknown
  readonly body?: unknown
}

/** What was answered, once it was looked at. */
export interface Checked {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  /** What is to be written: nothing to HEAD, nor with the statuses that have no body. */
  readonly body: string | Uint8Array | Stream<unknown, unknown> | undefined
}

const parts: ReadonlySet<string> = new Set(["status", "headers", "body"])

const mistake = (what: string): TypeError =>
  new TypeError(`a handler answers with { status, headers, body }, or writes to the response itself; ${what}`)

/** Checks an answer before anything of it is written. Throws `TypeError` or `RangeError` for what is none. */
export const checkAnswer = (request: NodeRequest, given: object): Checked => {
  for (const key in given) if (!parts.has(key)) throw mistake(`it has answered with ${describeValue(key)}`)
  const { body: content, headers: own, status = 200 } = given as GivenAnswer
  if (typeof status !== "number" || !Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(
      `the status of an answer is a whole number from 200 to 599, not ${describeValue(status)}`
    )
  }
  const headers: OutgoingHttpHeaders = {}
  if (own !== undefined) copyHeaders(own, headers)
  if (status === 204 || status === 304) return { status, headers, body: undefined }
  const [type, body] = encode(content)
  const length =
    typeof body === "string"
      ? Buffer.byteLength(body)
      : body instanceof Uint8Array
        ? body.byteLength
        : undefined
  if (type !== undefined && !isGiven(headers, "content-type")) headers["content-type"] = type
  if (length !== undefined && !isGiven(headers, "content-length")) headers["content-length"] = length
  return { status, headers, body: request.method === "HEAD" ? undefined : body }
}

const copyHeaders = (given: unknown, headers: OutgoingHttpHeaders): void => {
  if (typeof given !== "object" || given === null || Symbol.iterator in given) {
    throw mistake(`its headers are ${describeValue(given)}`)
  }
  for (const [name, value] of Object.entries(given as OutgoingHttpHeaders)) {
    if (value !== undefined) headers[name] = value
  }
}

/** Whether a header is there, by a name of whatever case. */
const isGiven = (headers: OutgoingHttpHeaders, name: string): boolean => {
  for (const given in headers) {
    if (given.length === name.length && given.toLowerCase() === name) return true
  }
  return false
}

/** The content type of a body, and its bytes. */
const encode = (body: unknown): readonly [string | undefined, Checked["body"]] => {
  if (typeof body === "string") return ["text/plain; charset=utf-8", body]
  if (body === undefined) return [undefined, undefined]
  if (body instanceof Uint8Array) return ["application/octet-stream", body]
  // On Effect 3 every Effect is a Stream, too: of the one item that it gives.
  if (isStream(body)) return ["application/octet-stream", body as Stream<unknown, unknown>]
  if (isForeign(body)) {
    throw mistake(`its body is ${describeValue(body)}: make a Stream of that with fromAio, or wait for it`)
  }
  const json = JSON.stringify(body) as string | undefined
  if (json === undefined) throw mistake(`its body is ${describeValue(body)}, which is no JSON`)
  return ["application/json", json]
}

/** What would be an empty object as JSON, and is meant to be read, waited for or run. */
const isForeign = (body: unknown): boolean => {
  if (typeof body !== "object" || body === null) return false
  return (
    isThenable(body) ||
    Symbol.asyncIterator in body ||
    "pipe" in body ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  )
}

/** Writes the head of an answer. What was set before stays, unless the answer says otherwise. */
export const writeHead = (response: NodeResponse, { headers, status }: Checked): void => {
  ;(response.writeHead as (status: number, headers: OutgoingHttpHeaders) => void).call(
    response,
    status,
    headers
  )
}

/** Writes a whole answer and ends it. */
export const writeWhole = (response: NodeResponse, answer: Checked): void => {
  writeHead(response, answer)
  const { body } = answer
  if (body === undefined) response.end()
  else (response.end as (body: unknown) => void).call(response, body)
}
