/**
 * What can be read as an async iterable, and how each kind of it is read: an iterator that answers in order (a
 * generator), one that does not, a Node Readable, a web ReadableStream.
 */
import { functionName, describeValue } from "../../Loop/kernel/describe.js"
import { CancelledError, InvalidStateError } from "../../Loop/kernel/errors.js"
import { wasClosedAlready } from "../task/closedAlready.js"
import { mistake } from "../task/mistakes.js"
import { refuseEffect } from "../task/runTask.js"

/** What a Stream can be made of: an async iterable, or a bare async iterator. */
export type AsyncItems<A> = AsyncIterable<A> | AsyncIterator<A, unknown, undefined>

/** An iterator that is open. */
export interface Reader {
  /** A result, a promise or a Future of one; none of it is checked. */
  readonly next: () => unknown
  /** Ends it early. */
  readonly return: () => unknown
  /** Whether an item is there already. */
  readonly holds: (() => boolean) | undefined
  /** Ends a `next()` that waits for something that heeds no signal. */
  readonly stop: ((reason: CancelledError) => void) | undefined
  /** Calls `return()` while a `next()` waits, where that may end it; `return` then gives the same answer. */
  readonly returnEarly: (() => void) | undefined
  /** Whether `returnEarly` was called. */
  readonly returning: boolean
  /** Whether an error says nothing but that `stop` was called, where that ends a `next()` with an error of anybody's. */
  readonly answersStop?: ((error: unknown) => boolean) | undefined
}

/** Closes an iterable: the `close` of IterableOptions. */
export type CloseItems = (items: never) => unknown

const has = (u: unknown, name: PropertyKey, type: string): boolean =>
  ((typeof u === "object" && u !== null) || typeof u === "function") &&
  typeof (u as Record<PropertyKey, unknown>)[name] === type

/** The web's ReadableStream. */
interface WebStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>
    cancel(reason?: unknown): Promise<void>
    releaseLock(): void
  }
}
const isWebStream = (u: unknown): u is WebStream =>
  has(u, "getReader", "function") && has(u, "cancel", "function")

/** Node's Readable. */
interface NodeReadable extends AsyncIterable<unknown> {
  readonly readableLength: number
  readonly destroyed: boolean
  readonly closed?: boolean
  readonly errored?: Error | null
  readonly _readableState?: { readonly emitClose?: boolean }
  destroy(error?: Error): unknown
  once(event: "close", listener: () => void): unknown
}
const isNodeReadable = (u: unknown): u is NodeReadable =>
  has(u, "readableLength", "number") && has(u, "destroy", "function") && has(u, "once", "function")

/** Whether a Stream can be made of a value. A bare iterator counts, unless it is a sync one. */
export const isAsyncItems = (u: unknown): u is AsyncItems<unknown> =>
  has(u, Symbol.asyncIterator, "function") ||
  isWebStream(u) ||
  (has(u, "next", "function") && !has(u, Symbol.iterator, "function"))

/** What an iterable is called where nobody has named it. */
export const itemsName = (items: AsyncItems<unknown>): string => {
  const { [Symbol.toStringTag]: tag, constructor } = items as { [Symbol.toStringTag]?: unknown }
  if (typeof constructor === "function" && constructor !== Object) return functionName(constructor)
  return typeof tag === "string" ? tag : "async iterable"
}

/** What a `next()` has answered; throws for what is no answer. */
export const resultOf = (
  name: string,
  answer: unknown
): { readonly done?: unknown; readonly value?: unknown } => {
  if ((typeof answer === "object" && answer !== null) || typeof answer === "function") return answer
  throw new TypeError(`next() of ${name} gave ${describeValue(answer)}, which is no iterator result`)
}

/** What a Stream was made of. Much of what can be iterated can be iterated only once: that is noticed here. */
export class Source {
  #used = false

  constructor(
    readonly name: string,
    private readonly items: AsyncItems<unknown>,
    private readonly close: CloseItems | undefined
  ) {}

  /** Opens an iterator; one for every run of the Stream. */
  open(): Reader {
    const { close, items } = this
    const reader = this.#reader()
    // What closes this iterable takes it.
    return close === undefined ? reader : closedBy(() => close(items as never), reader)
  }

  #reader(): Reader {
    const { items } = this
    if (isWebStream(items)) return this.#once(() => ofWebStream(items))
    if (isNodeReadable(items)) return this.#once(() => ofNodeReadable(items))
    const iterator = this.#iterator()
    return iterator === items
      ? this.#once(() => ofIterator(iterator))
      : unlessAborted(items, ofIterator(iterator))
  }

  #iterator(): AsyncIterator<unknown, unknown, undefined> {
    const { items, name } = this
    if (!has(items, Symbol.asyncIterator, "function")) return items as AsyncIterator<unknown>
    const iterator: unknown = (items as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    if (has(iterator, "next", "function")) return iterator as AsyncIterator<unknown>
    throw new TypeError(
      `[Symbol.asyncIterator]() of ${name} gave ${describeValue(iterator)}, which is no iterator: it has no next()`
    )
  }

  #once(open: () => Reader): Reader {
    if (this.#used) {
      throw mistake(
        new InvalidStateError(
          `${this.name} has been read, and can be read only once; to run the Stream again, make it of a function that ` +
            `gives a new one: runAioGenerator(() => ...)`
        )
      )
    }
    this.#used = true
    return open()
  }
}

