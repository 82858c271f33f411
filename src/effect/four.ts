/**
 * Effect 4: what the library uses of it that Effect 3 does not have, or has under another name or shape. The library is
 * compiled beside Effect 3; the types of line 4 are those of the package `effect4`, which is its name in this project alone.
 */
import * as Installed from "effect"
import type * as Effect4 from "effect4"
import type * as Cause from "effect4/Cause"
import type * as Clock from "effect4/Clock"
import type * as Context from "effect4/Context"
import type * as Duration from "effect4/Duration"
import type * as Effect from "effect4/Effect"
import type * as Exit from "effect4/Exit"
import type * as Fiber from "effect4/Fiber"
import type * as Pull from "effect4/Pull"
import type * as Scheduler from "effect4/Scheduler"
import type * as Scope from "effect4/Scope"
import type * as Stream from "effect4/Stream"
import type { Control, LogLevel, OfLine, Seam, Series, SeriesOf } from "./Seam.js"

/** The modules of this line, which are what is installed where `four` is called. */
type All = typeof Effect4

/** `FiberWait` of `Wait.ts` on this line. */
interface FiberWait<A, E> {
  begin(): boolean
  wait(resume: () => void): void
  readonly failed: boolean
  readonly owned: boolean
  outcome(): Exit.Exit<A, E>
  interrupted(): Effect.Effect<void>
}

/** An Effect that is a Stream, too, as `EffectAndStream` declares it. */
interface Both {
  readonly streams: boolean
  commit(): Effect.Effect<unknown, unknown, unknown>
  stream(): Stream.Stream<unknown, unknown, unknown>
}

/** A fiber, and what its type does not tell of. */
type Current = Fiber.Fiber<unknown, unknown> & {
  /** Why it was told to end. */
  readonly _interruptedCause?: Cause.Cause<never> | undefined
  readonly interruptible: boolean
  children(): Set<Current>
  readonly _children: Set<Current> | undefined
  _parent: Current | undefined
}

const currentFiberKey = "~effect/Fiber/currentFiber"

