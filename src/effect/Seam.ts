/**
 * What differs between Effect 3 and Effect 4, as the rest of the library sees it: one name and one type for both lines. The
 * types of a line are asked of the Effect that is installed, so that one declaration serves both.
 */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { FiberWait } from "./Wait.js"

/* eslint-disable @typescript-eslint/ban-ts-comment, @typescript-eslint/consistent-type-imports -- each of these names is there on one line only, and used on that one.
   As doc comments they stay in the declarations. */
/** @ts-ignore Effect 3 only */
type Tag3<Self, Id extends string, Service> = Context.TagClass<Self, Id, Service>
/** @ts-ignore Effect 4 only */
type Tag4<Self, Id extends string, Service> = Context.ServiceClass<Self, Id, Service>
/** @ts-ignore Effect 3 only */
type Key3<I, S> = Context.Tag<I, S>
/** @ts-ignore Effect 4 only */
type Key4<I, S> = Context.Key<I, S>
/** @ts-ignore Effect 3 only */
type Fiber3<A, E> = Fiber.RuntimeFiber<A, E>
/** @ts-ignore Effect 3 only */
type State3 = import("effect/FiberRefs").FiberRefs
/** @ts-ignore Effect 4 only */
type End4<E> = E | Cause.Done
/** @ts-ignore Effect 3 only */
type Yielded3<E, R> = import("effect/Utils").YieldWrap<Effect.Effect<unknown, E, R>>
/** @ts-ignore Effect 3 only */
type Scope3 = Scope.CloseableScope
/** @ts-ignore Effect 4 only */
type Scope4 = Scope.Closeable
/* eslint-enable */

/** `Three` if the installed Effect is of line 3, `Four` if of line 4. */
export type OfLine<Three, Four> = typeof Context extends { readonly GenericTag: unknown } ? Three : Four

/** The class of a service, which is its key. */
export type ServiceTag<Self, Id extends string, Service> = OfLine<
  Tag3<Self, Id, Service>,
  Tag4<Self, Id, Service>
>

/** The key of a service. */
export type ServiceKey<I, S> = OfLine<Key3<I, S>, Key4<I, S>>

/** A fiber that was started, whatever its line calls the type. */
export type RunningFiber<A, E> = OfLine<Fiber3<A, E>, Fiber.Fiber<A, E>>

/** A Scope, for who closes it. */
export type OpenScope = OfLine<Scope3, Scope4>

/** A fiber's local state: its Context, FiberRefs or References, span and log annotations. Immutable. */
export type FiberState = OfLine<State3, Context.Context<never>>

/** The end of a stream, on line 3, where a pull of it fails with that. */
export interface PullEnded {
  readonly _tag: "PullEnded"
}

/** How a pull fails: the stream's own failure, or its end. */
export type PullEnd<E> = OfLine<E | PullEnded, End4<E>>

/** What `yield*` of an Effect hands to whoever runs the generator. */
export type YieldedEffect<E, R> = OfLine<Yielded3<E, R>, Effect.Effect<unknown, E, R>>

/** A duration, as the line's own functions take it: milliseconds, `"5 seconds"`, a Duration. */
export type DurationInput = Parameters<typeof Effect.sleep>[0]

/** An Effect that is a Stream, too. */
export interface Both<A, E, R> extends Effect.Effect<A, E, R> {
  /** Whether it is meant to be a Stream, where that is known. */
  readonly streams: boolean
  /** What it is as an Effect. */
  commit(): Effect.Effect<A, E, R>
  /** What it is as a Stream. */
  stream(): Stream.Stream<unknown, E, R>
}

/** The Effect Clock that a loop was opened under, as plain functions. Milliseconds. */
export interface LoopClock {
  /** Whether it is the live clock: then the host may use its own timers. */
  readonly live: boolean
  now(): number
  /** Calls `f` after `delay`; the result takes it back. */
  after(delay: number, f: () => void): () => void
}

/** Who decides what fibers wait for: time, and their turn. */
export interface Control {
  /** Milliseconds. */
  now(): number
  /** Calls `f` after so many milliseconds; the result takes it back. */
  after(delay: number, f: () => void): () => void
  /**
   * Calls `task`, which lets a fiber go on. These keep their order, whichever fiber each is for: with another one,
   * `Effect.all` of Effect 3 (3.22) waits for ever for a child that is interrupted as it begins.
   */
  turn(task: () => void): void
}

