/**
 * The loop as its parts see it, and what may hold it up when it closes: types only. A room of this floor starts fibers,
 * waits, belongs to a loop or closes it through `Home`, and never names the class that is built from those rooms. The
 * kernel's `ports.ts` does the same one floor down.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { FiberState, Forks, LoopClock } from "../effect.js"
import type { BaseEventLoop } from "./kernel/BaseEventLoop.js"
import type { LoopCrash } from "./errors.js"
import type { LoopClosedError } from "./kernel/errors.js"
import type { Future } from "./kernel/Future.js"
import type { Report } from "./kernel/Report.js"

/**
 * One thing that has not stopped, or that is still watched: a row of a report.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leftover {
  /** Its kind, in a word: a task, a job, a reader. */
  readonly what: string
  readonly name: string
  /** Milliseconds since it was created. */
  readonly age: number
  readonly state: string
  readonly waitingOn: string
  readonly createdAt: string
  /** Whether it has to stop before the loop is closed. What closing only drops is listed, too, and is to blame for nothing. */
  readonly blamed: boolean
}

/**
 * How an Effect that aio code starts is named and cancelled.
 *
 * @category models
 * @since 0.1.0
 */
export interface EffectOptions {
  /** For reports. Default: the effect's place in the source is not known, so `effect`. */
  readonly name?: string | undefined
  /** Interrupts the fiber when it aborts; its reason becomes that of the CancelledError. */
  readonly signal?: AbortSignal | undefined
}

/** Decides the Context of a new fiber from the state of the fiber that called the aio code, if one did. */
export type ContextFor = (caller: FiberState | undefined) => Context.Context<never>

/** Where the fibers of one wrapped function come from. */
export interface Origin {
  readonly home: Home
  /** What starts a fiber for aio code that the fiber with this state has called, if one did. */
  forksFor(caller: FiberState | undefined): Forks
}

/** What has a row of its own in a report. */
export interface Described {
  describe(): Leftover
}

/** What the program has given a name to, while it runs. */
export interface NamedRow extends Described {
  readonly name: string
}

/** A fiber that was started on the loop, while it runs. */
export interface LoopFiber extends Described {
  /** Its end, where the program was given a Future of it. */
  readonly future: Future<unknown> | undefined
  interrupt(): void
  /** Calls `f` when the fiber has ended. */
  onEnd(f: () => void): void
}

/** What crossed the border with a beginning and an end, while it is open. */
export interface OpenCrossing extends Described {
  readonly what: "iterator" | "resource"
  readonly name: string
  /** The task or the Effect's Future in which it lives. */
  readonly life: Future<unknown>
  /** The loop ends it; `then` is called when it has ended. */
  close(then: () => void): void
}

/** What the closing may have to end and to wait for. */
export interface Closable {
  /** Whether there is nothing to end or to wait for. */
  quiet(): boolean
  /**
   * Asks all of it to end, insists where that takes too long, and calls `then` once when it has ended. May be called
   * again, for what was started meanwhile. Not called where it is quiet.
   */
  close(then: () => void): void
  /** What is there, for reports. Of what there may be a million of, so many at most. */
  held(most?: number): ReadonlyArray<Leftover>
}

/** What a closing waits for, in the order of S1: the program around which the loop was opened, then the phases of `closing/phases.ts`. */
export type ClosingStep =
  "program" | "servers" | "work" | "crossings" | "executors" | "processes" | "watchers"

/** One step of a closing that had to be waited for. Milliseconds of the loop's clock. */
export interface ClosingTime {
  readonly step: ClosingStep
  readonly began: number
  readonly took: number
}

/** One phase of the closing: see `closing/phases.ts`. */
export interface Phase extends Closable {
  readonly name: ClosingStep
  /** The deadline is near, and may leave behind what has not been told to end: what can be told now is told. */
  hurry(): void
}

/** The phases of the closing in which capabilities are asked: 3, 6, 7 and 8 of S1. */
export type Step = "servers" | "executors" | "processes" | "watchers"

/** A capability, to the loop that it is listed with: see `closing/Capability.ts`. */
export interface Registered extends Closable {
  /** The phase of the closing that asks it. */
  readonly step: Step
  /** How much it holds: its part of the loop's statistics, by their names. */
  numbers(): object
  /** Of requests that are served, how many are in each phase: for metrics. */
  requests(): Readonly<Record<string, number>>
  /** The loop was told to stop. Nothing is to end yet: what the program has opened later still may use it. */
  stopping(): void
  /**
   * For how many milliseconds from now its end is no reason to complain, because it was given that time: 0 where it has none.
   */
  patience(): number
  /**
   * Lets go of everything at once, waiting for nothing: step 8, the deadline, and a loop that is closed without its Scope.
   * Idempotent, never throws; what goes wrong is reported as `late`.
   */
  release(): void
}

/** A wait that no interruption ends, and that has no bound of its own. */
export interface EndlessWait {
  /** Whether what it waits for was told to end. Work that goes on may take its time as long as the program does. */
  readonly asked: boolean
  /** Ends the wait and says so; `when` is in words. Called once at most. */
  readonly giveUp: (when: string) => void
}

/** The fiber that has opened a loop which nobody supervises: see `closing/Opener.ts`. */
export interface OpenerState {
  /** When it was found to be told to stop, on the loop's clock, as long as it has not ended. */
  readonly toldAt: number | undefined
  /** That fiber, unless it has ended. */
  readonly running: object | undefined
  /** Bounds a wait by the time that the program has to stop; the result takes that back. */
  bound(wait: EndlessWait): () => void
}

