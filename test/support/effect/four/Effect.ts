import * as Clock from "effect4/Clock"
import type * as Context from "effect4/Context"
import type * as Duration from "effect4/Duration"
import * as E from "effect4/Effect"
import type * as Exit from "effect4/Exit"
import type * as Fiber from "effect4/Fiber"
import { dual } from "effect4/Function"
import * as Latch from "effect4/Latch"
import * as Metric from "effect4/Metric"
import * as Result from "effect4/Result"
import * as Scheduler from "effect4/Scheduler"
import * as Semaphore from "effect4/Semaphore"
import type * as Either from "./Either.js"
import { type FiberRef, setIn } from "./FiberRef.js"
import { Interruption } from "./RuntimeFlags.js"
export * from "effect4/Effect"

export type Effect<A, X = never, R = never> = E.Effect<A, X, R>

// ---- making ----

/** With `this` for the generator before it. */
export const gen = (...args: ReadonlyArray<any>): Effect<any, any, any> =>
  args.length === 1 ? E.gen(args[0]) : E.gen({ self: args[0] }, args[1])

export const async = <A, X = never, R = never>(
  register: (resume: (effect: Effect<A, X, R>) => void, signal: AbortSignal) => Effect<void, never, R> | void
): Effect<A, X, R> => E.callback(register)

export const yieldNow = (): Effect<void> => E.yieldNow

export const runtime = <R = never>(): Effect<Context.Context<R>, never, R> => E.context<R>()

export const withFiberRuntime = <A, X = never, R = never>(
  use: (fiber: Fiber.Fiber<A, X>) => Effect<A, X, R>
): Effect<A, X, R> => E.withFiber((fiber) => use(fiber as Fiber.Fiber<A, X>))

export const makeLatch = (open?: boolean): Effect<Latch.Latch> => Latch.make(open)

export const makeSemaphore = (permits: number): Effect<Semaphore.Semaphore> => Semaphore.make(permits)

export const getRuntimeFlags: Effect<number> = E.withFiber((fiber) =>
  E.succeed((fiber as unknown as Flagged).interruptible ? Interruption : 0)
)

export const patchRuntimeFlags = (flags: number): Effect<void> =>
  E.withFiber((fiber) => {
    ;(fiber as unknown as Flagged).interruptible = flags === Interruption
    return E.void
  })

/** What a fiber's type does not tell of. */
interface Flagged {
  interruptible: boolean
}

// ---- one after the other ----

export const zipRight: {
  <B, X2, R2>(that: Effect<B, X2, R2>): <A, X, R>(self: Effect<A, X, R>) => Effect<B, X | X2, R | R2>
  <A, X, R, B, X2, R2>(self: Effect<A, X, R>, that: Effect<B, X2, R2>): Effect<B, X | X2, R | R2>
} = dual(2, (self: Effect<any>, that: Effect<any>) => E.flatMap(self, () => that))

export const zipLeft: {
  <B, X2, R2>(that: Effect<B, X2, R2>): <A, X, R>(self: Effect<A, X, R>) => Effect<A, X | X2, R | R2>
  <A, X, R, B, X2, R2>(self: Effect<A, X, R>, that: Effect<B, X2, R2>): Effect<A, X | X2, R | R2>
} = dual(2, (self: Effect<any>, that: Effect<any>) => E.tap(self, () => that))

/** What a callback may give where Effect 3 takes an Effect: anything. */
const lifted = (given: unknown, x: unknown): Effect<any> => {
  const result: unknown = typeof given === "function" ? (given as (x: unknown) => unknown)(x) : given
  return E.isEffect(result) ? (result as Effect<any>) : E.succeed(result)
}

export const tap: {
  (f: unknown): <A, X, R>(self: Effect<A, X, R>) => Effect<A, X, R>
  <A, X, R>(self: Effect<A, X, R>, f: unknown): Effect<A, X, R>
} = dual(2, (self: Effect<any>, f: unknown) => E.tap(self, (x: unknown) => lifted(f, x)))

export const andThen: {
  (f: unknown): (self: Effect<any>) => Effect<any>
  (self: Effect<any>, f: unknown): Effect<any>
} = dual(2, (self: Effect<any>, f: unknown) => E.flatMap(self, (x: unknown) => lifted(f, x)))

export const repeatN: {
  (n: number): <A, X, R>(self: Effect<A, X, R>) => Effect<A, X, R>
  <A, X, R>(self: Effect<A, X, R>, n: number): Effect<A, X, R>
} = dual(2, (self: Effect<any>, n: number) => E.repeat(self, { times: n }))

// ---- failures ----

export const catchAll = E.catch
export const catchAllCause = E.catchCause
export const catchAllDefect = E.catchDefect

/** A defect with this message. */
export const dieMessage = (message: string): Effect<never> => E.die(new Error(message))

export const either = <A, X, R>(self: Effect<A, X, R>): Effect<Either.Either<A, X>, never, R> =>
  E.map(E.result(self), (result) =>
    Result.isFailure(result)
      ? { _tag: "Left", left: result.failure }
      : { _tag: "Right", right: result.success }
  )

