/** A Stream as an async iterable. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { dyingStream, withPull } from "../../effect.js"
import { keepsShape } from "../../Loop/fiber/shapes.js"
import { Future } from "../../Loop/kernel/Future.js"
import { Queue } from "../../Loop/kernel/Queue.js"
import type { Loop } from "../../Loop/Loop.js"
import type { Home } from "../../Loop/ports.js"
import type { Starter } from "./capture.js"
import { captureFor } from "./owned.js"
import { givenName } from "../task/options.js"
import { VisitCall, failed, finished, type ToAioVisitOptions, Visit } from "./Visit.js"

/**
 * A Stream for aio code: every `for await` runs it anew.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioIterable<A> {
  [Symbol.asyncIterator](): AioIterator<A>
}

/**
 * One run of a Stream, read by aio code. Its methods return Futures of the loop and never throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioIterator<A> extends AsyncDisposable {
  /**
   * The next item. Calls that overlap are answered in order. Cancelling one interrupts the stream, and the Future is
   * cancelled when that has ended.
   */
  next(): Future<IteratorResult<A, undefined>>
  /** Interrupts the stream, and waits until its finalizers have run. */
  return<V = undefined>(value?: V): Future<IteratorReturnResult<V>>
  /** `return()`, and then a failure with `error`. */
  throw(error?: unknown): Future<IteratorReturnResult<undefined>>
  [Symbol.asyncIterator](): AioIterator<A>
  /** `return()`. */
  [Symbol.asyncDispose](): Future<void>
}

const endResult: IteratorReturnResult<undefined> = { done: true, value: undefined }

const noItems: ReadonlyArray<never> = []

/** An end that nobody asked for: tells the one Future that is told of it. */
type TellFailure = (future: Future<unknown>) => void

/** A call that has told the stream to end, and how that call is answered when the stream has ended. */
interface Leaving {
  readonly call: VisitCall<unknown>
  readonly finish: () => void
}

/**
 * Legal states: fresh (nothing runs), open (`#visit` is the fiber: it pulls while a call waits, and is parked otherwise),
 * ended. A call waits only while no items are left of the last pull.
 */
class StreamIterator<A, E, R> implements AioIterator<A> {
  readonly #starter: Starter<Exclude<R, Scope.Scope>>
  readonly #stream: Stream.Stream<A, E, R>
  readonly #name: string
  readonly #signal: AbortSignal | undefined
  #visit: Visit | undefined
  #items: ReadonlyArray<A> = noItems
  #at = 0
  readonly #waiting = new Queue<VisitCall<IteratorResult<A, undefined>>>(4)
  readonly #leaving: Array<Leaving> = []
  #ended = false
  /** The loop closed before the stream had ended: that must not look like its end. */
  #lost = false
  /** It failed while no call waited: the next one is told. */
  #unheard: Future<IteratorResult<A, undefined>> | undefined

  constructor(
    starter: Starter<Exclude<R, Scope.Scope>>,
    stream: Stream.Stream<A, E, R>,
    name: string,
    signal: AbortSignal | undefined
  ) {
    this.#starter = starter
    this.#stream = stream
    this.#name = name
    this.#signal = signal
  }