/**
 * Why a fiber cannot be interrupted where it is: `nothing` (it can be); in a finalizer, since it was `told` to end, or its
 * Scope is `closing`; or `work` of its own.
 */
export type Held = "nothing" | "told" | "closing" | "work"

/** The levels at which the library logs. */
export type LogLevel = "info" | "warning" | "error"

/** Starts a fiber. */
export type Forks = <A, E>(effect: Effect.Effect<A, E>) => RunningFiber<A, E>

/** What a fiber shows: for reports. */
export interface FiberView {
  readonly fiber: RunningFiber<unknown, unknown>
  /** Its number, as logs have it: `#12`. */
  readonly id: string
  /** When it was started, in milliseconds since 1970, where its line keeps that. */
  readonly startedAt: number | undefined
  readonly ended: boolean
  /** Whether it was told to end. */
  readonly told: boolean
  readonly span: string | undefined
  /** What its log lines are annotated with. */
  readonly annotations: ReadonlyArray<readonly [key: string, value: unknown]>
  /** The fibers that it has forked and that have not ended. */
  readonly children: ReadonlyArray<object>
  /** The numbers of the fibers that it joins, where its line keeps that. */
  readonly joins: ReadonlyArray<string>
  /** The services that it has. */
  readonly services: ReadonlyMap<string, unknown>
}

/** One series of Effect's metrics, to be written where no fiber is. */
export interface Series {
  /** A gauge is this from now on. */
  set(value: number): void
  /** A gauge or a counter is so much more. */
  add(value: number): void
  /** A histogram has seen this. */
  observe(value: number): void
}

/** What a series is of. */
export interface SeriesOf {
  readonly kind: "gauge" | "counter" | "histogram"
  readonly name: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
  /** Of a histogram: up to where each of its buckets goes. */
  readonly boundaries?: ReadonlyArray<number>
}

/** One line of Effect. */
export interface Seam {
  /** An Effect from a callback. `register` returns what interruption runs and waits for, uninterruptibly. */
  readonly callback: <A, E = never, R = never>(
    register: (resume: (effect: Effect.Effect<A, E, R>) => void) => Effect.Effect<void> | void
  ) => Effect.Effect<A, E, R>

  /** A service tag: `class Loop extends Tag<Loop, EventLoop>()("key") {}`. */
  readonly Tag: <Self, Service>() => <const Id extends string>(id: Id) => ServiceTag<Self, Id, Service>

  /** A Layer whose service lives in the Layer's Scope. */
  readonly layerScoped: <I, S, E, R>(
    tag: ServiceKey<I, S>,
    effect: Effect.Effect<S, E, R>
  ) => Layer.Layer<I, E, Exclude<R, Scope.Scope>>

  /** A Layer of what an Effect makes in the Layer's Scope. */
  readonly layerContext: <A, E, R>(
    effect: Effect.Effect<Context.Context<A>, E, R>
  ) => Layer.Layer<A, E, Exclude<R, Scope.Scope>>

  /** A Layer under which fibers have the Clock that an Effect gives. */
  readonly layerClock: <E, R>(
    clock: Effect.Effect<Clock.Clock, E, R>
  ) => Layer.Layer<never, E, Exclude<R, Scope.Scope>>

  /** A Layer that an Effect gives. */
  readonly layerUnwrap: <A, E, R, E2, R2>(
    effect: Effect.Effect<Layer.Layer<A, E, R>, E2, R2>
  ) => Layer.Layer<A, E | E2, R | R2>

  /** Runs an effect whose logs are for people to read, where nobody has set loggers: that is so anyway on line 4. */
  readonly prettyLogs: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

  /**
   * Runs an effect whose Console is `console`, and whose logs go there, as Effect's default logger writes them: also in a test, where
   * a runner may have taken that away.
   */
  readonly withOutput: <A, E, R>(effect: Effect.Effect<A, E, R>, console: Console) => Effect.Effect<A, E, R>

