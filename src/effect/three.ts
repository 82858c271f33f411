/** Effect 3: what the library uses of it that Effect 4 does not have, or has under another name or shape. */
import * as All from "effect"
import type * as Cause from "effect/Cause"
import type * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as FiberId from "effect/FiberId"
import type * as RuntimeFlags from "effect/RuntimeFlags"
import type * as Scheduler from "effect/Scheduler"
import type * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { Context } from "effect/Context"
import type {
  Both,
  Control,
  FiberState,
  OpenScope,
  PullEnded,
  RunningFiber,
  Seam,
  ServiceKey
} from "./Seam.js"
import { threeWait } from "./threeWait.js"

/** A fiber of this line, the fields behind `getFiberRefs()` and `children`, its flags as they are now, and what it joins. */
type Current = Fiber.RuntimeFiber<unknown, unknown> & {
  readonly _fiberRefs?: FiberState
  readonly currentRuntimeFlags: RuntimeFlags.RuntimeFlags
  readonly _children?: ReadonlySet<object> | null
  readonly _asyncBlockingOn?: FiberId.FiberId | null
}

/** What the type of a Scope does not tell of. */
interface ScopeImplementation {
  readonly state?: { readonly _tag: "Open" | "Closed" }
}

/** A failure on its way out of a fiber that runs a Stream for another one. */
interface OnItsWay {
  readonly fiber: RunningFiber<unknown, unknown>
  readonly cause: Cause.Cause<unknown>
  readonly dropped: () => void
}

const currentFiberKey = "effect/FiberCurrent"

