/** The body of a request as a Stream, read by hand: what iterates over Node's request destroys it when it is left. */
import * as Effect from "effect/Effect"
import type { Stream } from "effect/Stream"
import { callback, pulled } from "../../../effect.js"
import { RequestBodyError } from "../../errors.js"
import { InvalidStateError } from "../../kernel/errors.js"
import { Waiting } from "../../fiber/Wait.js"
import type { Home } from "../../ports.js"
import type { ServerRequest } from "./ServerRequest.js"

/**
 * One reading of a body, from its first pull until the Stream is left. Legal states: reading; ended (`end` came); broken (the
 * request was destroyed before that).
 */
class Reading {
  #error: unknown = undefined
  #wake: (() => void) | undefined
  /** Something has come since it was looked. */
  #rung = false

  constructor(
    private readonly loop: Home,
    private readonly request: ServerRequest
  ) {
    const { raw } = request
    // What Node tells by these is there to be looked at when the fiber goes on.
    for (const event of ["readable", "end", "close"]) raw.on(event, this.#told)
    raw.on("error", this.#failed)
  }

  /** What has come, or comes next; `undefined` at the end. */
  readonly pull: Effect.Effect<ReadonlyArray<Uint8Array> | undefined, RequestBodyError> = Effect.suspend(
    () => {
      const { raw } = this.request
      this.#rung = false
      const bytes = raw.read() as Uint8Array | string | null
      if (bytes !== null) return Effect.succeed([typeof bytes === "string" ? Buffer.from(bytes) : bytes])
      if (raw.readableEnded) return Effect.succeed(undefined)
      if (raw.destroyed) {
        return Effect.fail(new RequestBodyError({ request: this.request.name, cause: this.#error }))
      }
      return Effect.flatMap(this.#next, () => this.pull)
    }
  )

  /** The Stream is left: nothing of it listens any more, and the request lives on. */
  close(): void {
    const { raw } = this.request
    for (const event of ["readable", "end", "close"]) raw.off(event, this.#told)
    raw.off("error", this.#failed)
  }

  readonly #next: Effect.Effect<void> = callback<void>((resume) => {
    // The fiber may have yielded since it looked.
    if (this.#rung) return resume(Effect.void)
    const waiting = new Waiting(this.loop, () => resume(Effect.void))
    this.#wake = () => waiting.run()
    return Effect.sync(() => (this.#wake = undefined))
  })

  readonly #told = (): void => {
    const wake = this.#wake
    this.#rung = true
    this.#wake = undefined
    wake?.()
  }

  readonly #failed = (error: unknown): void => {
    this.#error = error
    this.#told()
  }
}

/** The body of a request, which can be read once. */
export const bodyOf = (loop: Home, request: ServerRequest): Stream<Uint8Array, RequestBodyError> =>
  pulled(
    Effect.suspend(() => {
      if (request.raw.readableDidRead) {
        return Effect.die(
          new InvalidStateError(
            `the body of ${request.name} was read already, by another Stream of it or by what parses bodies`
          )
        )
      }
      return Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => new Reading(loop, request)),
          (reading) => Effect.sync(() => reading.close())
        ),
        ({ pull }) => pull
      )
    })
  )

/** The request has been answered: what nobody has read of its body is dropped, so that the connection serves the next one. */
export const dropRest = ({ raw }: ServerRequest): void => {
  if (raw.readableDidRead && !raw.readableEnded && !raw.destroyed) raw.resume()
}