/** How far the closing of a loop is; its methods take it on. `closing/Closing.ts` has the legal states. */
export interface ClosingState {
  /** When stopping began, on the loop's clock; the deadline counts from here. */
  readonly since: number | undefined
  /** The program around which the loop was opened, while it is being stopped. */
  readonly body: Described | undefined
  /** The fiber of the program around which the loop was opened, or that has opened it, while it runs: for dumps. */
  readonly program: object | undefined
  /** The fiber of the program around which the loop was opened: set by who supervises it. */
  supervised: object | undefined
  /** What the program has named, while it runs: see `closing/Named.ts`. */
  readonly named: Set<NamedRow>
  /** Who has opened the loop, where nobody supervises its program. */
  readonly opener: OpenerState | undefined
  /** The steps of S1 have begun. */
  readonly begun: boolean
  /** The deadline has passed and the leftovers are reported: nobody waits for them any more. */
  readonly gaveUp: boolean
  /** What they were. */
  readonly leftovers: ReadonlyArray<Leftover>
  /** What has been waited for, and for how long. */
  readonly times: ReadonlyArray<ClosingTime>
  /** What tasks, jobs and others are told to stop for. It tells of the crash, if one came before. */
  reason(): LoopClosedError
  /** From here on the loop runs until it is closed: what still waits for it is being stopped. */
  stop(): void
  /** `stop`, and the body is told as well: `expire` is called when the deadline has passed before its end. */
  stopBody(body: Described, expire: () => void): void
  /** The body that was being stopped has ended. */
  bodyEnded(): void
  /** The steps of S1 begin. */
  begin(): void
  /** The sweep waits for something: `hurry` and `expire` are called when the deadline is near, and has passed. */
  limit(expire: () => void, hurry: () => void): void
  /** Something is waited for from now on, and what was before no more. */
  waitsFor(step: ClosingStep): void
  /** Nothing is left to wait for. */
  quiet(): void
  /** The last step is done. */
  end(): void
  /** Completes with the last step. Everybody who closes the loop waits for the same closing. */
  readonly ended: Effect.Effect<void>
}

/** Counts what happens on a loop, where the program has asked for metrics. None of it throws. */
export interface Tally {
  /** A report was made. */
  reported(report: Report): void
  /** Somebody waits for what was cancelled to end; what is returned is called at the end of that wait. */
  joining(): () => void
  /** Somebody waits no longer for what has not ended. */
  abandoned(): void
  /** So many things had not ended when a deadline passed. */
  leftOver(count: number): void
}

/** The loop, to what starts fibers on it, waits for it, belongs to it or closes it. */
export interface Home extends BaseEventLoop {
  /** @internal Fibers started from aio code that have not ended. */
  readonly _effects: Set<LoopFiber>
  /** @internal Iterators and resources of one world that the other uses, in registration order. */
  readonly _crossings: Set<OpenCrossing>
  /** @internal Resources that a Scope is to close, while they are open: for dumps. */
  readonly _resources: Set<Described>
  /** @internal What it holds of the system, one for each kind that was used. */
  readonly _capabilities: Set<Registered>
  /** @internal Descriptors that belong to transports of this loop, which nobody else may watch. */
  readonly _transportFds: Map<number, object>
  /** @internal The state that a fiber starts with where no fiber has called the aio code. */
  readonly _base: FiberState
  /** @internal For what must be timed even when the loop is stopped or closed. */
  readonly _clock: LoopClock
  /** @internal How long closing may take, in milliseconds. */
  readonly _closeDeadline: number
  /**
   * @internal What it holds may take so many milliseconds to close: the deadline grows with that where the program has set none.
   * False where the program has set one that is too short. Infinity asks whether it can grow.
   */
  _allowToClose(ms: number): boolean
  /** @internal Whether what crosses the border has spans. */
  readonly _tracing: boolean
  /** @internal Counts what happens, where the program has asked for metrics. */
  readonly _tally: Tally | undefined
  /** @internal Whether a helper process starts its children. */
  readonly _spawnHelper: boolean
  /** @internal Whether it can be seen through a socket. */
  readonly _inspect: boolean
  /** @internal How far its closing is. */
  readonly _closing: ClosingState
  /** @internal The first error that nobody owned. */
  readonly _crash: LoopCrash | undefined
  /** @internal The first error that nobody owns; later ones are logged only. True for the first. */
  _crashWith(cause: unknown, source: string): boolean
  /** @internal Calls `f` at the crash, at once if it has happened; the result takes it back. */
  _onCrash(f: () => void): () => void
  /** @internal Calls `f` when the loop has stopped or closed, at once if it has; the result takes it back. */
  _onStopped(f: () => void): () => void
  /** @internal The Context of a fiber of this loop. */
  _provide(context: Context.Context<never>): Context.Context<never>
  /** @internal Starts an Effect, for the call that is named `what`. */
  _effectAsFuture<A, E>(
    what: string,
    effect: Effect.Effect<A, E>,
    options: EffectOptions,
    origin: Origin
  ): Future<A>
  /** @internal Whether a fiber in this state was started on this loop, or by one that was. */
  _owns(fiber: FiberState): boolean
}
