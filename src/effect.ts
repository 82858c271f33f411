/**
 * The seam: every name of Effect whose name or shape differs between Effect 3 and Effect 4 is used here and nowhere
 * else. A line has one such file; the rest of the library is the same source for both. It is long because "all that differs
 * is here" is worth more than short files.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as HashSet from "effect/HashSet"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Utils from "effect/Utils"

/**
 * An Effect from a callback. `register` returns what interruption runs and waits for, uninterruptibly.
 */
export const callback: <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => Effect.Effect<void> | void
) => Effect.Effect<A, E> = Effect.async

/** A service tag: `class Loop extends Tag<Loop, EventLoop>()("key") {}`. */
export const Tag =
  <Self, Service>() =>
  <const Id extends string>(id: Id): Context.TagClass<Self, Id, Service> =>
    Context.Tag(id)<Self, Service>()

/** A Layer whose service lives in the Layer's Scope. */
export const layerScoped: <I, S, E, R>(
  tag: Context.Tag<I, S>,
  effect: Effect.Effect<S, E, R>
) => Layer.Layer<I, E, Exclude<R, Scope.Scope>> = Layer.scoped

/** Logs one message of the library at a level, with annotations; `cause` is shown below it. */
export const logAt = (
  level: "warning" | "error",
  message: string,
  annotations: Record<string, unknown>,
  cause: Cause.Cause<unknown> | undefined
): Effect.Effect<void> =>
  Effect.annotateLogs(
    (level === "error" ? Effect.logError : Effect.logWarning)(
      ...(cause === undefined ? [message] : [message, cause])
    ),
    annotations
  )

const callable: object = Object.assign(
  Object.create(Function.prototype) as object,
  Effectable.CommitPrototype,
  {
    commit(this: () => Effect.Effect<unknown, unknown, unknown>) {
      return this()
    }
  }
)
// Effect 3 takes whatever has a `channel` for a Stream, before it asks whether it is an Effect.
Object.defineProperty(callable, "channel", {
  get(this: () => Stream.Stream<unknown, unknown, unknown>) {
    return Stream.toChannel(this())
  }
})
const callableStreams: object = Object.create(callable) as object

/**
 * Makes a function an Effect too: yielding it without calling it calls it without arguments. What it returns may be a
 * Stream as well, and is first of all that where `streams` says so; then so is the function.
 */
export const callableEffect = <F extends (...args: never) => unknown>(f: F, streams = false): F =>
  Object.setPrototypeOf(f, streams ? callableStreams : callable) as F

/** An Effect that is a Stream, too: whoever runs it decides. */
export abstract class EffectAndStream<A, E, R> extends Effectable.Class<A, E, R> {
  /** Whether it is meant to be a Stream, where that is known. */
  abstract readonly streams: boolean
  /** What it is as an Effect. */
  abstract override commit(): Effect.Effect<A, E, R>
  /** What it is as a Stream. */
  abstract stream(): Stream.Stream<unknown, E, R>
  /** @internal */
  get channel() {
    return Stream.toChannel(this.stream())
  }
}

/** Whether something that is an Effect and a Stream is meant to be a Stream. */
export const prefersStream = (u: unknown): boolean =>
  u instanceof EffectAndStream
    ? u.streams
    : typeof u === "function" && Object.getPrototypeOf(u) === callableStreams

/** The prototypes of what Effect's constructors and operators make. */
const programs = new Set<unknown>([
  callable,
  callableStreams,
  ...[Effect.void, Effect.fail(0), Effect.suspend(() => Effect.void)].map((effect): unknown =>
    Object.getPrototypeOf(effect)
  )
])

/**
 * Whether a value is an Effect that does nothing until it is run, and not one of the data types that can be yielded as
 * one (Option, Either, Ref, Fiber). An Exit cannot be told from `Effect.succeed` and `Effect.fail`, and counts as them.
 */
export const isProgram = (u: unknown): boolean =>
  u instanceof EffectAndStream ||
  (((typeof u === "object" && u !== null) || typeof u === "function") &&
    programs.has(Object.getPrototypeOf(u)))

