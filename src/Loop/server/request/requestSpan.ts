/** The span of a request: what it is called, what it is the child of, and what it says. */
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { describeValue } from "../../kernel/describe.js"
import type { Handling } from "./RequestFiber.js"
import type { ServerRequest } from "./ServerRequest.js"

/** Whether each request has a span, and what it is called. */
export type SpanOption = boolean | string | ((request: ServerRequest) => string)

/** `version-trace-span-flags`, of https://www.w3.org/TR/trace-context/; neither id is all zeros. */
const traceparent = /^[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-|$)/

/** The span that the client of a request was in, if it says so. */
const parentOf = ({ headers }: ServerRequest): Tracer.ExternalSpan | undefined => {
  const found = traceparent.exec(String(headers["traceparent"]))
  if (found === null) return undefined
  const [, traceId = "", spanId = "", flags = ""] = found
  return Tracer.externalSpan({ traceId, spanId, sampled: (parseInt(flags, 16) & 1) === 1 })
}

const check = (span: unknown): void => {
  if (typeof span === "boolean" || typeof span === "string" || typeof span === "function") return
  throw new TypeError(
    `Server.handler's span is true, false, a name or a function of the request, not ${describeValue(span)}`
  )
}

/** What gives a request its span; `undefined` where none has one. Throws `TypeError` for what it cannot be. */
export const spanned = (span: SpanOption): Handling["traced"] => {
  check(span)
  if (span === false) return undefined
  return (request, response, served) => {
    const { method, path, remoteAddress } = request
    const name =
      typeof span === "string" ? span : typeof span === "function" ? span(request) : `http.server ${method}`
    const parent = parentOf(request)
    return Effect.withSpan(
      Effect.tap(served, () => Effect.annotateCurrentSpan("http.response.status_code", response.statusCode)),
      name,
      {
        kind: "server",
        attributes: {
          "http.request.method": method,
          "url.path": path,
          "client.address": remoteAddress,
          "network.protocol.version": request.raw.httpVersion
        },
        // The request is nobody's child in this process.
        ...(parent === undefined ? { root: true } : { parent })
      }
    )
  }
}
