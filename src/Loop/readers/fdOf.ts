/** What may be watched: file descriptors, objects that have one, and Node's streams. */
import { describeValue } from "../kernel/describe.js"

/** A side of a stream, as far as it is used. Node's own streams have all of it, and so have those of readable-stream. */
export interface NodeStream {
  on(event: string, listener: () => void): unknown
  removeListener(event: string, listener: () => void): unknown
  listenerCount?(event: string): number
  read?(): unknown
  write?(chunk: never): unknown
  pause?(): unknown
  resume?(): unknown
  isPaused?(): boolean
  readonly readableLength?: number
  readonly readableEnded?: boolean
  readonly readableFlowing?: boolean | null
  readonly writableNeedDrain?: boolean
  readonly destroyed?: boolean
  readonly errored?: unknown
}

/**
 * What a reader or writer may be added for: a file descriptor, an object that has one (`fileno()` or `fd`), or a stream
 * of Node, which is watched as a stream, not by its descriptor.
 *
 * @category models
 * @since 0.1.0
 */
export type Watchable =
  number | { fileno(): number } | { readonly fd: number } | NodeJS.ReadableStream | NodeJS.WritableStream

/** The side of a target that is waited for. */
export type Side = "reader" | "writer"

/** An error with a code of Node's, for what is not a descriptor. */
const withCode = <E extends Error>(error: E, code: string): E => Object.assign(error, { code })

const checkedFd = (what: string, fd: unknown, of: string): number => {
  if (typeof fd === "number" && Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff) return fd
  throw withCode(
    new RangeError(`${what} takes a file descriptor from 0 to 2147483647, not ${describeValue(fd)}${of}`),
    "ERR_INVALID_FD"
  )
}

const field = (object: object, key: string): unknown =>
  key in object ? (object as Readonly<Record<string, unknown>>)[key] : undefined

const isFunction = (object: object, key: string): boolean => typeof field(object, key) === "function"

const isFileLike = (object: object): object is { fileno(): unknown } => isFunction(object, "fileno")

/** Whether an object is a stream with this side. What a FileHandle has, too, does not make one. */
const isStreamFor = (object: object, side: Side): boolean =>
  isFunction(object, "on") &&
  (side === "reader"
    ? isFunction(object, "read") && isFunction(object, "pipe")
    : isFunction(object, "write") && isFunction(object, "end"))

/** The number that Node itself polls for this object, where there is one. */
const handleFd = (object: object): number | undefined => {
  const handle = field(object, "_handle")
  const fd = typeof handle === "object" && handle !== null ? field(handle, "fd") : undefined
  return typeof fd === "number" && fd >= 0 ? fd : undefined
}

/** The descriptor behind an object, if it has one now. */
export const descriptorIn = (object: object): number | undefined => {
  if (isFileLike(object)) {
    try {
      const fd = object.fileno()
      return typeof fd === "number" ? fd : undefined
    } catch {
      // So a closed file says that it has none.
      return undefined
    }
  }
  const handle = handleFd(object)
  const fd = field(object, "fd")
  return handle ?? (typeof fd === "number" && fd >= 0 ? fd : undefined)
}

const wrong = (what: string, target: unknown, why: string): TypeError =>
  withCode(
    new TypeError(
      `${what} takes a file descriptor, a stream of Node, or an object with fileno() or fd, not ` +
        `${describeValue(target)}${why}`
    ),
    "ERR_INVALID_FD_TYPE"
  )

/** Throws `TypeError` or `RangeError` for what cannot be watched, as far as that shows without looking into an object. */
export const checkWatchable = (what: string, target: unknown): void => {
  if (typeof target === "number") checkedFd(what, target, "")
  else if ((typeof target !== "object" && typeof target !== "function") || target === null) {
    throw wrong(what, target, "")
  }
}

/**
 * The descriptor or stream that `what(target)` watches. Throws `TypeError` for what has no descriptor, `RangeError` for
 * what is none.
 */
export const watchedIn = (what: string, target: unknown, side: Side): number | NodeStream => {
  if (typeof target === "number") return checkedFd(what, target, "")
  checkWatchable(what, target)
  const object = target as object
  if (isFileLike(object)) return checkedFd(what, object.fileno(), ", as fileno() says")
  if (isStreamFor(object, side)) return object as NodeStream
  const fd = field(object, "fd")
  if (typeof fd === "number") return checkedFd(what, fd, ", as its fd says")
  const handle = handleFd(object)
  if (handle !== undefined) return handle
  if (isFunction(object, "getReader") || isFunction(object, "getWriter")) {
    throw wrong(what, target, `; make a stream of Node of it with Readable.fromWeb or Writable.fromWeb`)
  }
  throw wrong(what, target, ", which has none")
}

/** The descriptor behind what is to be closed. A stream need not have one. Throws as `watchedIn` does. */
export const closableIn = (what: string, target: unknown): number | undefined => {
  checkWatchable(what, target)
  if (typeof target === "object" && target !== null && !isFileLike(target)) {
    if (isStreamFor(target, "reader") || isStreamFor(target, "writer")) return descriptorIn(target)
  }
  return watchedIn(what, target, "reader") as number
}

/** What a person calls what is watched or marked: a descriptor by its number, an object by its class. */
export const targetName = (target: number | object): string =>
  typeof target === "number" ? `fd ${target}` : describeValue(target)