export const timeoutFail: {
  <X2>(options: TimeoutFail<X2>): <A, X, R>(self: Effect<A, X, R>) => Effect<A, X | X2, R>
  <A, X, R, X2>(self: Effect<A, X, R>, options: TimeoutFail<X2>): Effect<A, X | X2, R>
} = dual(2, (self: Effect<any>, { duration, onTimeout }: TimeoutFail<any>) =>
  E.timeoutOrElse(self, { duration, orElse: () => E.fail(onTimeout()) })
)

export const timeoutTo: {
  <A, B, B2>(options: TimeoutTo<A, B, B2>): <X, R>(self: Effect<A, X, R>) => Effect<B | B2, X, R>
  <A, X, R, B, B2>(self: Effect<A, X, R>, options: TimeoutTo<A, B, B2>): Effect<B | B2, X, R>
} = dual(2, (self: Effect<any>, { duration, onSuccess, onTimeout }: TimeoutTo<any, any, any>) =>
  E.timeoutOrElse(E.map(self, onSuccess), { duration, orElse: () => E.sync(onTimeout) })
)

interface TimeoutTo<A, B, B2> {
  readonly duration: Duration.Input
  readonly onSuccess: (value: A) => B
  readonly onTimeout: () => B2
}

interface TimeoutFail<X> {
  readonly duration: Duration.Input
  readonly onTimeout: () => X
}

// ---- fibers: those of Effect 3 begin at once, and inherit whether they can be interrupted ----

const asEffect3 = { startImmediately: true, uninterruptible: "inherit" } as const

export const fork = <A, X, R>(self: Effect<A, X, R>): Effect<Fiber.Fiber<A, X>, never, R> =>
  E.forkChild(self, asEffect3)

export const forkDaemon = <A, X, R>(self: Effect<A, X, R>): Effect<Fiber.Fiber<A, X>, never, R> =>
  E.forkDetach(self, asEffect3)

export const forkScoped = <A, X, R>(self: Effect<A, X, R>) => E.forkScoped(self, asEffect3)

export const forkIn: {
  (scope: any): <A, X, R>(self: Effect<A, X, R>) => Effect<Fiber.Fiber<A, X>, never, R>
  <A, X, R>(self: Effect<A, X, R>, scope: any): Effect<Fiber.Fiber<A, X>, never, R>
} = dual(2, (self: Effect<any>, scope: any) => E.forkIn(self, scope, asEffect3))

export const forkAll = <A, X, R>(
  effects: Iterable<Effect<A, X, R>>
): Effect<ReadonlyArray<Fiber.Fiber<A, X>>, never, R> => E.all([...effects].map((effect) => fork(effect)))

// ---- what surrounds an effect ----

export const locally: {
  <A>(ref: FiberRef<A>, value: A): <B, X, R>(self: Effect<B, X, R>) => Effect<B, X, R>
  <B, X, R, A>(self: Effect<B, X, R>, ref: FiberRef<A>, value: A): Effect<B, X, R>
} = dual(3, (self: Effect<any>, ref: FiberRef<any>, value: unknown) =>
  E.updateContext(self, (context) => setIn(context, ref, value))
)

export const mapInputContext: {
  <R, R2>(
    f: (context: Context.Context<R2>) => Context.Context<R>
  ): <A, X>(self: Effect<A, X, R>) => Effect<A, X, R2>
  <A, X, R, R2>(
    self: Effect<A, X, R>,
    f: (context: Context.Context<R2>) => Context.Context<R>
  ): Effect<A, X, R2>
} = E.updateContext

export const withClock: {
  (clock: Clock.Clock): <A, X, R>(self: Effect<A, X, R>) => Effect<A, X, R>
  <A, X, R>(self: Effect<A, X, R>, clock: Clock.Clock): Effect<A, X, R>
} = dual(2, (self: Effect<any>, clock: Clock.Clock) => E.provideService(self, Clock.Clock, clock))

/** What a Scheduler of Effect 3 is made of. */
interface Scheduler3 {
  shouldYield(fiber: unknown): number | false
  scheduleTask(task: () => void, priority: number): void
}

export const withScheduler: {
  (scheduler: Scheduler3): <A, X, R>(self: Effect<A, X, R>) => Effect<A, X, R>
  <A, X, R>(self: Effect<A, X, R>, scheduler: Scheduler3): Effect<A, X, R>
} = dual(2, (self: Effect<any>, scheduler: Scheduler3) =>
  E.provideService(self, Scheduler.Scheduler, {
    executionMode: "async",
    shouldYield: (fiber) => scheduler.shouldYield(fiber) !== false,
    makeDispatcher: () => ({
      scheduleTask: (task, priority) => scheduler.scheduleTask(task, priority),
      flush: () => {}
    })
  })
)

// ---- metrics ----

export const tagMetrics =
  (key: string, value: string) =>
  <A, X, R>(self: Effect<A, X, R>): Effect<A, X, R> =>
    E.updateService(self, Metric.CurrentMetricAttributes, (attributes) => ({ ...attributes, [key]: value }))

export type { Exit }
