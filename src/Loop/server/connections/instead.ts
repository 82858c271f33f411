/** What is answered in place of a handler that has not, and how what it has begun is cut off. */
import { checkAnswer, type WholeAnswer, writeWhole } from "../request/answer.js"
import type { NodeRequest, NodeResponse } from "../request/ServerRequest.js"

/** What is answered where a handler has failed: nothing of what it has failed with. */
export const failed: WholeAnswer = { status: 500, body: "Internal Server Error" }

/** What is answered where a handler was told to end, and has not answered. */
export const unavailable: WholeAnswer = { status: 503, body: "Service Unavailable" }

/** Headers that say of a body what was to be answered, and is not any more. */
const ofTheBody = /^(content-|transfer-encoding$|etag$|last-modified$|cache-control$|trailer$)/

/** Node's number for a stream of HTTP/2 that ends by an error of the server. */
const INTERNAL_ERROR = 2

const isHttp2 = (response: NodeResponse): response is Extract<NodeResponse, { stream: unknown }> =>
  "stream" in response

/** Cuts an answer off, so that its client sees that. */
const cut = (response: NodeResponse): void => {
  if (isHttp2(response)) response.stream.close(INTERNAL_ERROR)
  else response.destroy()
}

/**
 * Answers in place of the handler, with `last` for the last time on this connection; where the handler has begun, the client is not
 * to take what it has for the whole. Throws what cannot be written; then it is cut off.
 */
export const answerInstead = (
  request: NodeRequest,
  response: NodeResponse,
  answer: WholeAnswer,
  last: boolean
): void => {
  if (response.writableEnded) return
  if (response.headersSent) return cut(response)
  try {
    for (const name of response.getHeaderNames()) if (ofTheBody.test(name)) response.removeHeader(name)
    // HTTP/2 has no such header.
    if (last && !isHttp2(response)) response.setHeader("connection", "close")
    writeWhole(response, checkAnswer(request, answer))
  } catch (error) {
    cut(response)
    throw error
  }
}
