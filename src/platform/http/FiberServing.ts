/** A fiber of the platform that serves a request, as a server that closes knows those who do. */
import type { IncomingMessage } from "node:http"
import { interruptFork, observe, poll, type RunningFiber } from "../../effect.js"
import { nameOf, originOf, pathOf } from "../../Loop/server/request/requestName.js"
import type { RequestEnd, Serving } from "../../Loop/server/request/requests.js"

/** It is made for each request, and costs nothing more as long as nobody asks. */
export class FiberServing implements Serving {
  #told = false

  constructor(
    private readonly fiber: RunningFiber<unknown, unknown>,
    private readonly message: Pick<IncomingMessage, "method" | "url" | "socket">
  ) {}

  get name(): string {
    const { message } = this
    return nameOf(message.method ?? "", pathOf(message.url ?? ""), originOf(message))
  }

  get lives(): object {
    return this.fiber
  }

  get done(): boolean {
    return poll(this.fiber) !== undefined
  }

  /** That its client has gone the platform notices itself. */
  interrupt(reason: RequestEnd): void {
    if (reason !== "client gone") this.#tell()
  }

  /** It does not notice that what it streams was ended by another. */
  answerEnded(): void {
    this.#tell()
  }

  #tell(): void {
    if (this.#told) return
    this.#told = true
    interruptFork(this.fiber)
  }

  onDone(f: () => void): void {
    if (this.done) f()
    else observe(this.fiber, f)
  }
}