/** Starts a child fiber of the caller. */
export const forkChild: <A, E, R>(
  effect: Effect.Effect<A, E, R>
) => Effect.Effect<RunningFiber<A, E>, never, R> = Effect.fork

/** A fiber that was started, whatever its line calls the type. */
export type RunningFiber<A, E> = Fiber.RuntimeFiber<A, E>

/** Takes over what a child fiber changed in its fiber-local state. */
export const inheritAll: (fiber: RunningFiber<unknown, unknown>) => Effect.Effect<void> = Fiber.inheritAll

/** A fiber's local state: its Context, FiberRefs, span and log annotations. Immutable. */
export type FiberState = FiberRefs.FiberRefs

const currentFiberKey = "effect/FiberCurrent"

/** A fiber of this line, and the field behind `getFiberRefs()`. */
type Current = Fiber.RuntimeFiber<unknown, unknown> & { readonly _fiberRefs?: FiberState }

/** The state of the fiber whose code is on the stack, or `undefined`. */
export const currentFiberState = (): FiberState | undefined => {
  const fiber = (globalThis as { [currentFiberKey]?: Current })[currentFiberKey]
  // `getFiberRefs()` copies the whole map to write the runtime flags into it, which nobody here reads; this runs
  // whenever something is scheduled from a fiber.
  return fiber === undefined ? undefined : (fiber._fiberRefs ?? fiber.getFiberRefs())
}

/** The fiber whose code is on the stack, to tell it from others; or `undefined`. */
export const currentFiber = (): object | undefined =>
  (globalThis as { [currentFiberKey]?: Current })[currentFiberKey]

/** Calls `f`, which is no code of the fiber on the stack, so that it does not find itself in one. */
export const outsideFibers = <A>(f: () => A): A => {
  const globals = globalThis as { [currentFiberKey]?: unknown }
  const fiber = globals[currentFiberKey]
  globals[currentFiberKey] = undefined
  try {
    return f()
  } finally {
    globals[currentFiberKey] = fiber
  }
}

/** Whether a fiber's code is on the stack. */
export const inFiber = (): boolean => Option.isSome(Fiber.getCurrentFiber())

/** The caller's own state. */
export const fiberState: Effect.Effect<FiberState> = Effect.getFiberRefs

/** The Context in a fiber's state. */
export const contextOf = (state: FiberState): Context.Context<never> =>
  FiberRefs.getOrDefault(state, FiberRef.currentContext)

/** Whether somebody can see what a fiber in this state logs: that of a test writes to its span only. */
export const hasLogger = (state: FiberState): boolean =>
  HashSet.some(
    FiberRefs.getOrDefault(state, FiberRef.currentLoggers),
    (logger) => logger !== Logger.tracerLogger
  )

/**
 * `context` over `callers`, which the calling fiber has; the calling fiber's span stays, because it is the caller's work
 * that is traced.
 */
export const mergeContext = (
  callers: Context.Context<never>,
  context: Context.Context<never>
): Context.Context<never> => {
  const merged = Context.merge(callers, context)
  const span = Context.getOption(callers, Tracer.ParentSpan)
  return Option.isSome(span)
    ? Context.add(merged, Tracer.ParentSpan, span.value)
    : Context.omit(Tracer.ParentSpan)(merged as Context.Context<Tracer.ParentSpan>)
}

/** Starts a fiber with the given state and context. It is interruptible, wherever the state was captured. */
export const forkWith = <A, E>(
  effect: Effect.Effect<A, E>,
  state: FiberState,
  context: Context.Context<never>
): RunningFiber<A, E> =>
  Runtime.runFork(Runtime.make({ context, runtimeFlags: Runtime.defaultRuntimeFlags, fiberRefs: state }))(
    effect
  )

/** Runs an Effect that does not wait, in the given state. */
export const runSyncIn = <A>(effect: Effect.Effect<A>, state: FiberState): A =>
  Runtime.runSync(
    Runtime.make({
      context: contextOf(state),
      runtimeFlags: Runtime.defaultRuntimeFlags,
      fiberRefs: state
    })
  )(effect)

