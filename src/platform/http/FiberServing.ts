/** A fiber of the platform that serves a request, as a server that closes knows those who do. */
import type { RequestEnd, Serving } from "../../Loop/server/request/requests.js"

export class FiberServing implements Serving {
  #told = false
  #done = false
  readonly #listeners: Array<() => void> = []

  constructor(
    private readonly nameOf: () => string,
    /** Tells the fiber to end. */
    private readonly tell: () => void
  ) {}

  get name(): string {
    return this.nameOf()
  }

  get done(): boolean {
    return this.#done
  }

  /** That its client has gone the platform notices itself. */
  interrupt(reason: RequestEnd): void {
    if (this.#told || this.#done || reason === "client gone") return
    this.#told = true
    this.tell()
  }

  onDone(f: () => void): void {
    if (this.#done) f()
    else this.#listeners.push(f)
  }

  /** The fiber has ended. */
  ended(): void {
    this.#done = true
    for (const f of this.#listeners.splice(0)) f()
  }
}