  /** Logs one message of the library at a level, with annotations; `cause` is shown below it. */
  readonly logAt: (
    level: LogLevel,
    message: string,
    annotations: Record<string, unknown>,
    cause: Cause.Cause<unknown> | undefined
  ) => Effect.Effect<void>

  /**
   * Makes a function an Effect too: yielding it without calling it calls it without arguments. What it returns may be a
   * Stream as well, and is first of all that where `streams` says so; then so is the function.
   */
  readonly callableEffect: <F extends (...args: never) => unknown>(f: F, streams?: boolean) => F

  /** What every {@link Both} extends: an Effect that is what its `commit()` gives, and a Stream that is its `stream()`. */
  readonly BothBase: abstract new <A, E, R>() => Effect.Effect<A, E, R>

  /** Whether something that is an Effect and a Stream is meant to be a Stream. */
  readonly prefersStream: (u: unknown) => boolean

  /**
   * Whether a value is an Effect that does nothing until it is run, and not one of the data types that can be yielded as
   * one (Option, Either, Ref and Fiber on line 3; a service key, a Config and an error on both). An Exit cannot be told
   * from `Effect.succeed` and `Effect.fail`, and counts as them.
   */
  readonly isProgram: (u: unknown) => boolean

  /** Starts a child fiber of the caller, at once, which is interruptible if the caller is. */
  readonly forkChild: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<RunningFiber<A, E>, never, R>

  /** Starts a fiber that its Scope ends, at once, which is interruptible if the caller is. */
  readonly forkScoped: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<RunningFiber<A, E>, never, R | Scope.Scope>

  /** Takes over what a child fiber changed in its fiber-local state. On line 4 nothing of that outlives a fiber. */
  readonly inheritAll: (fiber: RunningFiber<unknown, unknown>) => Effect.Effect<void>

  /** The state of the fiber whose code is on the stack, or `undefined`. */
  readonly currentFiberState: () => FiberState | undefined

  /** The fiber whose code is on the stack, to tell it from others; or `undefined`. */
  readonly currentFiber: () => object | undefined

  /** Whether a fiber that was on the stack once, as `currentFiber` gives it, was told to end, or has been ended so. */
  readonly wasTold: (fiber: object) => boolean

  /** Whether such a fiber has ended. */
  readonly hasEnded: (fiber: object) => boolean

  /** Why the fiber whose code is on the stack cannot be interrupted where it is. */
  readonly heldFor: () => Held

  /** A service in the Context of the fiber on the stack, or `undefined`. */
  readonly serviceHere: <I, S>(tag: ServiceKey<I, S>) => S | undefined

  /**
   * An Effect that waits, for the fiber on the stack, which is to run it next. `undefined` where that fiber cannot be
   * interrupted, or its Effect is unknown: then it waits by the operations that everybody may use.
   */
  readonly waitFor: <A, E>(wait: FiberWait<A, E>) => Effect.Effect<A, E> | undefined

  /** Calls `f(x)`, which is no code of the fiber on the stack, so that it does not find itself in one. */
  readonly outsideFibers: {
    <A>(f: () => A): A
    <X, A>(f: (x: X) => A, x: X): A
  }

  /** Whether a fiber's code is on the stack. */
  readonly inFiber: () => boolean

  /** Whether a fiber that is resumed goes on in the async-local state in which it began to wait. */
  readonly restoresAsyncContext: boolean

  /** The caller's own state. */
  readonly fiberState: Effect.Effect<FiberState>

  /** The Context in a fiber's state. */
  readonly contextOf: (state: FiberState) => Context.Context<never>

  /** Whether somebody can see what a fiber in this state logs: that of a test writes to its span only. */
  readonly hasLogger: (state: FiberState) => boolean

  /**
   * `context` over `callers`, which the calling fiber has; the calling fiber's span stays, because it is the caller's work
   * that is traced. So do, on line 4, the References of logs and traces, which are FiberRefs on line 3.
   */
  readonly mergeContext: (
    callers: Context.Context<never>,
    context: Context.Context<never>
  ) => Context.Context<never>

  /** `context` with more services, by their keys, in one copy of it. */
  readonly withServices: (
    context: Context.Context<never>,
    services: ReadonlyArray<readonly [key: string, service: unknown]>
  ) => Context.Context<never>