/** The Exit of a fiber that has ended, or `undefined`. */
export const poll = <A, E>(fiber: RunningFiber<A, E>): Exit.Exit<A, E> | undefined =>
  fiber.unsafePoll() ?? undefined

/** The name of the span that the fiber is in now, if it is in one. */
export const spanName = (fiber: RunningFiber<unknown, unknown>): string | undefined => {
  const span = Option.getOrUndefined(Context.getOption(contextOf(fiber.getFiberRefs()), Tracer.ParentSpan))
  return span?._tag === "Span" ? span.name : undefined
}

/** Calls `f` once when the fiber has ended. */
export const observe = <A, E>(fiber: RunningFiber<A, E>, f: (exit: Exit.Exit<A, E>) => void): void =>
  fiber.addObserver(f)

/** Asks a fiber to end, without waiting. */
export const interruptFork = (fiber: RunningFiber<unknown, unknown>): void =>
  fiber.unsafeInterruptAsFork(fiber.id())

/** Whether a fiber was told to end, and has not yet: a typed failure that it comes to now does not reach its Exit. */
const isTold = (fiber: RunningFiber<unknown, unknown>): boolean =>
  !Cause.isEmpty(fiber.getFiberRef(FiberRef.interruptedCause))

/** A failure on its way out of a fiber that runs a Stream for another one. */
interface OnItsWay {
  readonly fiber: RunningFiber<unknown, unknown>
  readonly cause: Cause.Cause<unknown>
  readonly dropped: () => void
}

/** Whether all that `given` says is in `cause`, too. */
const carries = (cause: Cause.Cause<unknown>, given: Cause.Cause<unknown>): boolean => {
  const there = [...failures(cause), ...defects(cause)]
  return [...failures(given), ...defects(given)].every((error) => there.includes(error))
}

/**
 * Effect 3 runs a Stream in a fiber of its own, and drops its failure where the fiber that waits for it is interrupted at
 * that moment. In either case the latter joins the FiberRefs of the former, when that has ended (`channelExecutor.ts` of
 * 3.22, `runIn`): that is where it can be seen. Without such a join nothing is said to be dropped.
 */
const onItsWay = FiberRef.unsafeMake<OnItsWay | undefined>(undefined, {
  fork: () => undefined,
  join: (parent, child) => {
    const joining = Option.getOrUndefined(Fiber.getCurrentFiber())
    const exit = child === undefined ? null : child.fiber.unsafePoll()
    if (child !== undefined && joining !== undefined && exit !== null && Exit.isFailure(exit)) {
      if (carries(exit.cause, child.cause) && isTold(joining)) child.dropped()
    }
    return parent
  }
})

/**
 * Closing a Stream: calls `dropped` when the failure `given`, which its pull has ended with, reaches nobody, because the
 * Stream is left or interrupted at about that moment; `exit` is how the Stream has ended itself.
 */
export const whenDropped = (
  given: Cause.Cause<unknown>,
  exit: Exit.Exit<unknown, unknown>,
  dropped: () => void
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const fiber = Option.getOrThrow(Fiber.getCurrentFiber())
    if (isTold(fiber) || !(Exit.isFailure(exit) && carries(exit.cause, given))) return Effect.sync(dropped)
    return FiberRef.set(onItsWay, { fiber, cause: given, dropped })
  })

/** Whether nothing but interruption is in it. */
export const isInterruptedOnly: (cause: Cause.Cause<unknown>) => boolean = Cause.isInterruptedOnly

/** Whether interruption is in it. */
export const isInterrupted: (cause: Cause.Cause<unknown>) => boolean = Cause.isInterrupted

/** The typed failures in it. */
export const failures = <E>(cause: Cause.Cause<E>): ReadonlyArray<E> =>
  Chunk.toReadonlyArray(Cause.failures(cause))

/** The defects in it. */
export const defects = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  Chunk.toReadonlyArray(Cause.defects(cause))

