/**
 * The parts of the platform's services that are written for one line of Effect, with that line's packages: each is a
 * module of its own, which is loaded when a Layer of it is built. A part that both lines have is the same to its caller.
 */
import type { HttpServerPart } from "./http/HttpServerPart.js"

/** What there is on either line. */
export interface Parts {
  readonly httpServer: () => Promise<HttpServerPart>
}

/** What there is on Effect 3. */
export type Three = Parts

/** What there is on Effect 4. */
export type Four = Parts