/** Nothing is touched before it is called: on the other line half of these modules are not there. */
const seam = () => {
  const { Cause, Channel, Clock, Context, Duration, Effect, Effectable, Exit, Fiber } =
    Installed as unknown as All
  const { Console: ConsoleModule } = Installed as unknown as All
  const {
    Layer,
    Logger,
    Metric,
    Option,
    Pull,
    References,
    Runtime,
    Scheduler,
    Scope,
    Sink,
    Stream,
    Tracer,
    Utils
  } = Installed as unknown as All

  // ---- effects that are more than that ----

  /** What a Stream is asked for. */
  const streamProperties = <Self>(
    stream: (self: Self) => Stream.Stream<unknown, unknown, unknown>
  ): PropertyDescriptorMap & ThisType<Self> => ({
    [Stream.TypeId]: { value: Stream.empty[Stream.TypeId] },
    channel: {
      get() {
        return Stream.toChannel(stream(this))
      }
    }
  })

  type Callable = () => Effect.Effect<unknown, unknown, unknown>
  const callable: object = Object.create(
    Function.prototype as object,
    Object.getOwnPropertyDescriptors(
      Effectable.Prototype<Effect.Effect<unknown, unknown, unknown>>({
        label: "effect-aio/Callable",
        evaluate() {
          return (this as unknown as Callable)()
        }
      })
    )
  ) as object
  Object.defineProperties(
    callable,
    streamProperties((self: () => Stream.Stream<unknown, unknown, unknown>) => self())
  )
  const callableStreams: object = Object.create(callable) as object

  abstract class BothBase<A, E, R> extends Effectable.Class<A, E, R> {
    override asEffect(): Effect.Effect<A, E, R> {
      return (this as unknown as { commit(): Effect.Effect<A, E, R> }).commit()
    }
  }
  Object.defineProperties(
    BothBase.prototype,
    streamProperties((self: Both) => self.stream())
  )
  const isBoth = (u: unknown): u is Both => u instanceof BothBase

  const prefersStream = (u: unknown): boolean =>
    isBoth(u) ? u.streams : typeof u === "function" && Object.getPrototypeOf(u) === callableStreams

  // ---- fibers seen from plain code ----

  const globals = globalThis as { [currentFiberKey]?: Current | undefined }

  /** Without the scheduler of a `runSync` that the state was captured in: it lets fibers yield without a macrotask. */
  const asynchronous = (context: Context.Context<never>): Context.Context<never> => {
    const scheduler = context.mapUnsafe.get(Scheduler.Scheduler.key) as Scheduler.Scheduler | undefined
    return scheduler?.executionMode === "sync"
      ? (Context.omit(Scheduler.Scheduler)(context as never) as Context.Context<never>)
      : context
  }

  /** What is a FiberRef on the other line: it follows the caller. */
  const callers = [
    Tracer.ParentSpan,
    References.CurrentLogAnnotations,
    References.CurrentLogLevel,
    References.CurrentLogSpans,
    References.CurrentLoggers,
    References.CurrentStackFrame,
    References.MinimumLogLevel,
    References.TracerEnabled,
    References.TracerSpanAnnotations,
    References.TracerSpanLinks,
    References.TracerTimingEnabled
  ].map(({ key }) => key)

  // ---- causes ----

  const failures = <E>(cause: Cause.Cause<E>): ReadonlyArray<E> =>
    cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)
  const defects = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
    cause.reasons.filter(Cause.isDieReason).map(({ defect }) => defect)

  /** `Cause.combine` drops what is equal, which asks the errors themselves. */
  const bothCauses = <E, E2>(left: Cause.Cause<E>, right: Cause.Cause<E2>): Cause.Cause<E | E2> =>
    Cause.fromReasons<E | E2>([...left.reasons, ...right.reasons])

  const spanOf = (context: Context.Context<never>): string | undefined => {
    const span = Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
    return span?._tag === "Span" ? span.name : undefined
  }

  const isTold = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
    (fiber as Current)._interruptedCause !== undefined

  /** Whether all that `given` says is in `cause`, too. */
  const carries = (cause: Cause.Cause<unknown>, given: Cause.Cause<unknown>): boolean => {
    const there = [...failures(cause), ...defects(cause)]
    return [...failures(given), ...defects(given)].every((error) => there.includes(error))
  }

  const singleShot = Utils.SingleShotGen.prototype as { throw?: typeof rethrow }

  const liveClock = Context.get(Context.empty(), Clock.Clock)

  const logs = { info: Effect.logInfo, warning: Effect.logWarning, error: Effect.logError }

  return {
    callback: Effect.callback,

    Tag:
      <Self, Service>() =>
      <const Id extends string>(id: Id): Context.ServiceClass<Self, Id, Service> =>
        Context.Service<Self, Service>()(id),

    layerScoped: Layer.effect,

    layerContext: Layer.effectContext,

    layerClock: <E, R>(clock: Effect.Effect<Clock.Clock, E, R>) => Layer.effect(Clock.Clock, clock),

    layerUnwrap: Layer.unwrap,

    prettyLogs: <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => effect,

    withOutput: <A, E, R>(effect: Effect.Effect<A, E, R>, console: Console): Effect.Effect<A, E, R> =>
      effect.pipe(
        Effect.provideService(
          References.CurrentLoggers,
          new Set([Logger.defaultLogger, Logger.tracerLogger])
        ),
        Effect.provideService(ConsoleModule.Console, console)
      ),

    logAt: (
      level: LogLevel,
      message: string,
      annotations: Record<string, unknown>,
      cause: Cause.Cause<unknown> | undefined
    ): Effect.Effect<void> =>
      Effect.annotateLogs(logs[level](...(cause === undefined ? [message] : [message, cause])), annotations),

    callableEffect: <F extends (...args: never) => unknown>(f: F, streams = false): F =>
      Object.setPrototypeOf(f, streams ? callableStreams : callable) as F,

    BothBase,

    prefersStream,

    isProgram: (u: unknown): boolean =>
      isBoth(u) || (Effect.isEffect(u) && !Context.isKey(u) && !(u instanceof Error) && !("asEffect" in u)),

    // What Effect 3 does. The default starts a macrotask later, and is interruptible inside a mask.
    forkChild: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.forkChild(effect, { startImmediately: true, uninterruptible: "inherit" }),

    forkScoped: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.forkScoped(effect, { startImmediately: true, uninterruptible: "inherit" }),

    inheritAll: (_: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> => Effect.void,

    currentFiberState: () => globals[currentFiberKey]?.context,

    currentFiber: (): object | undefined => globals[currentFiberKey],

    wasTold: (fiber: object): boolean => (fiber as Current)._interruptedCause !== undefined,

    hasEnded: (fiber: object): boolean => (fiber as Current).pollUnsafe() !== undefined,

    heldFor: () => {
      const fiber = globals[currentFiberKey]
      if (fiber === undefined || fiber.interruptible) return "nothing"
      if (fiber._interruptedCause !== undefined) return "told"
      const scope = Option.getOrUndefined(Context.getOption(fiber.context, Scope.Scope))
      return scope?.state._tag === "Closed" ? "closing" : "work"
    },

    serviceHere: <I, S>(tag: Context.Key<I, S>): S | undefined =>
      globals[currentFiberKey]?.context.mapUnsafe.get(tag.key) as S | undefined,

    // The finalizer of a callback is one frame, uninterruptible, and what it fails with joins the Cause.
    waitFor: <A, E>(wait: FiberWait<A, E>): Effect.Effect<A, E> | undefined => {
      const fiber = globals[currentFiberKey]
      if (fiber?.interruptible !== true) return undefined
      const interrupted = Effect.suspend(() => wait.interrupted())
      // The failure of a fiber that is to be interrupted as soon as it leaves here is dropped by Effect.
      const failure = (told: Effect.Effect<void>): Effect.Effect<A, E> =>
        Effect.uninterruptible(
          Effect.suspend(() => {
            const exit = wait.outcome()
            const cause = fiber._interruptedCause
            return cause === undefined ? exit : Effect.ensuring(Effect.failCause(cause), told)
          })
        )
      return Effect.callback<A, E>((resume) => {
        if (!wait.begin()) {
          // A fiber that has waited runs the finalizer, whatever it is told then, until it goes on with what it is given.
          wait.wait(() => resume(wait.failed ? failure(Effect.void) : wait.outcome()))
        } else if (!wait.failed && !(wait.owned && isTold(fiber))) return void resume(wait.outcome())
        // One that was told to end meanwhile is not resumed: it would not come so far as to look.
        else if (!isTold(fiber)) return void resume(failure(interrupted))
        return interrupted
      })
    },

    outsideFibers: <X, A>(f: (x?: X) => A, x?: X): A => {
      const fiber = globals[currentFiberKey]
      globals[currentFiberKey] = undefined
      try {
        return f(x)
      } finally {
        globals[currentFiberKey] = fiber
      }
    },

    inFiber: () => Fiber.getCurrent() !== undefined,

    // Since 4.0.1 each fiber takes an AsyncResource along.
    restoresAsyncContext: true,

    fiberState: Effect.context<never>(),

    contextOf: (state: Context.Context<never>) => state,

    hasLogger: (state: Context.Context<never>): boolean =>
      [...Context.get(state, References.CurrentLoggers)].some((logger) => logger !== Logger.tracerLogger),

    mergeContext: (
      calling: Context.Context<never>,
      context: Context.Context<never>
    ): Context.Context<never> => {
      const merged = new Map(Context.merge(calling, context).mapUnsafe)
      for (const key of callers) {
        if (calling.mapUnsafe.has(key)) merged.set(key, calling.mapUnsafe.get(key))
        else merged.delete(key)
      }
      return Context.makeUnsafe(merged)
    },

    withServices: (
      context: Context.Context<never>,
      services: ReadonlyArray<readonly [key: string, service: unknown]>
    ): Context.Context<never> => {
      const all = new Map(context.mapUnsafe)
      for (const [key, service] of services) all.set(key, service)
      return Context.makeUnsafe(all)
    },

    openScope: Scope.makeUnsafe,

    closeOf: (scope: Scope.Closeable, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined =>
      Scope.closeUnsafe(scope, exit),

    forksIn: (state: Context.Context<never>, context: Context.Context<never>) =>
      Effect.runForkWith(asynchronous(state === context ? context : Context.merge(state, context))),

    runSyncIn: <A>(effect: Effect.Effect<A>, state: Context.Context<never>): A =>
      Effect.runSyncWith(state)(effect),

    poll: <A, E>(fiber: Fiber.Fiber<A, E>) => fiber.pollUnsafe(),

    spanName: (fiber: Fiber.Fiber<unknown, unknown>): string | undefined => spanOf(fiber.context),

    lookAt: (given: object) => {
      if (!Fiber.isFiber(given)) return undefined
      const fiber: Fiber.Fiber<unknown, unknown> & { readonly _children?: ReadonlySet<object> } = given
      return {
        fiber,
        id: `#${fiber.id}`,
        startedAt: undefined,
        ended: fiber.pollUnsafe() !== undefined,
        told: isTold(fiber),
        span: spanOf(fiber.context),
        annotations: Object.entries(Context.get(fiber.context, References.CurrentLogAnnotations)),
        children: [...(fiber._children ?? [])],
        joins: [],
        services: fiber.context.mapUnsafe
      }
    },

    rootFibers: () => [],

    observe: <A, E>(fiber: Fiber.Fiber<A, E>, f: Parameters<typeof fiber.addObserver>[0]): void =>
      void fiber.addObserver(f),

    interruptFork: (fiber: Fiber.Fiber<unknown, unknown>): void => fiber.interruptUnsafe(fiber.id),

    unlessTold: <A, E, R, A2, E2, R2>(
      effect: Effect.Effect<A, E, R>,
      told: () => Effect.Effect<A2, E2, R2>
    ): Effect.Effect<A | A2, E | E2, R | R2> =>
      Effect.withFiber<A | A2, E | E2, R | R2>((fiber) => (isTold(fiber) ? told() : effect)),

    keepsInterruptions: Effect.void,

    // A Stream runs in the fiber that runs it: what it fails with is in its Exit, unless that is an interruption.
    whenDropped: (
      given: Cause.Cause<unknown>,
      exit: Exit.Exit<unknown, unknown>,
      dropped: () => void
    ): Effect.Effect<void> =>
      Effect.withFiber((fiber) =>
        isTold(fiber) || !(Exit.isFailure(exit) && carries(exit.cause, given))
          ? Effect.sync(dropped)
          : Effect.void
      ),

    // Since 4.0.6, wherever a cleanup dies.
    defectsHideFailures: true,

    // `hasInterruptsOnly` is false where there is nothing at all.
    isInterruptedOnly: (cause: Cause.Cause<unknown>): boolean => cause.reasons.every(Cause.isInterruptReason),

    isInterrupted: Cause.hasInterrupts,

    failures,

    defects,

    bothCauses,

    // A Cause of this line is a list.
    sequentialCauses: bothCauses,

    withoutErrors: <E>(cause: Cause.Cause<E>, drop: (error: unknown) => boolean): Cause.Cause<E> =>
      Cause.fromReasons(
        cause.reasons.filter((reason) =>
          Cause.isFailReason(reason)
            ? !drop(reason.error)
            : Cause.isDieReason(reason)
              ? !drop(reason.defect)
              : true
        )
      ),

    errorExitCode: Runtime.getErrorExitCode,

    errorReported: Runtime.getErrorReported,

    handleCause: Effect.catchCause,

    handleStreamCause: Stream.catchCause,

    isStream: (u: unknown): u is Stream.Stream<unknown, unknown, unknown> =>
      prefersStream(u) || (Stream.isStream(u) && typeof u === "object" && !isBoth(u)),

    withPull: <A, E, R, R2>(
      stream: Stream.Stream<A, E, R>,
      use: (
        pull: Effect.Effect<ReadonlyArray<A>, E | Cause.Done, R>
      ) => Effect.Effect<void, E | Cause.Done, R2>
    ) =>
      Effect.scoped(
        Effect.flatMap(
          Effect.flatMap(Effect.scope, (scope) => Channel.toPullScoped(Stream.toChannel(stream), scope)),
          (pull) => Pull.catchDone(use(pull), () => Effect.void)
        )
      ),

    pulled: <A, E, R, R2>(open: Effect.Effect<Effect.Effect<ReadonlyArray<A> | undefined, E, R2>, E, R>) =>
      Stream.fromChannel(
        Channel.fromTransformBracket((_upstream, _scope, forked) =>
          Effect.map(Scope.provide(open, forked), (pull) => {
            const read: Pull.Pull<readonly [A, ...Array<A>], E, void, R2> = Effect.flatMap(pull, (items) =>
              items === undefined ? Cause.done() : isNonEmpty(items) ? Effect.succeed(items) : read
            )
            return read
          })
        )
      ),

    dyingStream: (defect: () => unknown): Stream.Stream<never> =>
      Stream.fromEffect(Effect.suspend(() => Effect.die(defect()))),

    dyingSink: (defect: () => unknown) => Sink.fromEffect(Effect.suspend(() => Effect.die(defect()))),

    sinkOf: <In, E, R>(
      open: Effect.Effect<
        {
          readonly write: (items: ReadonlyArray<In>) => Effect.Effect<void, E>
          readonly end: Effect.Effect<void, E>
        },
        never,
        R
      >
    ) =>
      Sink.unwrap(
        Effect.map(open, ({ end, write }) =>
          Sink.mapEffect(
            Sink.forEachArray((items: ReadonlyArray<In>) => write(items)),
            () => end
          )
        )
      ),

    yieldedEffect: (u: unknown): Effect.Effect<unknown, unknown, unknown> | undefined =>
      Effect.isEffect(u) ? u : undefined,

    withGraft: <A, E, R>(
      use: (
        graft: <A2, E2, R2>(effect: Effect.Effect<A2, E2, R2>) => Effect.Effect<A2, E2, R2>
      ) => Effect.Effect<A, E, R>
    ): Effect.Effect<A, E, R> =>
      Effect.withFiber((caller) => {
        // What is thrown into a generator at `yield* effect` goes to the iterator of the Effect, which has no `throw`.
        singleShot.throw ??= rethrow
        return use((effect) =>
          Effect.withFiber((own) =>
            Effect.onExit(effect, () => Effect.sync(() => moveChildren(own as Current, caller as Current)))
          )
        )
      }),

    inheritState: (_: Context.Context<never>): Effect.Effect<void> => Effect.void,

    seriesIn: (state: Context.Context<never>, of: SeriesOf): Series => {
      const { boundaries = [], description, kind, labels: attributes, name } = of
      const metric =
        kind === "gauge"
          ? Metric.gauge(name, { description, attributes })
          : kind === "counter"
            ? Metric.counter(name, { description, attributes, incremental: true })
            : Metric.histogram(name, { description, attributes, boundaries })
      return {
        set: (value) => metric.updateUnsafe(value, state),
        add: (value) => metric.modifyUnsafe(value, state),
        observe: (value) => metric.updateUnsafe(value, state)
      }
    },

    toMillis: (what: string, input: Duration.Input): number => {
      const duration = Duration.fromInput(input)
      // Any object is a DurationObject to this line.
      const empty =
        typeof input === "object" && !Duration.isDuration(input) && Object.keys(input).length === 0
      if (Option.isNone(duration) || Number.isNaN(input) || empty) {
        throw new RangeError(`${what} takes milliseconds or a Duration, not ${String(input)}`)
      }
      return Duration.toMillis(duration.value)
    },

    loopClock: Effect.map(Clock.Clock, (clock) => ({
      live: clock === liveClock,
      now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
      after(delay: number, f: () => void): () => void {
        const fiber = Effect.runFork(clock.sleep(Duration.millis(delay)))
        let wanted = true
        fiber.addObserver(() => {
          if (wanted) f()
        })
        return () => {
          wanted = false
          fiber.interruptUnsafe(fiber.id)
        }
      }
    })),

    controlled: <A, E, R>(effect: Effect.Effect<A, E, R>, control: Control): Effect.Effect<A, E, R> => {
      const nanos = (): bigint => BigInt(Math.round(control.now() * 1e6))
      const millis = (): number => Math.floor(control.now())
      const clock: Clock.Clock = {
        currentTimeMillisUnsafe: millis,
        currentTimeNanosUnsafe: nanos,
        monotonicTimeNanosUnsafe: nanos,
        currentTimeMillis: Effect.sync(millis),
        currentTimeNanos: Effect.sync(nanos),
        monotonicTimeNanos: Effect.sync(nanos),
        sleep: (duration) =>
          Effect.callback<void>((resume) =>
            Effect.sync(control.after(Duration.toMillis(duration), () => resume(Effect.void)))
          )
      }
      const { shouldYield } = new Scheduler.MixedScheduler()
      const scheduler: Scheduler.Scheduler = {
        executionMode: "async",
        shouldYield,
        makeDispatcher: () => ({ scheduleTask: (task) => control.turn(task), flush: () => {} })
      }
      return Effect.provideService(
        Effect.provideService(effect, Clock.Clock, clock),
        Scheduler.Scheduler,
        scheduler
      )
    }
  }
}

const rethrow = (error: unknown): never => {
  throw error
}

/** What one fiber has forked is the other one's from now on. */
const moveChildren = (from: Current, to: Current): void => {
  for (const child of from._children ?? []) {
    from.children().delete(child)
    to.children().add(child)
    child._parent = to
  }
}

const isNonEmpty = <A>(items: ReadonlyArray<A>): items is readonly [A, ...Array<A>] => items.length > 0

/**
 * Compiled beside Effect 3, it is taken at its word that this is a `Seam`; `tsconfig.effect4.json` compiles it beside Effect
 * 4, where it must be one.
 */
type Checked = OfLine<Seam, ReturnType<typeof seam>>

/** The seam on this line. */
export const four = (): Seam => seam() as unknown as Checked
