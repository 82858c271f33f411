/**
 * Calls of a `toAio(fn, { scoped: true })` in the handling of a request: interrupted with it, and what the framework that has
 * called is told then.
 */
import { isGone } from "../../Loop/server/request/gone.js"
import { exchangeName, serveWith } from "../../Loop/server/request/FutureServing.js"
import { answerInstead, unavailable } from "../../Loop/server/connections/instead.js"
import {
  currentExchange,
  exchangeIn,
  type RequestAndAnswer
} from "../../Loop/server/request/requestOfCall.js"
import type { Future } from "../../Loop/kernel/Future.js"
import type { Home } from "../../Loop/ports.js"

/** The request in whose handling a function was called with these arguments. */
export const exchangeOf = (args: ReadonlyArray<unknown>): RequestAndAnswer | undefined =>
  exchangeIn(args) ?? currentExchange()

/** What the fiber of a call is called: by its request, where that is all that it is about. */
export const callName = (name: string, exchange: RequestAndAnswer | undefined): string => {
  if (exchange === undefined) return name
  return exchange.given ? exchangeName(exchange) : `${name} for ${exchangeName(exchange)}`
}

/** The call is interrupted when its client goes away, and by who closes the server. */
export const serveCall = (
  exchange: RequestAndAnswer,
  name: string,
  future: Future<unknown>,
  interrupt: (future: Future<unknown>, reason: unknown) => void
): void => serveWith(exchange, name, future, (reason) => interrupt(future, reason))

/** The answer to a client whose handler was interrupted, where a web Response is asked for. */
const unavailableResponse = (): Response =>
  new Response("Service Unavailable", { status: 503, headers: { connection: "close" } })

/**
 * A native promise of a call, for a framework. It fulfils where the call was interrupted with its request, because that is no
 * failure of the framework's: with nothing, and the request answered with 503 if it can be and was not.
 */
export const promiseOf = (
  loop: Home,
  future: Future<unknown>,
  exchange: RequestAndAnswer | undefined
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    future.then(resolve, (error: unknown) => {
      if (!future.cancelled() || exchange?.given !== true) return reject(error as Error)
      const { fetches, request, response } = exchange
      if (fetches) return resolve(unavailableResponse())
      try {
        if (!isGone(request, response)) answerInstead(request, response, unavailable, true)
      } catch (exception) {
        loop.callExceptionHandler({
          kind: "request",
          message: `${exchangeName(exchange)} could not be answered`,
          exception
        })
      }
      resolve(undefined)
    })
  })
