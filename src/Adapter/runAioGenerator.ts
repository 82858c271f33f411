/** Async iterables as Streams. */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { describeValue, workName } from "../Loop/kernel/describe.js"
import type { AioError } from "../Loop/errors.js"
import type { Task } from "../Loop/kernel/Task.js"
import type { Loop } from "../Loop/Loop.js"
import { type AsyncItems, isAsyncItems, Source } from "./reading/Source.js"
import { rememberGiver } from "../Loop/kernel/sites.js"
import {
  type Closed,
  closeOf,
  type FromIterableOptions,
  type ItemOf,
  iterableStream,
  itemsStream
} from "./reading/streams.js"
import { type AioInterrupted, checkOptions, givenName } from "./task/options.js"
import { refuseEffect } from "./task/runTask.js"

/** The refusal of `u`, which is to be an async iterable; `what` begins the sentence. */
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
 * **Gotchas**
 * - A generator that ignores its signal in a foreign `await` keeps the fiber waiting; after `slowJoin` the loop says so.
 * - An iterator that is no generator gets its `return()` while the `next()` still waits.
 * - What can be iterated only once makes a Stream that can be run only once: give a function.
 * - With `chunkSize`, and from a Readable, items are read that nobody may take.
 * - A Readable is destroyed, and a ReadableStream cancelled, when its Stream is left.
 *
 * @example
 * import * as readline from "node:readline"
 * import { Readable } from "node:stream"
 *
 * const input = Readable.from(["one\n", "two\n"])
 * const lines = runAioGenerator(({ signal }) => readline.createInterface({ input, signal }))
 * await Effect.runPromise(Loop.scoped(Stream.runForEach(lines, (line) => Console.log(line))))
 *
 * @category adapters
 * @since 0.1.0
 */
export function runAioGenerator<Items extends AsyncIterable<unknown>, E = AioError>(
  iterable: Items | ((task: Task<unknown>) => Items),
  options: FromIterableOptions<E, Items> & Closed<Items>
): Stream.Stream<ItemOf<Items>, E | AioInterrupted, Loop>
export function runAioGenerator<A, E = AioError>(
  iterable: AsyncItems<A> | ((task: Task<unknown>) => AsyncItems<A>),
  options?: FromIterableOptions<E>
): Stream.Stream<A, E | AioInterrupted, Loop>
export function runAioGenerator<A, E>(
  iterable: AsyncItems<A> | ((task: Task<unknown>) => AsyncItems<A>),
  options: FromIterableOptions<E> = {}
): Stream.Stream<A, E | AioInterrupted, Loop> {
  checkOptions("runAioGenerator", options)
  if (typeof iterable === "function") {
    rememberGiver(iterable, runAioGenerator)
    const name = givenName(options) ?? workName(iterable)
    const close = closeOf(options)
    return iterableStream(
      name,
      iterable,
      (task) => {
        const items: unknown = refuseEffect(iterable(task))
        if (!isAsyncItems(items)) throw notItems(`${name} is to give an async iterable, and gave`, items)
        return { reader: new Source(name, items, close).open() }
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
  return itemsStream(iterable, options)
}