  next(): Future<IteratorResult<A, undefined>> {
    const { loop } = this.#starter
    if (this.#at < this.#items.length && this.#signal?.aborted !== true && !loop.isClosed()) {
      return finished(loop, { done: false, value: this.#items[this.#at++] as A })
    }
    return this.#ask(loop)
  }

  /** No item is there: waits for one. */
  #ask(loop: Home): Future<IteratorResult<A, undefined>> {
    if (this.#ended) return this.#afterEnd()
    if (loop.isClosed()) return failed(loop, this.#closedError())
    try {
      this.#visit ??= this.#begin()
    } catch (error) {
      return failed(loop, error)
    }
    const next = new VisitCall<IteratorResult<A, undefined>>(loop, this.#cancelNext)
    this.#waiting.push(next)
    this.#visit.wake()
    return next
  }

  readonly #cancelNext = (call: VisitCall<IteratorResult<A, undefined>>, message: unknown): void =>
    this.#leave({ call, finish: () => call.answer(endResult) }, message)

  return<V = undefined>(value?: V): Future<IteratorReturnResult<V>> {
    return this.#close((call) => call.answer({ done: true, value: value as V }))
  }

  throw(error?: unknown): Future<IteratorReturnResult<undefined>> {
    return this.#close((call) => call.refuse(error))
  }

  [Symbol.asyncDispose](): Future<void> {
    return this.#close((call) => call.answer(undefined))
  }

  [Symbol.asyncIterator](): AioIterator<A> {
    return this
  }

  /** Everything from the first pull to the last finalizer, in one fiber. */
  #begin(): Visit {
    return Visit.begin(
      this.#starter,
      (visit) =>
        withPull(this.#stream, (pull) => {
          const wanted = (): boolean => this.#waiting.size > 0
          const idle = visit.park(wanted, pull)
          return Effect.whileLoop({
            while: () => true,
            body: () => (wanted() ? pull : idle),
            step: (items) => this.#deliver(items)
          })
        }),
      {
        what: "iterator",
        name: this.#name,
        signal: this.#signal,
        onEnd: (visit) => this.#end(visit)
      }
    )
  }

  /** Hands the items of a pull to the calls that wait, in order, and keeps the rest. */
  #deliver(items: ReadonlyArray<A>): void {
    this.#items = items
    this.#at = 0
    while (this.#at < items.length) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      next._settleValue({ done: false, value: items[this.#at++] })
    }
  }

  /** A call that ends the stream; `finish` answers it when the stream has ended. */
  #close<T>(finish: (call: VisitCall<T>) => void): Future<T> {
    const call = new VisitCall<T>(this.#starter.loop)
    if (this.#visit === undefined) this.#ended = true
    if (this.#ended) finish(call)
    else this.#leave({ call, finish: () => finish(call) }, undefined)
    return call
  }

  /** Interrupts the stream for `leaving`. */
  #leave(leaving: Leaving, message: unknown): void {
    this.#items = noItems
    this.#leaving.push(leaving)
    this.#visit?.leave()
    this.#visit?.life.cancel(message)
  }

  /** The fiber has ended: answers every call that waits. Whether somebody hears how it failed. */
  #end(visit: Visit): boolean {
    const waiting = this.#waiting.clear()
    const failure = failureOf(visit)
    const [first] = this.#leaving
    this.#ended = true
    this.#lost = visit.lost
    this.#items = noItems
    // Told once, to whom it concerns: who ended it, else who waits; the loop reports for itself.
    let untold = first === undefined && !visit.taken ? failure : undefined
    for (const next of waiting) {
      if (next === first?.call) continue
      if (this.#lost) next.lose(this.#closedError())
      else if (untold === undefined) next.answer(endResult)
      else {
        untold(next)
        untold = undefined
      }
    }
    const heard = first?.call.heard === true
    for (const leaving of this.#leaving) {
      if (leaving === first && failure !== undefined) {
        // On a closed loop the visit tells of it, where nobody waits for the call.
        if (this.#starter.loop.isClosed()) leaving.call._markRetrieved()
        failure(leaving.call)
      } else leaving.finish()
    }
    if (untold === undefined || this.#lost) return heard
    this.#unheard = new Future(this.#starter.loop)
    untold(this.#unheard)
    return heard
  }

  /** What a `next()` after the end is told. */
  #afterEnd(): Future<IteratorResult<A, undefined>> {
    const { loop } = this.#starter
    if (this.#lost) return failed(loop, this.#closedError())
    const unheard = this.#unheard
    this.#unheard = undefined
    return unheard ?? finished(loop, endResult)
  }

  #closedError(): Error {
    return this.#starter.loop._closedError(`${this.#name} had not ended`)
  }
}

/** How the fiber of a visit failed, if it did; being interrupted is a failure only where nobody of this world has asked for it. */
const failureOf = ({ left, life, taken }: Visit): TellFailure | undefined => {
  const outcome = life._peek()
  const failed = outcome === "error" || (outcome === "cancelled" && !left && !taken)
  return failed ? (future) => future._settleAs(life) : undefined
}

const nothing = (): void => {}

/** For the objects that are kept: it starts nothing. */
const idleStarter = (loop: Home): Starter<never> => ({ loop, start: () => new Future<never>(loop) })

keepsShape(
  (loop) => new StreamIterator<unknown, never, never>(idleStarter(loop), dyingStream(nothing), "", undefined)
)
keepsShape((loop) =>
  Visit.begin(idleStarter(loop), () => Effect.void, {
    what: "iterator",
    name: "",
    signal: undefined,
    onEnd: () => true
  })
)
keepsShape((loop) => new VisitCall(loop))

/** `toAio` for a Stream. */
export const toIterable = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  options: ToAioVisitOptions
): Effect.Effect<AioIterable<A>, never, Exclude<R, Scope.Scope> | Loop | Scope.Scope> => {
  const { signal } = options
  const shown = givenName(options) ?? "stream"
  return Effect.map(captureFor<Exclude<R, Scope.Scope>>(shown, options), (starter) => ({
    [Symbol.asyncIterator]: () => new StreamIterator(starter, stream, shown, signal)
  }))
}
