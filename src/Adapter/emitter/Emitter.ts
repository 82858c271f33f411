/** What `fromEmitter` listens to, how it does so with each kind of emitter, and its options, checked. */
import * as Effect from "effect/Effect"
import { checkSignal } from "../../Loop/fiber/Fibers.js"
import { describeValue } from "../../Loop/kernel/describe.js"
import type { AioError } from "../../Loop/errors.js"
import { aioError } from "../../Loop/fiber/Outcome.js"
import { checkFunctionOptions, givenName } from "../task/options.js"

/**
 * What has events as Node's EventEmitter does: `on` and `off`, or `addListener` and `removeListener`.
 *
 * @category models
 * @since 0.1.0
 */
export type EmitterLike =
  | { on(event: string, listener: () => void): unknown; off(event: string, listener: () => void): unknown }
  | {
      addListener(event: string, listener: () => void): unknown
      removeListener(event: string, listener: () => void): unknown
    }

/**
 * What has events as the web's EventTarget does.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventTargetLike<Event> {
  addEventListener(event: string, listener: (event: Event) => void): unknown
  removeEventListener(event: string, listener: (event: Event) => void): unknown
}

/**
 * Which events make the Stream, what ends it, and how many may wait in it.
 *
 * @category models
 * @since 0.1.0
 */
export interface FromEmitterOptions<E = AioError, E2 = never, R2 = never> {
  /** The event whose occurrences are the items. */
  readonly event: string | symbol
  /** The event that fails the Stream with its first argument; `null` for none. Default: `"error"` for emitters. */
  readonly error?: string | symbol | null | undefined
  /** The events that end the Stream, after the items that came before. Default: none, it goes on for ever. */
  readonly end?: string | symbol | ReadonlyArray<string | symbol> | undefined
  /**
   * Ends the Stream, after the items that came before: an AbortSignal when it aborts, an Effect when it succeeds. One that
   * fails fails the Stream. It runs as long as the Stream does, and is interrupted with it.
   */
  readonly until?: AbortSignal | Effect.Effect<unknown, E2, R2> | undefined
  readonly buffer?: EmitterBuffer | undefined
  /**
   * Backpressure, where the emitter has some: `pause` is called when `highWaterMark` items wait, and `resume` when they were
   * taken; and when a Stream is left that has paused its emitter. Both are aio code. What they throw ends the Stream as an
   * error event does.
   */
  readonly pause?: (() => unknown) | undefined
  /** The other half of `pause`: both, or neither. */
  readonly resume?: (() => unknown) | undefined
  /** Maps the error event's argument, and what `map` threw. */
  readonly catch?: ((error: unknown) => E) | undefined
  /** For reports. Default: the emitter and the event. */
  readonly name?: string | undefined
  /** Fails the Stream with CancelledError when it aborts. */
  readonly signal?: AbortSignal | undefined
}

/**
 * What happens to the events that the Stream's consumer has no time for.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmitterBuffer {
  /** How many items may wait. Default 1024. */
  readonly capacity?: number | undefined
  /** How many items may wait before the emitter is paused, where it can be. Default: half of `capacity`, at most 512. */
  readonly highWaterMark?: number | undefined
  /** `"fail"` (the default) ends the Stream with BufferOverflowError, after the items that wait. */
  readonly overflow?: "fail" | "dropNewest" | "dropOldest" | undefined
  /** Called for every item that is dropped, with how many there were and the item. */
  readonly onDrop?: ((dropped: number, item: unknown) => void) | undefined
}

/** {@link FromEmitterOptions}, checked for one kind of emitter, with what was left out filled in. */
export interface EmitterSettings {
  readonly name: string
  readonly events: ReadonlyArray<readonly [event: string | symbol, kind: "item" | "error" | "end"]>
  readonly map: (...args: Array<unknown>) => unknown
  readonly mapError: (error: unknown) => unknown
  readonly capacity: number
  readonly overflow: "fail" | "dropNewest" | "dropOldest"
  readonly onDrop: ((dropped: number, item: unknown) => void) | undefined
  readonly signal: AbortSignal | undefined
  readonly until: AbortSignal | Effect.Effect<unknown, unknown, unknown> | undefined
  readonly flow: Flow | undefined
  /** What a listener stays behind for, which would throw otherwise: see lateErrors.ts. */
  readonly guarded: object | undefined
}

/** How the emitter is paused and resumed, and at how many waiting items. */
export interface Flow {
  readonly highWaterMark: number
  readonly pause: () => unknown
  readonly resume: () => unknown
}

/** What is called for an event, with its arguments. */
export type EmitterListener = (...args: Array<unknown>) => void
/** A method of an emitter that takes a listener on, or takes it away. */
type ListenerMethod = (event: string | symbol, listener: EmitterListener) => unknown

/** How to listen to one emitter, and how to stop it. */
export interface Emitter {
  readonly add: ListenerMethod
  readonly remove: ListenerMethod
  /** Whether it is an EventTarget: its events are strings, and no `"error"` is expected. */
  readonly isTarget: boolean
}

