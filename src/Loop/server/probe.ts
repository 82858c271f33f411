/** What Kubernetes and load balancers ask: whether this process lives, and whether it is to be sent requests. */
import type { IncomingMessage, ServerResponse } from "./kinds.js"

/**
 * Answers `/ready` and `/readyz`, `/live`, `/livez` and `/healthz`: a listener for `request`, or a step of Express and Connect.
 * What is asked for anything else goes to `next`; without one it is a 404.
 *
 * @category models
 * @since 0.1.0
 */
export type Probe = (request: IncomingMessage, response: ServerResponse, next?: () => unknown) => void

/** What is asked. */
export interface Health {
  readonly ready: () => boolean
  /** Where it is not ready: why. */
  readonly phase: () => string
  readonly alive: () => boolean
}

const readiness = new Set(["/ready", "/readyz"])
const liveness = new Set(["/live", "/livez", "/healthz"])

export const probeOf =
  ({ alive, phase, ready }: Health): Probe =>
  (request, response, next) => {
    const [path = ""] = (request.url ?? "").split("?")
    const say = (good: boolean, text: string): void => {
      response.statusCode = good ? 200 : 503
      response.setHeader("Content-Type", "text/plain; charset=utf-8")
      response.setHeader("Cache-Control", "no-store")
      response.end(request.method === "HEAD" ? undefined : `${text}\n`)
    }
    if (readiness.has(path)) return ready() ? say(true, "ready") : say(false, phase())
    if (liveness.has(path)) return alive() ? say(true, "alive") : say(false, "the loop has ended")
    if (next !== undefined) return void next()
    response.statusCode = 404
    response.end()
  }
