/** Async iterables as Streams. */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { pulled } from "../effect.js"
import { functionName, describeValue } from "../Loop/kernel/describe.js"
import type { AioError } from "../Loop/errors.js"
import type { Task } from "../Loop/kernel/Task.js"
import { Loop } from "../Loop/Loop.js"
import { aioError } from "../Loop/fiber/Outcome.js"
import { refused } from "../Loop/fiber/Wait.js"
import { type AsyncItems, isAsyncItems, itemsName, Source } from "./reading/Source.js"
import { Pump, type Reading } from "./reading/Pump.js"
import type { Opening } from "./reading/ReadingTask.js"
import { type AioInterrupted, type AioOptions, mapping, notAnEffect, onInterruptOf } from "./runAio.js"

/**
 * How a Stream reads an async iterable.
 *
 * @category models
 * @since 0.1.0
 */
export interface IterableOptions extends AioOptions {
  /**
   * How many items are read in one go while they come without waiting. Default 1: no item is read that nobody has asked
   * for. A Node Readable is always read in chunks of what it holds.
   */
  readonly chunkSize?: number | undefined
}

/**
 * `IterableOptions`, and the error mapping.
 *
 * @category models
 * @since 0.1.0
 */
export interface FromIterableOptions<E> extends IterableOptions {
  /** Maps what the iterable threw; cancellation does not come here. */
  readonly catch?: ((error: unknown) => E) | undefined
}

/** Checks it where it is given. @internal */
export const chunkSizeOf = ({ chunkSize = 1 }: IterableOptions): number => {
  if (!Number.isInteger(chunkSize) || chunkSize < 1) {
    throw new RangeError(`chunkSize is a whole number of items from 1 on, not ${describeValue(chunkSize)}`)
  }
  return chunkSize
}

/** A Stream whose every run is one Pump. @internal */
export const streamOf = <A, E>(reading: Reading<E>): Stream.Stream<A, E | AioInterrupted, Loop> =>
  pulled(
    Effect.flatMap(Loop, (loop) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.suspend(() => {
            try {
              return Effect.succeed(new Pump(loop, reading))
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

/** A Stream of an iterable, or of what a function gives. @internal */
export const fromIterable = <A, E>(
  name: string,
  body: unknown,
  opening: Opening,
  options: FromIterableOptions<E>
): Stream.Stream<A, E | AioInterrupted, Loop> =>
  streamOf({
    name,
    body,
    opening,
    chunkSize: chunkSizeOf(options),
    mapError: mapping(options.catch ?? (aioError(() => name) as unknown as (error: unknown) => E)),
    onInterrupt: onInterruptOf(options)
  })

/** @internal */
export const streamOfItems = <A, E>(
  items: AsyncItems<A>,
  options: FromIterableOptions<E>
): Stream.Stream<A, E | AioInterrupted, Loop> => {
  const source = new Source(options.name ?? itemsName(items), items)
  return fromIterable(source.name, items, () => ({ reader: source.open() }), options)
}

const notItems = (what: string, u: unknown): TypeError =>
  new TypeError(
    `${what} ${describeValue(u)}` +
      (typeof u === "object" && u !== null && Symbol.iterator in u && !Effect.isEffect(u)
        ? ", which is a sync iterable: use Stream.fromIterable"
        : "")
  )

/**
 * Reads an async iterable on the loop as a Stream: an async iterable or iterator, a Node Readable, a web ReadableStream,
 * or a function that gives one, which is called inside the loop with the reading Task.
 *
 * **Flavor** Effect. Starts: one task for every run of the Stream, which calls `next()` when the Stream is pulled, and
 * never before. Cancel: interrupting a pull cancels that task (its signal, the Future that the iterable awaits), waits
 * for the `next()`, then calls `return()` and waits for it; leaving the Stream otherwise calls `return()` and waits. Loop
 * closed: fails with LoopClosedError; what is open when the loop closes is returned after the loop's tasks.
 *
 * **Gotchas** A generator that ignores its signal in a foreign `await` keeps the fiber waiting; after `slowJoin` the loop
 * says so. An iterator that is no generator gets its `return()` while the `next()` still waits. What can be iterated only once makes a Stream that can be run only once: give a function. With `chunkSize`, and
 * from a Readable, items are read that nobody may take. A Readable or ReadableStream is destroyed or cancelled when its
 * Stream is left.
 *
 * @example
 * const lines = runAioGenerator(({ signal }) => readline.createInterface({ input, signal }))
 * yield* Stream.runForEach(lines, Console.log)
 *
 * @category adapters
 * @since 0.1.0
 */
export const runAioGenerator = <A, E = AioError>(
  iterable: AsyncItems<A> | ((task: Task<unknown>) => AsyncItems<A>),
  options: FromIterableOptions<E> = {}
): Stream.Stream<A, E | AioInterrupted, Loop> => {
  if (typeof iterable === "function") {
    const name = options.name ?? functionName(iterable)
    return fromIterable(
      name,
      iterable,
      (task) => {
        const items: unknown = notAnEffect(iterable(task))
        if (!isAsyncItems(items)) throw notItems(`${name} is to give an async iterable, and gave`, items)
        return { reader: new Source(name, items).open() }
      },
      options
    )
  }
  if (!isAsyncItems(iterable)) {
    throw notItems(
      "runAioGenerator takes an async iterable or iterator, or a function that gives one, not",
      iterable
    )
  }
  return streamOfItems(iterable, options)
}