/** The methods that take listeners, in the order in which they are looked for. */
const pairs = [
  ["on", "off"],
  ["addListener", "removeListener"],
  ["addEventListener", "removeEventListener"]
] as const

/** How to listen to `emitter`. Throws `TypeError` for what has no such methods. */
export const emitterOf = (emitter: unknown): Emitter => {
  if ((typeof emitter === "object" && emitter !== null) || typeof emitter === "function") {
    const methods = emitter as Record<string, unknown>
    for (const [add, remove] of pairs) {
      if (typeof methods[add] !== "function" || typeof methods[remove] !== "function") continue
      return {
        add: (event, listener) => (methods[add] as ListenerMethod)(event, listener),
        remove: (event, listener) => (methods[remove] as ListenerMethod)(event, listener),
        isTarget: add === "addEventListener"
      }
    }
  }
  throw new TypeError(
    `fromEmitter takes an emitter (on and off, or addListener and removeListener) or an EventTarget, not ${describeValue(emitter)}`
  )
}

const isEvent = (u: unknown): u is string | symbol => typeof u === "string" || typeof u === "symbol"

/** The backpressure of a call. Throws for what it cannot be. */
const flowOf = (
  capacity: number,
  { buffer: { highWaterMark } = {}, pause, resume }: FromEmitterOptions<unknown, unknown, unknown>
): Flow | undefined => {
  checkFunctionOptions("fromEmitter", { pause, resume })
  if (
    highWaterMark !== undefined &&
    (!Number.isInteger(highWaterMark) || highWaterMark < 1 || highWaterMark > capacity)
  ) {
    throw new RangeError(
      `highWaterMark is a whole number of items from 1 to the capacity, not ${describeValue(highWaterMark)}`
    )
  }
  if ((pause === undefined) !== (resume === undefined)) {
    throw new TypeError(
      "fromEmitter takes pause and resume, or neither: what is paused for good ends nothing"
    )
  }
  if (pause === undefined || resume === undefined) return undefined
  return {
    highWaterMark: highWaterMark ?? Math.max(1, Math.min(512, Math.floor(capacity / 2))),
    pause,
    resume
  }
}

/** Throws `TypeError` for what ends no Stream. */
const checkUntil = (until: unknown): void => {
  if (until === undefined || until instanceof AbortSignal || Effect.isEffect(until)) return
  throw new TypeError(`fromEmitter's until is an AbortSignal or an Effect, not ${describeValue(until)}`)
}

/** The settings for `emitter`. Throws `TypeError` or `RangeError` for an option that cannot be. */
export const emitterSettings = (
  emitter: unknown,
  { isTarget }: Emitter,
  options: FromEmitterOptions<unknown, unknown, unknown> & { readonly map?: unknown }
): EmitterSettings => {
  const { buffer = {}, end = [], event, map, onDrop } = { ...options, onDrop: options?.buffer?.onDrop }
  if (!isEvent(event)) {
    throw new TypeError(`fromEmitter takes { event }, a string or symbol, not ${describeValue(event)}`)
  }
  const ends: ReadonlyArray<unknown> = Array.isArray(end) ? end : [end]
  // Who asks for the errors as items does not want to fail with them.
  const standard = isTarget || event === "error" ? null : "error"
  const error = options.error === undefined ? standard : options.error
  const names = [event, ...(error === null ? [] : [error]), ...ends]
  for (const name of names) {
    if (!isEvent(name) || (isTarget && typeof name === "symbol")) {
      throw new TypeError(
        `an event of ${isTarget ? "an EventTarget is a string" : "an emitter is a string or symbol"}, not ${describeValue(name)}`
      )
    }
    if (names.indexOf(name) !== names.lastIndexOf(name)) {
      throw new TypeError(
        `fromEmitter was given ${describeValue(name)} twice: an event is an item, the error or the end`
      )
    }
  }
  checkFunctionOptions("fromEmitter", { map, catch: options.catch, onDrop })
  const { capacity = 1024, overflow = "fail" } = buffer
  if (capacity !== Infinity && (!Number.isInteger(capacity) || capacity < 1)) {
    throw new RangeError(`capacity is a whole number of items from 1 on, not ${describeValue(capacity)}`)
  }
  if (overflow !== "fail" && overflow !== "dropNewest" && overflow !== "dropOldest") {
    throw new RangeError(`overflow is "fail", "dropNewest" or "dropOldest", not ${describeValue(overflow)}`)
  }
  checkSignal("fromEmitter", options.signal)
  checkUntil(options.until)
  const name = givenName(options) ?? `${describeValue(emitter)} ${String(event)}`
  return {
    name,
    events: [
      [event, "item"],
      ...(error === null ? [] : [[error, "error"] as const]),
      ...(ends as ReadonlyArray<string | symbol>).map((at) => [at, "end"] as const)
    ],
    map: (map as EmitterSettings["map"] | undefined) ?? ((first) => first),
    mapError: options.catch ?? aioError(() => name),
    capacity,
    overflow,
    onDrop,
    signal: options.signal,
    until: options.until,
    flow: flowOf(capacity, options),
    guarded: error === "error" && !isTarget ? (emitter as object) : undefined
  }
}
