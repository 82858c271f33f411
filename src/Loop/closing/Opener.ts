/**
 * The fiber that has opened a loop for a Scope. `Loop.scoped` and `Loop.run` are told themselves that their program is to
 * stop; a loop of `Loop.open` or `Loop.layer` is told when its Scope closes, and a program that waits for work on it does not
 * come to that. So waits that no interruption ends look at the opener: when it was told to stop, by whoever runs it,
 * `closeDeadline` begins for them, and for the closing that follows.
 *
 * A fiber cannot be asked to tell. It is looked at when such a wait begins, and now and then as long as there is one. Where it
 * has ended long ago, as with a Layer that was built beside others, nobody can know when the program is told: then each
 * join has `closeDeadline`, counted from its own beginning.
 */
import { hasEnded, wasTold } from "../../effect.js"
import { afterGrace } from "../fiber/SlowJoin.js"
import type { EndlessWait, Home, OpenerState } from "../ports.js"

/** How often it is looked at, in milliseconds of real time. */
const LOOK = 100

/** @internal */
export class Opener implements OpenerState {
  readonly #loop: Home
  /** An ended fiber has its Exit, which is not the loop's to keep. */
  readonly #fiber: WeakRef<object>
  #toldAt: number | undefined
  /** Each with what takes its bound back, once it has one. */
  readonly #waits = new Map<EndlessWait, (() => void) | undefined>()
  #looking: NodeJS.Timeout | undefined

  constructor(loop: Home, fiber: object) {
    this.#loop = loop
    this.#fiber = new WeakRef(fiber)
  }

  get running(): object | undefined {
    const fiber = this.#fiber.deref()
    return fiber === undefined || hasEnded(fiber) ? undefined : fiber
  }

  get toldAt(): number | undefined {
    const fiber = this.running
    if (fiber === undefined || !wasTold(fiber)) return undefined
    this.#toldAt ??= this.#loop.time()
    return this.#toldAt
  }

  bound(wait: EndlessWait): () => void {
    this.#waits.set(wait, undefined)
    this.#look()
    return () => {
      this.#waits.get(wait)?.()
      this.#waits.delete(wait)
      if (this.#waits.size === 0) clearTimeout(this.#looking)
    }
  }

  #look(): void {
    clearTimeout(this.#looking)
    const { _closeDeadline: closeDeadline } = this.#loop
    if (closeDeadline === Infinity) return
    const told = this.toldAt
    const unknown = told === undefined && this.running === undefined
    let unbounded = false
    for (const [wait, bound] of this.#waits) {
      if (bound !== undefined) continue
      if (told !== undefined) {
        const left = Math.max(0, closeDeadline - (this.#loop.time() - told))
        this.#limit(wait, left, `${closeDeadline}ms after its program was told to stop`)
      } else if (unknown && wait.asked)
        this.#limit(wait, closeDeadline, `after a closeDeadline of ${closeDeadline}ms`)
      else unbounded = true
    }
    if (unbounded) this.#looking = setTimeout(() => this.#look(), LOOK).unref()
  }

  #limit(wait: EndlessWait, ms: number, when: string): void {
    this.#waits.set(
      wait,
      afterGrace(this.#loop, ms, () => wait.giveUp(when))
    )
  }
}
