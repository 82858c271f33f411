/** What is being opened for a program: discarded where that does not get it. */
import type { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import { Future, readAsFuture } from "../kernel/Future.js"

/**
 * A Future of something that has to be closed. `discard` closes what there is, at once: it is called by a cancel, and where
 * a cancel has kept the value from its only receiver. So it may come at any time, and again.
 */
export class Opening<A> extends Future<A> {
  static {
    readAsFuture(this)
  }

  readonly #discard: () => void

  constructor(loop: BaseEventLoop, discard: () => void) {
    super(loop, () => {
      discard()
      return false
    })
    this.#discard = discard
  }

  override _overtaken(): void {
    super._overtaken()
    if (this._peek() === "value") this.#discard()
  }
}

/** What `opening` opens, as something else: opened and cancelled with it. */
export const openedAs = <A, B>(
  loop: BaseEventLoop,
  opening: Future<A>,
  make: (opened: A) => B,
  discard: (opened: A) => void
): Future<B> => {
  const future = new Opening<B>(loop, () => {
    if (opening._peek() === "value") discard(opening._value())
    else opening.cancel()
  })
  opening._add({
    resumes: false,
    run: () => {
      if (future.done()) opening._markRetrieved()
      else if (opening._peek() === "value") future._settleValue(make(opening._value()))
      else future._settleAs(opening)
    }
  })
  return future
}