/** Both at once. */
export const bothCauses: <E, E2>(left: Cause.Cause<E>, right: Cause.Cause<E2>) => Cause.Cause<E | E2> =
  Cause.parallel

/** One after the other. */
export const sequentialCauses: <E, E2>(left: Cause.Cause<E>, right: Cause.Cause<E2>) => Cause.Cause<E | E2> =
  Cause.sequential

/** What is left of a Cause without the failures and defects that `drop` names. */
export const withoutErrors = <E>(
  cause: Cause.Cause<E>,
  drop: (error: unknown) => boolean
): Cause.Cause<E> => {
  const both =
    (join: (left: Cause.Cause<E>, right: Cause.Cause<E>) => Cause.Cause<E>) =>
    (left: Cause.Cause<E>, right: Cause.Cause<E>): Cause.Cause<E> =>
      Cause.isEmpty(left) ? right : Cause.isEmpty(right) ? left : join(left, right)
  return Cause.match(cause, {
    onEmpty: Cause.empty as Cause.Cause<E>,
    onFail: (error) => (drop(error) ? Cause.empty : Cause.fail(error)),
    onDie: (defect) => (drop(defect) ? Cause.empty : Cause.die(defect)),
    onInterrupt: Cause.interrupt,
    onSequential: both(Cause.sequential),
    onParallel: both(Cause.parallel)
  })
}

/** Success and failure as one value, for effects that must go on either way. */
export const handleCause: <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  f: (cause: Cause.Cause<E>) => Effect.Effect<B, E2, R2>
) => Effect.Effect<A | B, E2, R | R2> = Effect.catchAllCause

/** The same for a Stream's failure. */
export const handleStreamCause: <A, E, R, B, E2, R2>(
  stream: Stream.Stream<A, E, R>,
  f: (cause: Cause.Cause<E>) => Stream.Stream<B, E2, R2>
) => Stream.Stream<A | B, E2, R | R2> = Stream.catchAllCause

/** Whether a value is a Stream. On this line every Effect is one, too. */
export const isStream = (u: unknown): u is Stream.Stream<unknown, unknown, unknown> =>
  prefersStream(u) || (typeof u === "object" && u !== null && Stream.StreamTypeId in u)

/** How a pull fails: the stream's own failure, or its end. */
export type PullEnd<E> = Option.Option<E>

/**
 * Opens a stream and runs `use` with the Effect that gives its next items, in a Scope that is theirs. When the stream
 * has ended, so has `use`, and the whole succeeds.
 */
export const withPull = <A, E, R, R2>(
  stream: Stream.Stream<A, E, R>,
  use: (pull: Effect.Effect<ReadonlyArray<A>, PullEnd<E>, R>) => Effect.Effect<void, PullEnd<E>, R2>
): Effect.Effect<void, E, Exclude<R | R2, Scope.Scope>> =>
  Effect.scoped(
    Effect.flatMap(Stream.toPull(stream), (pull) =>
      Effect.catchAll(use(Effect.map(pull, Chunk.toReadonlyArray)), (end) =>
        Option.isSome(end) ? Effect.fail(end.value) : Effect.void
      )
    )
  )

/**
 * A Stream of what `open` gives to be pulled: items, until `undefined` ends it. The Scope of `open` is the stream's, and
 * what fails in closing it is not lost, as it would be with `Stream.unwrapScoped` when the stream is left early.
 */
export const pulled = <A, E, R, R2>(
  open: Effect.Effect<Effect.Effect<ReadonlyArray<A> | undefined, E, R2>, E, R>
): Stream.Stream<A, E, Exclude<R, Scope.Scope> | R2> =>
  Stream.fromChannel(
    Channel.flatMap(Channel.fromEffect(Scope.make()), (scope) =>
      Channel.ensuringWith(
        Channel.flatMap(Channel.fromEffect(Scope.extend(open, scope)), (pull) => {
          // Half the cost of `Stream.repeatEffectChunkOption`.
          const read: Channel.Channel<
            Chunk.Chunk<A>,
            unknown,
            E,
            unknown,
            void,
            unknown,
            R2
          > = Channel.flatMap(Channel.fromEffect(pull), (items) =>
            items === undefined
              ? Channel.void
              : Channel.flatMap(Channel.write(Chunk.unsafeFromArray(items)), () => read)
          )
          return read
        }),
        (exit) => Scope.close(scope, exit)
      )
    )
  )

