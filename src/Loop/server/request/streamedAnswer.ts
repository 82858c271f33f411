/** The body of an answer that is a Stream: run by the fiber of the request, at the pace of the client. */
import * as Effect from "effect/Effect"
import type { Stream } from "effect/Stream"
import { withPull } from "../../../effect.js"
import { describeValue } from "../../kernel/describe.js"
import { Bell } from "../../fiber/Bell.js"
import type { Home } from "../../ports.js"
import { type Checked, writeHead } from "./answer.js"
import { isGone } from "./gone.js"
import type { HttpResponse, NodeResponse, ServerRequest } from "./ServerRequest.js"

/** Bytes as they may be written; dies of what is none, before anything of it was written. */
const checked = (item: unknown): string | Uint8Array => {
  if (typeof item === "string" || item instanceof Uint8Array) return item
  throw new TypeError(`the Stream of an answer gives strings and bytes, not ${describeValue(item)}`)
}

/**
 * Waits until the client has taken what was written, or has gone: then the fiber is being interrupted. From this call on, because
 * the fiber may yield before it waits.
 */
const drained = (loop: Home, response: NodeResponse): Effect.Effect<void> => {
  const bell = new Bell(loop)
  const ring = (): void => {
    response.off("drain", ring)
    response.off("close", ring)
    bell.ring()
  }
  const next = bell.next()
  response.on("drain", ring)
  response.on("close", ring)
  return Effect.ensuring(next, Effect.sync(ring))
}

/**
 * Writes the head with the first items, so that a Stream that fails before it has any can still be answered for. A stream of
 * events says at once that it is there, because its client waits for that.
 *
 * It ends the answer at the end of the Stream, and only there: what fails or is interrupted before leaves it open.
 */
export const streamed = (
  loop: Home,
  request: ServerRequest,
  response: NodeResponse,
  answer: Checked
): Effect.Effect<void, unknown> => {
  const { body, headers } = answer
  let begun = false
  const begin = (): void => {
    if (begun) return
    begun = true
    writeHead(response, answer)
    // A body that is shorter or longer than was said is an error then, and no answer.
    if ("strictContentLength" in response) response.strictContentLength = true
  }
  const write = (items: ReadonlyArray<unknown>): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (items.length === 0) return Effect.void
      const bytes = items.map(checked)
      begin()
      // The fiber is told so, but may be uninterruptible.
      if (isGone(request.raw, response) || response.writableEnded) return Effect.interrupt
      let flows = true
      for (const one of bytes) {
        flows = (response.write as (bytes: string | Uint8Array) => boolean).call(response, one)
      }
      return flows ? Effect.void : drained(loop, response)
    })
  return Effect.suspend(() => {
    const [, type] = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type") ?? []
    if (String(type).startsWith("text/event-stream")) {
      begin()
      // The answer of HTTP/2 has it, too, and its types do not.
      ;(response as HttpResponse).flushHeaders()
    }
    return Effect.flatMap(
      withPull(body as Stream<unknown, unknown>, (pull) => Effect.forever(Effect.flatMap(pull, write))),
      () =>
        Effect.sync(() => {
          begin()
          response.end()
        })
    )
  })
}
