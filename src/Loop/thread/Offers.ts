/**
 * What a loop offers to other threads, each offer an `OfferedHandle`. A `Handle` is something else: one callback that was
 * scheduled, as asyncio calls it.
 */
import { describeValue, isCoroutineFunction } from "../kernel/describe.js"
import { type Callable, OfferedHandle } from "./OfferedHandle.js"
import { Capability, perLoop } from "../closing/Capability.js"
import type { Leftover } from "../ports.js"

/**
 * How functions are offered to another thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface OfferOptions {
  /** The name of the offer, for reports. Default: `handle-<n>`. */
  readonly name?: string | undefined
}

const checkFunctions = (functions: unknown): ReadonlyArray<readonly [string, Callable]> => {
  if (typeof functions !== "object" || functions === null) {
    throw new TypeError(`threadHandle takes an object of functions, not ${describeValue(functions)}`)
  }
  const entries = Object.entries(functions)
  if (entries.length === 0) throw new TypeError("threadHandle was given no functions to offer")
  return entries.map(([name, f]) => {
    if (typeof f === "function") return [name, (f as Callable).bind(functions)] as const
    throw new TypeError(`threadHandle offers functions, and ${name} is ${describeValue(f)}`)
  })
}
/** How many offers this thread has made: their numbers in their names. */
let offers = 0

/** How much a loop offers to other threads, as a part of its statistics. */
export interface OfferNumbers {
  /** OfferedHandles of this loop, which other threads may call. */
  readonly handles: number
}

/** What one loop offers to other threads. */
export class Offers extends Capability {
  /** The numbers of a loop that has offered nothing. */
  static readonly none: OfferNumbers = { handles: 0 }
  readonly step = "watchers"
  readonly #open = new Set<OfferedHandle>()

  /** Makes an offer. Throws `TypeError` for what is no object of functions, and LoopClosedError. */
  offer(functions: unknown, { name }: OfferOptions): OfferedHandle {
    const entries = checkFunctions(functions)
    if (name !== undefined && typeof name !== "string") {
      throw new TypeError(`threadHandle takes a string as its name, not ${describeValue(name)}`)
    }
    this.refuse("threadHandle")
    const coroutines = entries.filter(([, f]) => isCoroutineFunction(f)).map(([of]) => of)
    const handle = new OfferedHandle(
      this.loop,
      name ?? `handle-${++offers}`,
      entries,
      new Set(coroutines),
      () => this.#open.delete(handle)
    )
    this.#open.add(handle)
    return handle
  }

  override numbers(): OfferNumbers {
    return { handles: this.#open.size }
  }

  override held(): ReadonlyArray<Leftover> {
    return [...this.#open].map((handle) => handle._describe())
  }

  protected override letGo(): void {
    const error = this.loop._closedError("another thread asked for it")
    for (const handle of [...this.#open]) handle._close(error)
  }
}

/** What a loop offers. */
export const offersOf = perLoop(Offers)