/**
 * The same reader, of a stream of the openai or @anthropic-ai SDK (6.49, 1.14; `core/streaming.js`): one that was aborted ends
 * as if it were complete. Its controller knows.
 */
const unlessAborted = (items: AsyncItems<unknown>, reader: Reader): Reader => {
  const { controller } = items as { readonly controller?: { readonly signal?: AbortSignal | undefined } }
  if (typeof controller !== "object" || !(controller?.signal instanceof AbortSignal)) return reader
  const { signal } = controller
  const next = async (): Promise<unknown> => {
    const result: unknown = await reader.next()
    if (signal.aborted && has(result, "done", "boolean") && (result as { readonly done: boolean }).done) {
      throw new CancelledError(signal.reason)
    }
    return result
  }
  return {
    ...reader,
    next,
    get returning() {
      return reader.returning
    }
  }
}

/**
 * The same reader, of an iterable that the program closes: while a `next()` waits, which nothing else may release, or after
 * its `return()`. Once, and that is waited for.
 */
const closedBy = (close: () => unknown, { holds, next, return: leave, stop }: Reader): Reader => {
  let closing: Promise<unknown> | undefined
  let failure: { readonly error: unknown } | undefined
  const once = (): Promise<unknown> => {
    closing ??= new Promise((resolve) => resolve(refuseEffect(close()))).catch((error: unknown) => {
      if (!wasClosedAlready(error)) failure = { error }
    })
    return closing
  }
  return {
    next,
    holds,
    stop: (reason) => {
      stop?.(reason)
      void once()
    },
    return: async () => {
      try {
        await leave()
      } finally {
        await once()
      }
      if (failure !== undefined) throw failure.error
    },
    returnEarly: undefined,
    returning: false,
    answersStop: (error) => closing !== undefined && failure?.error !== error
  }
}

/** Generators answer in order: their `return()` waits for the `next()`. Others (`events.on`) end it. */
const ofIterator = (iterator: AsyncIterator<unknown, unknown, undefined>): Reader => {
  const inOrder = Object.prototype.toString.call(iterator) === "[object AsyncGenerator]"
  let early: Promise<unknown> | undefined
  return {
    next: () => iterator.next(),
    return: () => early ?? iterator.return?.(),
    holds: undefined,
    stop: undefined,
    returnEarly: inOrder
      ? undefined
      : () => {
          early ??= new Promise((resolve) => resolve(iterator.return?.()))
          // Whoever calls `return` is told.
          early.catch(() => {})
        },
    get returning() {
      return early !== undefined
    }
  }
}

/**
 * A Readable's own iterator knows about errors and the end. It destroys the stream, but does not wait for that; and what the
 * stream, which reads ahead, has failed with before it was left is lost in it.
 */
const ofNodeReadable = (stream: NodeReadable): Reader => {
  const iterator = stream[Symbol.asyncIterator]()
  return {
    next: () => iterator.next(),
    return: async () => {
      const { errored } = stream
      await iterator.return?.()
      if (stream.destroyed && stream.closed === false && stream._readableState?.emitClose !== false) {
        await new Promise<void>((resolve) => stream.once("close", resolve))
      }
      if (errored != null) throw errored
    },
    holds: () => stream.readableLength > 0 && !stream.destroyed,
    returnEarly: undefined,
    returning: false,
    stop: (reason) => void stream.destroy(reason)
  }
}

/** Not with the ReadableStream's own iterator, which cannot be ended while a read is pending: the lock is the iterator's. */
const ofWebStream = (stream: WebStream): Reader => {
  const reader = stream.getReader()
  let cancelled: Promise<void> | undefined
  const cancel = (reason?: unknown): Promise<void> => (cancelled ??= reader.cancel(reason))
  return {
    next: () =>
      reader.read().then(
        (result) => {
          if (!result.done) return result
          reader.releaseLock()
          return cancelled === undefined ? result : cancelled.then(() => result)
        },
        (error: unknown) => {
          reader.releaseLock()
          throw error
        }
      ),
    return: () => {
      const ended = cancel()
      reader.releaseLock()
      return ended
    },
    holds: undefined,
    returnEarly: undefined,
    returning: false,
    // Whoever waits for the next() sees how it ended.
    stop: (reason) => void cancel(reason).catch(() => {})
  }
}
