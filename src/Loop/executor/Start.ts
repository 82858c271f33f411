/**
 * The start of a thread, which piscina does: a first task takes it to its seat, and has ended when it is there. It is the
 * signal of that task as well, in the shape that piscina asks for.
 */

/**
 * Legal states: piscina has it, aborted, over. Aborting it takes the task back from piscina: where that waits for a thread,
 * there is none to end.
 */
export class Start {
  aborted = false
  reason: unknown
  #listener: (() => void) | undefined

  addEventListener(_: "abort", listener: () => void): void {
    this.#listener = listener
  }

  removeEventListener(): void {
    this.#listener = undefined
  }

  /** Takes it back, once. Without effect when it is over. */
  abort(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#listener?.()
  }
}