/** The seam on this line. Nothing is touched before: on the other one half of these modules are not there. */
export const three = (): Seam => {
  const { Cause, Channel, Chunk, Context, Duration, Effect, Effectable, Either } = All
  const { Exit, Fiber, FiberId, FiberRef, FiberRefs, HashSet, Layer, Logger, Metric, MetricBoundaries } = All
  const { MetricLabel, Option, Runtime, RuntimeFlags, Scope, Sink, Stream, Tracer, Utils } = All

  // ---- effects that are more than that ----

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

  abstract class BothBase<A, E, R> extends Effectable.Class<A, E, R> {
    get channel() {
      return Stream.toChannel((this as unknown as Both<A, E, R>).stream())
    }
  }
  const isBoth = (u: unknown): u is Both<unknown, unknown, unknown> => u instanceof BothBase

  const prefersStream: Seam["prefersStream"] = (u) =>
    isBoth(u) ? u.streams : typeof u === "function" && Object.getPrototypeOf(u) === callableStreams

  /** The prototypes of what Effect's constructors and operators make. */
  const programs = new Set<unknown>([
    callable,
    callableStreams,
    ...[Effect.void, Effect.fail(0), Effect.suspend(() => Effect.void)].map((effect): unknown =>
      Object.getPrototypeOf(effect)
    )
  ])

  // ---- fibers seen from plain code ----

  const globals = globalThis as { [currentFiberKey]?: Current | undefined }

  const contextOf: Seam["contextOf"] = (state) => FiberRefs.getOrDefault(state, FiberRef.currentContext)

  const spanOf = (context: Context<never>): string | undefined => {
    const span = Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
    return span?._tag === "Span" ? span.name : undefined
  }

  // ---- causes ----

  const failures: Seam["failures"] = (cause) => Chunk.toReadonlyArray(Cause.failures(cause))
  const defects: Seam["defects"] = (cause) => Chunk.toReadonlyArray(Cause.defects(cause))

  // ---- a failure that a Stream drops ----

  /** Whether a fiber was told to end, and has not yet: a typed failure that it comes to now does not reach its Exit. */
  const isTold = (fiber: RunningFiber<unknown, unknown>): boolean =>
    !Cause.isEmpty(fiber.getFiberRef(FiberRef.interruptedCause))

  /** Whether the Scope in a Context has begun to close: whoever has that Context now is one of its finalizers. */
  const isClosing = (context: Context<never>): boolean => {
    const scope = Option.getOrUndefined(Context.getOption(context, Scope.Scope))
    return (scope as ScopeImplementation | undefined)?.state?._tag === "Closed"
  }

  /** Whether all that `given` says is in `cause`, too. */
  const carries = (cause: Cause.Cause<unknown>, given: Cause.Cause<unknown>): boolean => {
    const there = [...failures(cause), ...defects(cause)]
    return [...failures(given), ...defects(given)].every((error) => there.includes(error))
  }

  /**
   * Effect 3 runs a Stream in a fiber of its own, and drops its failure where the fiber that waits for it is interrupted
   * at that moment. In either case the latter joins the FiberRefs of the former, when that has ended
   * (`channelExecutor.ts` of 3.22, `runIn`): that is where it can be seen. Without such a join nothing is said to be
   * dropped.
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

  // ---- Scopes made outside of fibers ----

  const firstScope = Effect.runSync(Scope.make())
  type ScopeState = { _tag: "Open"; finalizers: Map<unknown, unknown> } | { _tag: "Closed"; exit: unknown }
  /**
   * What `Scope.make` makes (`scopeUnsafeMake` of `fiberRuntime.ts` of 3.22), which has no form without a fiber. Its state is made
   * when it is first asked for: most are never used.
   */
  class LikeFirst {
    #state: ScopeState | undefined
    constructor(readonly strategy: unknown) {}

    get state(): ScopeState {
      return (this.#state ??= { _tag: "Open", finalizers: new Map() })
    }

    set state(state: ScopeState) {
      this.#state = state
    }

    /** Closes it where nothing is registered with it; whether that was so. */
    static closeUnused(scope: LikeFirst, exit: unknown): boolean {
      if (scope.#state?._tag === "Open" && scope.#state.finalizers.size > 0) return false
      if (scope.#state?._tag !== "Closed") scope.#state = { _tag: "Closed", exit }
      return true
    }
  }
  Object.setPrototypeOf(LikeFirst.prototype, Object.getPrototypeOf(firstScope) as object)

  const pullEnded: PullEnded = { _tag: "PullEnded" }
  const ended = Effect.fail(pullEnded)
  const isPullEnded = (end: unknown): end is PullEnded => end === pullEnded

  // The clock of the default services is the live one.
  const liveClock = Effect.runSync(Effect.clock)

  /** A console of Node's as the service. */
  const consoleOf = (unsafe: Console): All.Console.Console => {
    const as =
      <Args extends Array<unknown>>(method: (this: Console, ...args: Args) => void) =>
      (...args: Args): Effect.Effect<void> =>
        Effect.sync(() => method.apply(unsafe, args))
    return {
      [All.Console.TypeId]: All.Console.TypeId,
      assert: as(unsafe.assert),
      clear: as(unsafe.clear)(),
      count: as(unsafe.count),
      countReset: as(unsafe.countReset),
      debug: as(unsafe.debug),
      dir: as(unsafe.dir),
      dirxml: as(unsafe.dirxml),
      error: as(unsafe.error),
      group: ({ collapsed, label } = {}) =>
        as(collapsed === true ? unsafe.groupCollapsed : unsafe.group)(label),
      groupEnd: as(unsafe.groupEnd)(),
      info: as(unsafe.info),
      log: as(unsafe.log),
      table: (data, properties) =>
        as(unsafe.table)(data, properties === undefined ? undefined : [...properties]),
      time: as(unsafe.time),
      timeEnd: as(unsafe.timeEnd),
      timeLog: as(unsafe.timeLog),
      trace: as(unsafe.trace),
      warn: as(unsafe.warn),
      unsafe
    }
  }

  const logs = { info: Effect.logInfo, warning: Effect.logWarning, error: Effect.logError }

  return {
    callback: Effect.async,

    Tag: () => (id) => Context.Tag(id)(),

    layerScoped: Layer.scoped,

    layerContext: Layer.scopedContext,

    layerClock: (clock) => Layer.unwrapScoped(Effect.map(clock, Layer.setClock)),

    layerUnwrap: Layer.unwrapEffect,

    prettyLogs: (effect) =>
      Effect.flatMap(FiberRef.get(FiberRef.currentLoggers), (loggers) =>
        HashSet.has(loggers, Logger.defaultLogger)
          ? Effect.locally(
              effect,
              FiberRef.currentLoggers,
              HashSet.add(HashSet.remove(loggers, Logger.defaultLogger), Logger.prettyLoggerDefault)
            )
          : effect
      ),

    withOutput: (effect, console) =>
      effect.pipe(
        Effect.locally(FiberRef.currentLoggers, HashSet.make(Logger.defaultLogger, Logger.tracerLogger)),
        Effect.withConsole(consoleOf(console))
      ),

    logAt: (level, message, annotations, cause) =>
      Effect.annotateLogs(logs[level](...(cause === undefined ? [message] : [message, cause])), annotations),

    callableEffect: (f, streams = false) =>
      Object.setPrototypeOf(f, streams ? callableStreams : callable) as typeof f,

    BothBase,

    prefersStream,

    isProgram: (u) =>
      isBoth(u) ||
      (((typeof u === "object" && u !== null) || typeof u === "function") &&
        programs.has(Object.getPrototypeOf(u))),

    forkChild: Effect.fork,

    forkScoped: Effect.forkScoped,

    inheritAll: Fiber.inheritAll,

    currentFiberState: () => {
      const fiber = globals[currentFiberKey]
      // `getFiberRefs()` copies the whole map to write the runtime flags into it, which nobody here reads; this runs
      // whenever something is scheduled from a fiber.
      return fiber === undefined ? undefined : (fiber._fiberRefs ?? fiber.getFiberRefs())
    },

    currentFiber: () => globals[currentFiberKey],

    wasTold: (fiber) => isTold(fiber as Current),

    hasEnded: (fiber) => (fiber as Current).unsafePoll() !== null,

    heldFor: () => {
      const fiber = globals[currentFiberKey]
      if (fiber === undefined || RuntimeFlags.interruptible(fiber.currentRuntimeFlags)) return "nothing"
      if (isTold(fiber)) return "told"
      return isClosing(contextOf(fiber.getFiberRefs())) ? "closing" : "work"
    },

    serviceHere: <I, S>(tag: ServiceKey<I, S>) =>
      globals[currentFiberKey]?.currentContext.unsafeMap.get(tag.key) as S | undefined,

    waitFor: threeWait(() => globals[currentFiberKey]),

    outsideFibers: <X, A>(f: (x?: X) => A, x?: X): A => {
      const fiber = globals[currentFiberKey]
      globals[currentFiberKey] = undefined
      try {
        return f(x)
      } finally {
        globals[currentFiberKey] = fiber
      }
    },

    inFiber: () => Option.isSome(Fiber.getCurrentFiber()),

    // It takes on whatever state it is resumed under.
    restoresAsyncContext: false,

    fiberState: Effect.getFiberRefs,

    contextOf,

    hasLogger: (state) =>
      HashSet.some(
        FiberRefs.getOrDefault(state, FiberRef.currentLoggers),
        (logger) => logger !== Logger.tracerLogger
      ),

    mergeContext: (callers, context) => {
      const merged = Context.merge(callers, context)
      const span = Context.getOption(callers, Tracer.ParentSpan)
      return Option.isSome(span)
        ? Context.add(merged, Tracer.ParentSpan, span.value)
        : Context.omit(Tracer.ParentSpan)(merged as Context<Tracer.ParentSpan>)
    },

    withServices: (context, services) => {
      const all = new Map(context.unsafeMap)
      for (const [key, service] of services) all.set(key, service)
      return Context.unsafeMake(all)
    },

    openScope: () => new LikeFirst(firstScope.strategy) as unknown as OpenScope,

    closeOf: (scope, exit) =>
      LikeFirst.closeUnused(scope as unknown as LikeFirst, exit) ? undefined : Scope.close(scope, exit),

    forksIn: (state, context) => {
      const runtime = Runtime.make({
        context,
        runtimeFlags: Runtime.defaultRuntimeFlags,
        fiberRefs: state
      })
      return (effect) => Runtime.runFork(runtime, effect)
    },

    runSyncIn: (effect, state) =>
      Runtime.runSync(
        Runtime.make({
          context: contextOf(state),
          runtimeFlags: Runtime.defaultRuntimeFlags,
          fiberRefs: state
        })
      )(effect),

    poll: (fiber) => fiber.unsafePoll() ?? undefined,

    spanName: (fiber) => spanOf(contextOf(fiber.getFiberRefs())),

    lookAt: (given) => {
      if (!Fiber.isFiber(given) || !Fiber.isRuntimeFiber(given)) return undefined
      const fiber = given as Current
      const name = (id: FiberId.FiberId): ReadonlyArray<string> =>
        [...FiberId.ids(id)].map((number) => `#${number}`)
      const context = contextOf(fiber.getFiberRefs())
      const blockedOn = fiber._asyncBlockingOn
      return {
        fiber,
        id: `#${fiber.id().id}`,
        startedAt: fiber.id().startTimeMillis,
        ended: fiber.unsafePoll() !== null,
        told: isTold(fiber),
        span: spanOf(context),
        annotations: [...fiber.getFiberRef(FiberRef.currentLogAnnotations)],
        children: [...(fiber._children ?? [])],
        joins: blockedOn === undefined || blockedOn === null ? [] : name(blockedOn),
        services: context.unsafeMap
      }
    },

    rootFibers: () => [...Effect.runSync(Fiber.roots)],

    observe: (fiber, f) => fiber.addObserver(f),

    interruptFork: (fiber) => fiber.unsafeInterruptAsFork(fiber.id()),

    unlessTold: <A, E, R, A2, E2, R2>(
      effect: Effect.Effect<A, E, R>,
      told: () => Effect.Effect<A2, E2, R2>
    ): Effect.Effect<A | A2, E | E2, R | R2> =>
      Effect.withFiberRuntime<A | A2, E | E2, R | R2>((fiber) => (isTold(fiber) ? told() : effect)),

    keepsInterruptions: FiberRef.update(FiberRef.interruptedCause, (cause) => cause),

    whenDropped: (given, exit, dropped) =>
      Effect.suspend(() => {
        const fiber = Option.getOrThrow(Fiber.getCurrentFiber())
        if (isTold(fiber) || !(Exit.isFailure(exit) && carries(exit.cause, given)))
          return Effect.sync(dropped)
        return FiberRef.set(onItsWay, { fiber, cause: given, dropped })
      }),

    defectsHideFailures: false,

    isInterruptedOnly: Cause.isInterruptedOnly,

    isInterrupted: Cause.isInterrupted,

    failures,

    defects,

    bothCauses: Cause.parallel,

    sequentialCauses: Cause.sequential,

    withoutErrors: <E>(cause: Cause.Cause<E>, drop: (error: unknown) => boolean): Cause.Cause<E> => {
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
    },

    errorExitCode: () => 1,

    errorReported: () => true,

    handleCause: Effect.catchAllCause,

    handleStreamCause: Stream.catchAllCause,

    // On this line every Effect is a Stream, too.
    isStream: (u): u is Stream.Stream<unknown, unknown, unknown> =>
      prefersStream(u) || (typeof u === "object" && u !== null && Stream.StreamTypeId in u),

    // `Stream.toPull` gives the same in three operations more for each pull.
    withPull: (stream, use) =>
      Effect.scoped(
        Effect.flatMap(Channel.toPull(Stream.toChannel(stream)), (pull) =>
          Effect.catchAll(
            use(
              Effect.flatMap(pull, (given) =>
                Either.isRight(given) ? Effect.succeed(Chunk.toReadonlyArray(given.right)) : ended
              )
            ),
            (end) => (isPullEnded(end) ? Effect.void : Effect.fail(end))
          )
        )
      ),

    // What fails in closing would be lost with `Stream.unwrapScoped`, when the stream is left early.
    pulled: <A, E, R, R2>(open: Effect.Effect<Effect.Effect<ReadonlyArray<A> | undefined, E, R2>, E, R>) =>
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
      ),

    dyingStream: Stream.dieSync,

    dyingSink: Sink.dieSync,

    sinkOf: (open) =>
      Sink.unwrapScoped(
        Effect.map(open, ({ end, write }) =>
          Sink.mapEffect(
            Sink.forEachChunk((items) => write(Chunk.toReadonlyArray(items))),
            () => end
          )
        )
      ),

    yieldedEffect: (u) => {
      const unwrapped: unknown = u instanceof Utils.YieldWrap ? Utils.yieldWrapGet(u) : u
      return Effect.isEffect(unwrapped) ? unwrapped : undefined
    },

    withGraft: Effect.transplant,

    inheritState: (state) => Effect.inheritFiberRefs(FiberRefs.delete(state, FiberRef.currentContext)),

    seriesIn: (state, { boundaries, description, kind, labels, name }) => {
      // One array for all updates: the registry knows it again.
      const tags = [
        ...Object.entries(labels).map(([key, value]) => MetricLabel.make(key, value)),
        ...FiberRefs.getOrDefault(state, FiberRef.currentMetricLabels)
      ]
      const metric =
        kind === "gauge"
          ? Metric.gauge(name, { description })
          : kind === "counter"
            ? Metric.counter(name, { description, incremental: true })
            : Metric.histogram(name, MetricBoundaries.fromIterable(boundaries ?? []), description)
      return {
        set: (value) => metric.unsafeUpdate(value, tags),
        add: (value) => metric.unsafeModify(value, tags),
        observe: (value) => metric.unsafeUpdate(value, tags)
      }
    },

    toMillis: (what, input) => {
      const duration = Duration.decodeUnknown(input)
      if (Option.isNone(duration) || Number.isNaN(input)) {
        throw new RangeError(`${what} takes milliseconds or a Duration, not ${String(input)}`)
      }
      return Duration.toMillis(duration.value)
    },

    loopClock: Effect.map(Effect.clock, (clock) => ({
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
    })),

    controlled: <A, E, R>(effect: Effect.Effect<A, E, R>, control: Control): Effect.Effect<A, E, R> => {
      const nanos = (): bigint => BigInt(Math.round(control.now() * 1e6))
      const millis = (): number => Math.floor(control.now())
      const clock: Clock.Clock = {
        [All.Clock.ClockTypeId]: All.Clock.ClockTypeId,
        unsafeCurrentTimeMillis: millis,
        unsafeCurrentTimeNanos: nanos,
        currentTimeMillis: Effect.sync(millis),
        currentTimeNanos: Effect.sync(nanos),
        sleep: (duration) =>
          Effect.async<void>((resume) =>
            Effect.sync(control.after(Duration.toMillis(duration), () => resume(Effect.void)))
          )
      }
      const scheduler: Scheduler.Scheduler = {
        shouldYield: (fiber) => All.Scheduler.defaultScheduler.shouldYield(fiber),
        scheduleTask: (task) => control.turn(task)
      }
      return Effect.withScheduler(Effect.withClock(effect, clock), scheduler)
    }
  }
}
