/**
 * The loop as its parts see it, and what may hold it up when it closes: types only. A room of this floor starts fibers,
 * waits, belongs to a loop or closes it through `Home`, and never names the class that is built from those rooms. The
 * kernel's `ports.ts` does the same one floor down.
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { FiberState, LoopClock } from "../effect.js"
import type { BaseEventLoop } from "./kernel/BaseEventLoop.js"
import type { LoopCrash } from "./errors.js"
import type { Future } from "./kernel/Future.js"

/**
 * One thing that has not stopped, or that is still watched: a row of a report.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leftover {
  readonly what:
    | "task"
    | "effect"
    | "iterator"
    | "resource"
    | "job"
    | "process"
    | "reader"
    | "writer"
    | "signal"
    | "handle"
  readonly name: string
  /** Milliseconds since it was created. */
  readonly age: number
  readonly state: string
  readonly waitingOn: string
  readonly createdAt: string
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

/** What has a row of its own in a report. */
export interface Described {
  describe(): Leftover
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

/** The steps of the closing at which capabilities are asked, in their order: 6, 7 and 8 of S1. */
export type Step = "executors" | "processes" | "watchers"

/** What capabilities hold, as numbers. */
export interface Held {
  /** File descriptors and streams with a reader. */
  readonly readers: number
  /** File descriptors and streams with a writer. */
  readonly writers: number
  /** Signals with a handler or a Stream. */
  readonly signals: number
  /** Child processes that have not ended. */
  readonly processes: number
  /** Jobs of this loop in executors, queued or running. */
  readonly jobs: number
  /** Handles of this loop that other threads may call. */
  readonly handles: number
}

/** What a loop holds of the system, of one kind. */
export interface Capability {
  readonly step: Step
  numbers(): Partial<Held>
  /** What it holds, for reports: by file descriptor, signal, pid and command, job. */
  held(): ReadonlyArray<Leftover>
  /** Whether the closing has nothing to do or to wait for here. Always true for what is only watched. */
  quiet(): boolean
  /**
   * The closing has come to its step: asks what it holds to end, insists where that takes too long, and calls `then` once
   * when all of that has ended. May be called again for what was started meanwhile. Not called where it is quiet.
   */
  close(then: () => void): void
  /**
   * Lets go of everything at once, waiting for nothing: step 8, the deadline, and a loop that is closed without its Scope.
   * From then on it refuses everything. Idempotent, never throws; what goes wrong is reported as `late`.
   */
  release(): void
}

/** The loop, to what starts fibers on it, waits for it, belongs to it or closes it. */
export interface Home extends BaseEventLoop {
  /** @internal Fibers started from aio code that have not ended. */
  readonly _effects: Set<LoopFiber>
  /** @internal Iterators and resources of one world that the other uses, in registration order. */
  readonly _crossings: Set<OpenCrossing>
  /** @internal What it holds of the system, one for each kind that was used. */
  readonly _capabilities: Set<Capability>
  /** @internal Descriptors that belong to transports of this loop, which nobody else may watch. */
  readonly _transportFds: Map<number, object>
  /** @internal The state that a fiber starts with where no fiber has called the aio code. */
  readonly _base: FiberState
  /** @internal For what must be timed even when the loop is stopped or closed. */
  readonly _clock: LoopClock
  /** @internal How long closing may take, in milliseconds. */
  readonly _closeDeadline: number
  /** @internal The closing, once it has begun. */
  _closing: Effect.Effect<void> | undefined
  /** @internal When stopping began, on the loop's clock; the deadline counts from here. */
  _closingSince: number | undefined
  /** @internal The deadline has passed and the leftovers are reported: nobody waits for them any more. */
  _gaveUp: boolean
  /** @internal The program around which this loop was opened, while it is being stopped. */
  _body: Described | undefined
  /** @internal The first error that nobody owned. */
  readonly _crash: LoopCrash | undefined
  /** @internal The first error that nobody owns; later ones are logged only. True for the first. */
  _crashWith(cause: unknown, source: string): boolean
  /** @internal Calls `f` at the crash, at once if it has happened; the result takes it back. */
  _onCrash(f: () => void): () => void
  /** @internal Calls `f` when the loop has stopped or closed, at once if it has; the result takes it back. */
  _onStopped(f: () => void): () => void
  /** @internal From here on the loop runs until it is closed. */
  _beginStopping(): void
  /** @internal S1, step 8, and the end of a loop that is closed at once. */
  _releaseCapabilities(): void
  /** @internal An outcome arrived after its receiver had gone, and was dropped. */
  _countLate(): void
  /** @internal The Context of a fiber of this loop. */
  _provide(context: Context.Context<never>): Context.Context<never>
  /** @internal Starts an Effect, for the call that is named `what`; `state` is for where no fiber has called. */
  _effectAsFuture<A, E>(
    what: string,
    effect: Effect.Effect<A, E>,
    options: EffectOptions,
    contextFor: ContextFor,
    state?: FiberState
  ): Future<A>
  /** @internal Whether a fiber in this state was started on this loop, or by one that was. */
  _owns(fiber: FiberState): boolean
}
