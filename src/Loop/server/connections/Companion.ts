/**
 * Listens beside the listeners of others, and never alone. Node looks at whether anybody listens to some of its events, and
 * does something else where nobody does: an upgrade is an ordinary request then, a stream does not flow. Who watches must not
 * change that.
 */
import type { EventEmitter } from "node:events"
import type { Listener } from "../kinds.js"

export class Companion {
  readonly #emitter: EventEmitter
  readonly #name: string
  readonly #listener: Listener
  #there = false

  constructor(emitter: EventEmitter, name: string, listener: Listener) {
    this.#emitter = emitter
    this.#name = name
    this.#listener = listener
    if (emitter.listenerCount(name) > 0) this.#add()
    emitter.on("newListener", this.#added)
    emitter.on("removeListener", this.#removed)
  }

  /** Listens no more. */
  end(): void {
    this.#emitter.off("newListener", this.#added)
    this.#emitter.off("removeListener", this.#removed)
    this.#emitter.off(this.#name, this.#listener)
  }

  /** Before them: they may answer, or end, what they are told of. */
  #add(): void {
    this.#there = true
    this.#emitter.prependListener(this.#name, this.#listener)
  }

  readonly #added = (name: string | symbol): void => {
    if (name === this.#name && !this.#there) this.#add()
  }

  readonly #removed = (name: string | symbol): void => {
    if (name !== this.#name || !this.#there || this.#emitter.listenerCount(name) > 1) return
    this.#there = false
    this.#emitter.off(this.#name, this.#listener)
  }
}
