/** Streams over async iterables: their options, checked where they are given, and a Pump for each of their runs. */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { pulled } from "../../effect.js"
import { describeValue } from "../../Loop/kernel/describe.js"
import { Loop } from "../../Loop/Loop.js"
import { aioError } from "../../Loop/fiber/Outcome.js"
import { keepsShape } from "../../Loop/fiber/shapes.js"
import { refused } from "../../Loop/fiber/Wait.js"
import { mapping } from "../task/mistakes.js"
import {
  type AioInterrupted,
  type AioOptions,
  checkFunctionOptions,
  givenName,
  onInterruptOf,
  stopsOf
} from "../task/options.js"
import { idleRunner } from "../task/runTask.js"
import { Pump, type PumpOptions } from "./Pump.js"
import type { Opening } from "./ReadingTask.js"
import { type AsyncItems, type CloseItems, itemsName, type Reader, Source } from "./Source.js"

/**
 * How a Stream reads an async iterable.
 *
 * @category models
 * @since 0.1.0
 */
export interface IterableOptions<Items = never> extends AioOptions {
  /**
   * How many items are read in one go while they come without waiting. Default 1: no item is read that nobody has asked
   * for. A Node Readable is always read in chunks of what it holds.
   */
  readonly chunkSize?: number | undefined
  /**
   * Closes the iterable, where its `return()` does not, or where a `next()` that waits is released by nothing else: a cursor's
   * `close()`. Aio code, called once with the iterable, when the Stream is interrupted or left before its end: while a
   * `next()` waits, otherwise after `return()`. It is waited for. What a `next()` fails with that it has released is its
   * echo; what it fails with itself is a defect, and reported (`late`), unless that says that nothing was open.
   */
  readonly close?: ((items: Items) => unknown) | undefined
}

/**
 * `IterableOptions`, and the error mapping.
 *
 * @category models
 * @since 0.1.0
 */
export interface FromIterableOptions<E, Items = never> extends IterableOptions<Items> {
  /** Maps what the iterable threw; cancellation does not come here. */
  readonly catch?: ((error: unknown) => E) | undefined
}

/** That the program closes the iterable: then its type is that of what is given to `close`. */
export interface Closed<Items> {
  readonly close: (items: Items) => unknown
}

/** The items of an iterable. */
export type ItemOf<Items> = Items extends AsyncIterable<infer A> ? A : never

/** The `chunkSize` of a call. Throws `RangeError` for what it cannot be. */
export const chunkSizeOf = ({ chunkSize = 1 }: IterableOptions): number => {
  if (!Number.isInteger(chunkSize) || chunkSize < 1) {
    throw new RangeError(`chunkSize is a whole number of items from 1 on, not ${describeValue(chunkSize)}`)
  }
  return chunkSize
}

/** The `close` of a call. Throws `TypeError` for what is no function. */
export const closeOf = ({ close }: IterableOptions): CloseItems | undefined => {
  checkFunctionOptions("a Stream", { close })
  return close
}

/** Nothing is read of it. */
const unread = { next: () => Promise.resolve({ done: true as const, value: undefined }) }
const unreadReader = (): Reader => new Source("", unread, undefined).open()

keepsShape(unreadReader)
keepsShape(
  (loop) =>
    new Pump<unknown>(loop, {
      ...idleRunner,
      name: "",
      opening: () => ({ reader: unreadReader() }),
      chunkSize: 1
    })
)

/** A Stream whose every run is one Pump. */
export const pumpedStream = <A, E>(options: PumpOptions<E>): Stream.Stream<A, E | AioInterrupted, Loop> =>
  pulled(
    Effect.flatMap(Loop, (loop) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.suspend(() => {
            try {
              return Effect.succeed(new Pump(loop, options))
            } catch (error) {
              return refused(error)
            }
          }),
          (pump, exit) => pump.close(exit)
        ),
        // What an iterable of A gives.
        ({ pull }) => pull as Effect.Effect<ReadonlyArray<A> | undefined, E | AioInterrupted>
      )
    )
  )

/** A Stream over the iterable, or other value, that `opening` gives. */
export const iterableStream = <A, E>(
  name: string,
  body: unknown,
  opening: Opening,
  options: FromIterableOptions<E>
): Stream.Stream<A, E | AioInterrupted, Loop> =>
  pumpedStream({
    name,
    body,
    opening,
    chunkSize: chunkSizeOf(options),
    mapError: mapping(options.catch ?? (aioError(() => name) as unknown as (error: unknown) => E)),
    onInterrupt: { ...onInterruptOf(options), stoppable: options.close !== undefined },
    stops: stopsOf("runAioGenerator", options)
  })

/** A Stream over an iterable that is there already. */
export const itemsStream = <A, E>(
  items: AsyncItems<A>,
  options: FromIterableOptions<E>
): Stream.Stream<A, E | AioInterrupted, Loop> => {
  const source = new Source(givenName(options) ?? itemsName(items), items, closeOf(options))
  return iterableStream(source.name, items, () => ({ reader: source.open() }), options)
}