/** A Stream that dies, of a mistake in the program. */
export const dyingStream = (defect: () => unknown): Stream.Stream<never> => Stream.dieSync(defect)

/** A Sink that dies, of a mistake in the program. */
export const dyingSink = (defect: () => unknown): Sink.Sink<never, unknown> => Sink.dieSync(defect)

/** A Sink that gives what comes to `write`, and runs `end` when nothing more comes. The Scope of `open` is the run's. */
export const sinkOf = <In, E, R>(
  open: Effect.Effect<
    {
      readonly write: (items: ReadonlyArray<In>) => Effect.Effect<void, E>
      readonly end: Effect.Effect<void, E>
    },
    never,
    R
  >
): Sink.Sink<void, In, never, E, Exclude<R, Scope.Scope>> =>
  Sink.unwrapScoped(
    Effect.map(open, ({ end, write }) =>
      Sink.mapEffect(
        Sink.forEachChunk((items: Chunk.Chunk<In>) => write(Chunk.toReadonlyArray(items))),
        () => end
      )
    )
  )

/** What `yield*` of an Effect hands to whoever runs the generator. */
export type YieldedEffect<E, R> = Utils.YieldWrap<Effect.Effect<unknown, E, R>>

/** The Effect that a generator has yielded, or `undefined` if it is something else. */
export const yieldedEffect = (u: unknown): Effect.Effect<unknown, unknown, unknown> | undefined => {
  const unwrapped: unknown = u instanceof Utils.YieldWrap ? Utils.yieldWrapGet(u) : u
  return Effect.isEffect(unwrapped) ? unwrapped : undefined
}

/**
 * Gives what lets an Effect run in another fiber as if in the caller's: the fibers that it forks are the caller's
 * children, and live as long as the caller.
 */
export const withGraft = <A, E, R>(
  use: (
    graft: <A2, E2, R2>(effect: Effect.Effect<A2, E2, R2>) => Effect.Effect<A2, E2, R2>
  ) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.transplant(use)

/** Takes over fiber-local state from a fiber that began with the caller's. The caller's Context stays. */
export const inheritState = (state: FiberState): Effect.Effect<void> =>
  Effect.inheritFiberRefs(FiberRefs.delete(state, FiberRef.currentContext))

/** A duration, as the line's own functions take it: milliseconds, `"5 seconds"`, a Duration. */
export type DurationInput = Duration.DurationInput

/** A duration in milliseconds; throws `RangeError` naming `what` for anything else. */
export const toMillis = (what: string, input: DurationInput): number => {
  const duration = Duration.decodeUnknown(input)
  if (Option.isNone(duration) || Number.isNaN(input)) {
    throw new RangeError(`${what} takes milliseconds or a Duration, not ${String(input)}`)
  }
  return Duration.toMillis(duration.value)
}

/** The Effect Clock that a loop was opened under, as plain functions. Milliseconds. */
export interface LoopClock {
  /** Whether it is the live clock: then the host may use its own timers. */
  readonly live: boolean
  now(): number
  /** Calls `f` after `delay`; the result takes it back. */
  after(delay: number, f: () => void): () => void
}

const liveClock = Context.get(DefaultServices.liveServices, Clock.Clock)

/** The Clock of the caller. */
export const loopClock: Effect.Effect<LoopClock> = Effect.map(Effect.clock, (clock) => ({
  live: clock === liveClock,
  now: () => Number(clock.unsafeCurrentTimeNanos()) / 1e6,
  after(delay, f) {
    const fiber = Effect.runFork(clock.sleep(Duration.millis(delay)))
    let wanted = true
    fiber.addObserver(() => {
      if (wanted) f()
    })
    return () => {
      wanted = false
      fiber.unsafeInterruptAsFork(fiber.id())
    }
  }
}))
