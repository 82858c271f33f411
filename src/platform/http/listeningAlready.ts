/**
 * A server that listens and is closed by us, as the platform sees it: it takes requests from it, and neither makes it listen
 * nor closes it. What comes before somebody serves it waits for that.
 */
import type { EventEmitter } from "node:events"

/** What answers a request, on that: a map of all of them costs each request more. */
interface Known {
  [ANSWER]?: object
}

const ANSWER = Symbol("effect-aio answer")

/**
 * The key by which a server that closes asks who serves a request: its response, or the connection of one that asks for another
 * protocol, of which the platform would begin a response when asked for it. `undefined` for a request of another server.
 */
export const answerOf = (request: object): object | undefined => (request as Known)[ANSWER]

type Handler = (request: object, answer: object, ...more: ReadonlyArray<unknown>) => void

/** The events with which a request comes. Listening to one of the others changes what Node does. */
const withRequest: ReadonlySet<unknown> = new Set(["request", "checkContinue", "upgrade"])

/** What comes before somebody serves it, by its event: its arguments, as long as who has sent them is there. */
class Waiting {
  readonly #kept = new Set<Parameters<Handler>>()

  readonly keep: Handler = (request, answer, ...more) => {
    const one: Parameters<Handler> = [request, answer, ...more]
    this.#kept.add(one)
    ;(answer as EventEmitter).once("close", () => this.#kept.delete(one))
  }

  giveTo(handler: Handler): void {
    for (const one of this.#kept) handler(...one)
    this.#kept.clear()
  }
}

export const listeningAlready = <S extends EventEmitter>(server: S): S => {
  const tagged = new Map<unknown, Handler>()
  const waiting = new Map(["request", "upgrade"].map((event) => [event, new Waiting()]))
  for (const [event, { keep }] of waiting) server.on(event, keep)

  const listener = (event: unknown, given: Handler): Handler => {
    if (!withRequest.has(event)) return given
    const known = tagged.get(given)
    if (known !== undefined) return known
    const handler: Handler = (request: Known & object, answer, ...more) => {
      request[ANSWER] = answer
      given(request, answer, ...more)
    }
    tagged.set(given, handler)
    return handler
  }
  const methods = {
    on(event: string, given: Handler) {
      const handler = listener(event, given)
      server.on(event, handler)
      const before = waiting.get(event)
      if (before !== undefined) {
        server.off(event, before.keep)
        before.giveTo(handler)
      }
      return this
    },
    off(event: string, given: Handler) {
      server.off(event, listener(event, given))
      return this
    },
    listen(_options: unknown, then: () => void) {
      then()
      return this
    },
    /** To close it is not asked of whoever has not made it listen. */
    listening: false
  }
  return Object.create(server, Object.getOwnPropertyDescriptors(methods)) as S
}
