/** A scoped Effect as a factory of async disposables. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Future } from "../../Loop/kernel/Future.js"
import type { Runnable } from "../../Loop/kernel/ports.js"
import type { Loop } from "../../Loop/Loop.js"
import type { Starter } from "./capture.js"
import { captureFor } from "./owned.js"
import { givenName } from "../task/options.js"
import { VisitCall, type ToAioVisitOptions, Visit } from "./Visit.js"
import type { Home } from "../../Loop/ports.js"

/**
 * What a scoped Effect has acquired, for aio code: `await using db = await open()`. Disposing of it closes the Scope and
 * waits for its finalizers; every call waits for the same end, and fails with what a finalizer died of.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioDisposable<A> extends AsyncDisposable {
  readonly value: A
  [Symbol.asyncDispose](): Future<void>
}

/**
 * The resource while aio code has it.
 *
 * Legal states: held, disposing (`#calls` wait), ended (`#life` is done), because it was disposed of or interrupted.
 */
class OpenResource<A> implements AioDisposable<A> {
  readonly value: A
  readonly #loop: Home
  readonly #visit: Visit
  readonly #calls: Array<VisitCall<void>> = []
  #ended = false
  /** A finalizer died while nobody waited for it: the first call is told. */
  #unheard: Future<void> | undefined

  constructor(loop: Home, visit: Visit, value: A) {
    this.#loop = loop
    this.#visit = visit
    this.value = value
  }

  /** In the fiber: waits until aio code disposes of the resource. */
  use(): Effect.Effect<void> {
    return this.#visit.park(() => this.#calls.length > 0, Effect.void)
  }

  [Symbol.asyncDispose](): Future<void> {
    if (this.#unheard !== undefined) {
      const unheard = this.#unheard
      this.#unheard = undefined
      return unheard
    }
    const call = new VisitCall<void>(this.#loop)
    if (this.#ended) this.#answer(call)
    else {
      this.#calls.push(call)
      this.#visit.leave()
      this.#visit.wake()
    }
    return call
  }

  /** The fiber has ended, and so has the resource: tells whoever has disposed of it. Whether somebody hears that. */
  end(): boolean {
    this.#ended = true
    const heard = this.#calls.some((call) => call.heard)
    for (const call of this.#calls) this.#answer(call)
    if (this.#loop.isClosed()) return heard
    const { life, taken } = this.#visit
    if (this.#calls.length === 0 && !taken && life._peek() === "error") {
      this.#unheard = new Future<void>(this.#loop)
      this.#unheard._settleAs(life)
    }
    return true
  }

  #answer(call: VisitCall<void>): void {
    const { life } = this.#visit
    if (life._peek() !== "error") return call.answer(undefined)
    // On a closed loop the visit tells of it, where nobody waits for the call.
    if (this.#loop.isClosed()) call._markRetrieved()
    call._settleAs(life)
  }
}

/** The Future that `open()` returns. */
class OpeningCall<A> extends VisitCall<AioDisposable<A>> {
  #listeners = 0

  override _add(runnable: Runnable): void {
    this.#listeners++
    super._add(runnable)
  }

  /** The task that awaited it was cancelled when the resource had just arrived: nobody else will dispose of it. */
  override _overtaken(): void {
    super._overtaken()
    if (this.#listeners === 1 && this._peek() === "value") void this._value()[Symbol.asyncDispose]()
  }
}

/** One call of the factory: begins a Visit whose fiber opens the resource. */
const open = <A, E, R>(
  starter: Starter<Exclude<R, Scope.Scope>>,
  effect: Effect.Effect<A, E, R>,
  name: string,
  signal: AbortSignal | undefined
): Future<AioDisposable<A>> => {
  const { loop } = starter
  let held: OpenResource<A> | undefined
  let visit: Visit | undefined
  const opening = new OpeningCall<A>(loop, (_, message) => {
    visit?.leave()
    visit?.life.cancel(message)
  })
  const use = (visit: Visit, value: A): Effect.Effect<void> => {
    held = new OpenResource(loop, visit, value)
    opening._settleValue(held)
    return held.use()
  }
  try {
    visit = Visit.begin(
      starter,
      (visit) => Effect.scoped(Effect.flatMap(effect, (value) => use(visit, value))),
      {
        what: "resource",
        name,
        signal,
        onEnd: (visit) => {
          if (held !== undefined) return held.end()
          return notOpened(loop, name, opening, visit)
        }
      }
    )
  } catch (error) {
    // Foreign code calls this: it is told as it would be of any other failure.
    opening._settleError(error)
  }
  return opening
}

/** The fiber has ended before it had anything to hand over. Whether somebody hears that. */
const notOpened = <A>(loop: Home, name: string, opening: VisitCall<A>, visit: Visit): boolean => {
  const { life, lost } = visit
  const heard = opening.heard
  if (life._peek() === "error") {
    // On a closed loop the visit tells of it, where nobody waits.
    if (loop.isClosed()) opening._markRetrieved()
    opening._settleAs(life)
  } else if (lost) opening.lose(loop._closedError(`${name} had not been opened`))
  else opening.stop(life._error())
  return heard
}

/** `toAio` for a scoped Effect. */
export const toDisposable = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: ToAioVisitOptions
): Effect.Effect<() => Future<AioDisposable<A>>, never, Exclude<R, Scope.Scope> | Loop | Scope.Scope> => {
  const { signal } = options
  const shown = givenName(options) ?? "effect"
  return Effect.map(
    captureFor<Exclude<R, Scope.Scope>>(shown, options),
    (starter) => () => open(starter, effect, shown, signal)
  )
}