  /** An open Scope, made where no fiber is: `Effect.scoped` costs as much as several fibers. */
  readonly openScope: () => OpenScope

  /** Closes a Scope of `openScope`; `undefined` where nothing was registered with it, and nothing more will be. */
  readonly closeOf: (scope: OpenScope, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void> | undefined

  /** What starts fibers with the given state and context. They are interruptible, wherever the state was captured. */
  readonly forksIn: (state: FiberState, context: Context.Context<never>) => Forks

  /** Runs an Effect that does not wait, in the given state. */
  readonly runSyncIn: <A>(effect: Effect.Effect<A>, state: FiberState) => A

  /** The Exit of a fiber that has ended, or `undefined`. */
  readonly poll: <A, E>(fiber: RunningFiber<A, E>) => Exit.Exit<A, E> | undefined

  /** The name of the span that the fiber is in now, if it is in one. */
  readonly spanName: (fiber: RunningFiber<unknown, unknown>) => string | undefined

  /** What can be seen of a fiber from outside, or `undefined` of what is none. Nothing of it is changed, and nothing is made. */
  readonly lookAt: (fiber: object) => FiberView | undefined

  /** The fibers of the process that are no fiber's children, such as those that were forked into a Scope, where its line keeps them. */
  readonly rootFibers: () => ReadonlyArray<object>

  /** Calls `f` once when the fiber has ended. */
  readonly observe: <A, E>(fiber: RunningFiber<A, E>, f: (exit: Exit.Exit<A, E>) => void) => void

  /** Asks a fiber to end, without waiting. */
  readonly interruptFork: (fiber: RunningFiber<unknown, unknown>) => void

  /** `effect`, or `told` where the caller was told to end: the look and the beginning of either are one step. */
  readonly unlessTold: <A, E, R, A2, E2, R2>(
    effect: Effect.Effect<A, E, R>,
    told: () => Effect.Effect<A2, E2, R2>
  ) => Effect.Effect<A | A2, E | E2, R | R2>

  /**
   * From here on, an interruption that comes while a finalizer runs is kept, in the caller and in what it forks. Effect 3 forgets
   * one that comes while a second finalizer of the same Scope runs: `addFinalizer` (`fiberRuntime.ts` of 3.22) then puts the
   * FiberRef of it back to what it was, unless it was set when the finalizer was added.
   */
  readonly keepsInterruptions: Effect.Effect<void>

  /**
   * Closing a Stream: calls `dropped` when the failure `given`, which its pull has ended with, reaches nobody, because the
   * Stream is left or interrupted at about that moment; `exit` is how the Stream has ended itself.
   */
  readonly whenDropped: (
    given: Cause.Cause<unknown>,
    exit: Exit.Exit<unknown, unknown>,
    dropped: () => void
  ) => Effect.Effect<void>

  /** Whether a defect beside a typed failure makes a defect of that, too, which nobody handles any more. */
  readonly defectsHideFailures: boolean

  /** Whether nothing but interruption is in it. Nothing at all counts as that. */
  readonly isInterruptedOnly: (cause: Cause.Cause<unknown>) => boolean

  /** Whether interruption is in it. */
  readonly isInterrupted: (cause: Cause.Cause<unknown>) => boolean

  /** The typed failures in it. */
  readonly failures: <E>(cause: Cause.Cause<E>) => ReadonlyArray<E>

  /** The defects in it. */
  readonly defects: (cause: Cause.Cause<unknown>) => ReadonlyArray<unknown>

  /** Both at once. */
  readonly bothCauses: <E, E2>(left: Cause.Cause<E>, right: Cause.Cause<E2>) => Cause.Cause<E | E2>

  /** One after the other. */
  readonly sequentialCauses: <E, E2>(left: Cause.Cause<E>, right: Cause.Cause<E2>) => Cause.Cause<E | E2>

  /** What is left of a Cause without the failures and defects that `drop` names. */
  readonly withoutErrors: <E>(cause: Cause.Cause<E>, drop: (error: unknown) => boolean) => Cause.Cause<E>

  /** The exit code that the error which a program has failed with asks for: 1 unless it says so, which it can on line 4. */
  readonly errorExitCode: (error: unknown) => number

  /** Whether a program's failure is to be logged where it ends the process: yes unless the error says no, on line 4. */
  readonly errorReported: (error: unknown) => boolean

  /** Success and failure as one value, for effects that must go on either way. */
  readonly handleCause: <A, E, R, B, E2, R2>(
    effect: Effect.Effect<A, E, R>,
    f: (cause: Cause.Cause<E>) => Effect.Effect<B, E2, R2>
  ) => Effect.Effect<A | B, E2, R | R2>

  /** The same for a Stream's failure. */
  readonly handleStreamCause: <A, E, R, B, E2, R2>(
    stream: Stream.Stream<A, E, R>,
    f: (cause: Cause.Cause<E>) => Stream.Stream<B, E2, R2>
  ) => Stream.Stream<A | B, E2, R | R2>

  /** Whether a value is a Stream. What is an Effect, too, counts where it is meant to be a Stream. */
  readonly isStream: (u: unknown) => u is Stream.Stream<unknown, unknown, unknown>

  /**
   * Opens a stream and runs `use` with the Effect that gives its next items, in a Scope that is theirs. When the stream
   * has ended, so has `use`, and the whole succeeds.
   */
  readonly withPull: <A, E, R, R2>(
    stream: Stream.Stream<A, E, R>,
    use: (pull: Effect.Effect<ReadonlyArray<A>, PullEnd<E>, R>) => Effect.Effect<void, PullEnd<E>, R2>
  ) => Effect.Effect<void, E, Exclude<R | R2, Scope.Scope>>

  /**
   * A Stream of what `open` gives to be pulled: items, until `undefined` ends it. The Scope of `open` is the stream's, and
   * what fails in closing it is not lost.
   */
  readonly pulled: <A, E, R, R2>(
    open: Effect.Effect<Effect.Effect<ReadonlyArray<A> | undefined, E, R2>, E, R>
  ) => Stream.Stream<A, E, Exclude<R, Scope.Scope> | R2>

  /** A Stream that dies, of a mistake in the program. */
  readonly dyingStream: (defect: () => unknown) => Stream.Stream<never>

  /** A Sink that dies, of a mistake in the program. */
  readonly dyingSink: (defect: () => unknown) => Sink.Sink<never, unknown>

  /** A Sink that gives what comes to `write`, and runs `end` when nothing more comes. The Scope of `open` is the run's. */
  readonly sinkOf: <In, E, R>(
    open: Effect.Effect<
      {
        readonly write: (items: ReadonlyArray<In>) => Effect.Effect<void, E>
        readonly end: Effect.Effect<void, E>
      },
      never,
      R
    >
  ) => Sink.Sink<void, In, never, E, Exclude<R, Scope.Scope>>

  /** The Effect that a generator has yielded, or `undefined` if it is something else. */
  readonly yieldedEffect: (u: unknown) => Effect.Effect<unknown, unknown, unknown> | undefined

  /**
   * Gives what lets an Effect run in another fiber as if in the caller's: the fibers that it forks are the caller's
   * children, and live as long as the caller.
   */
  readonly withGraft: <A, E, R>(
    use: (
      graft: <A2, E2, R2>(effect: Effect.Effect<A2, E2, R2>) => Effect.Effect<A2, E2, R2>
    ) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>

  /** Takes over fiber-local state from a fiber that began with the caller's. The caller's Context stays. */
  readonly inheritState: (state: FiberState) => Effect.Effect<void>

  /** Makes a series in the registry of metrics, and with the labels, that a fiber in this state would write to. */
  readonly seriesIn: (state: FiberState, of: SeriesOf) => Series

  /** A duration in milliseconds; throws `RangeError` naming `what` for anything else. */
  readonly toMillis: (what: string, input: DurationInput) => number

  /** The Clock of the caller. */
  readonly loopClock: Effect.Effect<LoopClock>

  /** Runs an effect, and what it forks, by another clock and another order of its fibers than Effect's own. */
  readonly controlled: <A, E, R>(effect: Effect.Effect<A, E, R>, control: Control) => Effect.Effect<A, E, R>
}
