/** The composition root: the tag, the ways to open a loop, and what Effect code asks of it. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Context from "effect/Context"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  callback,
  currentFiber,
  fiberState,
  keepsInterruptions,
  layerContext,
  layerScoped,
  type LoopClock,
  loopClock,
  prettyLogs,
  pulled,
  type ServiceTag,
  Tag
} from "../effect.js"
import { otherCopy } from "../effect/otherCopy.js"
import { type Bind, bindTo } from "./fiber/bind.js"
import { isThenable } from "./kernel/adopt.js"
import { describeValue } from "./kernel/describe.js"
import { checkWatchable, type Watchable } from "./readers/fdOf.js"
import { EffectLoop } from "./EffectLoop.js"
import { EventLoop, type LoopStatistics } from "./EventLoop.js"
import { checkDumpSignal, dumpOnSignal } from "./inspect/dumpOnSignal.js"
import type { LoopDump } from "./inspect/LoopDump.js"
import type { LoopClosedError, QueueFullError } from "./kernel/errors.js"
import type { FdError, FdPollUnavailableError, LoopCrash, SignalError, SpawnError } from "./errors.js"
import type { Report, ReportKind } from "./kernel/Report.js"
import { named } from "./closing/Named.js"
import { Opener } from "./closing/Opener.js"
import { callSite } from "./closing/origin.js"
import { inBrief } from "./closing/inBrief.js"
import { runMain, type Teardown } from "./closing/Main.js"
import type { MainProcess } from "./closing/MainProcess.js"
import { debugFromEnvironment, NodeHost } from "./host/NodeHost.js"
import type { Host } from "./kernel/ports.js"
import { untilReady } from "./readers/Readers.js"
import { logReport, reportSource } from "./host/Reporter.js"
import { type Subprocess, subprocess } from "./process/Subprocess.js"
import { checkOption, type LoopOptions, type Settings, settingsOf } from "./Settings.js"
import { shutdown } from "./closing/Shutdown.js"
import { checkSignalType } from "./signals/signalNames.js"
import { signalsOf } from "./signals/Signals.js"
import type { SubprocessOptions } from "./process/SubprocessOptions.js"
import { supervise } from "./closing/Supervise.js"
import { keepFiberShapes } from "./fiber/shapes.js"
import { idleHost } from "./kernel/shapes.js"
import { Waiting } from "./fiber/Wait.js"

export type { LoopOptions } from "./Settings.js"

/**
 * How a whole program is run.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions extends LoopOptions {
  /** Decides the exit code. */
  readonly teardown?: Teardown | undefined
  /**
   * A signal on which the process prints what is on its loops, on standard error, while the program runs: SIGUSR2 or another that
   * means nothing else, else SignalError is thrown. `EFFECT_AIO_DUMP=SIGUSR2` in the environment does the same for any program.
   * Default: none.
   */
  readonly dumpOn?: NodeJS.Signals | undefined
}

/**
 * The same in the place of the platform's `NodeRuntime.runMain`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunMainOptions extends RunOptions {
  /** A failure of the program is not logged; its exit code stays. Default false. */
  readonly disableErrorReporting?: boolean | undefined
  /** Logs stay as Effect's default logger writes them, where the program has set none. Default false; means nothing on Effect 4. */
  readonly disablePrettyLogger?: boolean | undefined
}

/** What `Loop.named` makes of an Effect or a Layer in a pipe: the same, on a loop. */
export type NamedWork<W> =
  W extends Effect.Effect<infer A, infer E, infer R>
    ? Effect.Effect<A, E, R | Loop>
    : W extends Layer.Layer<infer A, infer E, infer R>
      ? Layer.Layer<A, E, R | Loop>
      : never

/** What is given to the one exception handler and comes to nobody else: logged, and the loop crashes where it must. */
const defaultReport =
  (loop: () => EventLoop, crashesOn: ReadonlyArray<ReportKind>) =>
  (report: Report): void => {
    const { _base, name } = loop()
    logReport(_base, name, inBrief(report, loop().getDebug()))
    if (report.kind !== undefined && crashesOn.includes(report.kind)) {
      loop()._crashWith(report.exception, reportSource(report))
    }
  }

/** A loop that does nothing. */
const idleLoop = (): EffectLoop => {
  const clock: LoopClock = { live: true, now: () => 0.5, after: () => () => {} }
  return new EffectLoop(
    idleHost,
    { name: "idle" },
    Effect.runSync(fiberState),
    (context) => context,
    clock,
    0,
    0
  )
}

/** Makes what a loop stands on: its arguments are those of `NodeHost`. @internal */
export type HostOf = (...parts: ConstructorParameters<typeof NodeHost>) => Host

const onNode: HostOf = (...parts) => new NodeHost(...parts)

/** @internal What crashes a loop that nobody supervises otherwise. */
export const CRASHES: ReadonlyArray<ReportKind> = ["callback", "background"]

/** @internal Puts a loop together under the Clock, the loggers and the Context of the caller. Nobody closes it yet. */
export const assemble = <L extends EventLoop>(
  Class: new (...parts: ConstructorParameters<typeof EventLoop>) => L,
  settings: Settings,
  crashesOn: ReadonlyArray<ReportKind>,
  hostOf: HostOf = onNode
): Effect.Effect<L> =>
  Effect.gen(function* () {
    const { closeDeadline, grace, metrics, options, slowJoin } = settings
    yield* keepsInterruptions
    const clock = yield* loopClock
    const state = yield* fiberState
    const report = defaultReport(() => loop, crashesOn)
    keepFiberShapes(idleLoop)
    const host = hostOf(clock, options.asyncContext ?? true, report)
    const loop: L = new Class(
      host,
      { ...options, debug: options.debug ?? debugFromEnvironment() },
      state,
      (context) => Context.add(context, Loop, loop),
      clock,
      slowJoin,
      closeDeadline,
      grace,
      options.closeDeadline !== undefined,
      options.spawnHelper === true,
      options.inspect === true
    )
    loop._tracing = options.tracing === true
    loop._watchSlow(settings)
    if (metrics !== undefined) loop._beginMetrics(options.name ?? "loop", metrics)
    loop._start()
    return loop
  })

/** The loop of an Effect program. */
const make = (settings: Settings): Effect.Effect<EventLoop> =>
  assemble(EventLoop, settings, [
    ...CRASHES,
    ...(settings.options.unretrieved === "crash" ? (["unretrieved"] as const) : [])
  ])

/** What the Layers around one share their parts by, while they are built. */
const memoMap: Effect.Effect<Layer.MemoMap> = Effect.flatMap(Effect.context<never>(), (context) => {
  const current = Context.getOption(context as Context.Context<Layer.CurrentMemoMap>, Layer.CurrentMemoMap)
  return current._tag === "Some" ? Effect.succeed(current.value) : Layer.makeMemoMap
})

/** Written out, so that the declaration asks the installed line of Effect for the type. */
const LoopTag: ServiceTag<Loop, "effect-aio/Loop", EventLoop> = Tag<Loop, EventLoop>()("effect-aio/Loop")

/**
 * The event loop as an Effect service.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const loop = yield* Loop
 *   loop.callSoon(() => console.log("on the loop")) // => on the loop
 *   yield* Loop.synchronize
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(Loop.layer())))
 *
 * @category services
 * @since 0.1.0
 */
export class Loop extends LoopTag {
  /**
   * Opens a loop in the caller's Scope. Closing the Scope cancels, awaits and, past `closeDeadline`, names everything
   * that was started on it. A crash begins the closing: see `Loop.crashed`.
   */
  static open(options: LoopOptions = {}): Effect.Effect<EventLoop, never, Scope.Scope> {
    const settings = settingsOf(options)
    return Effect.acquireRelease(
      Effect.tap(make(settings), (loop) =>
        Effect.sync(() => {
          const fiber = currentFiber()
          if (fiber !== undefined) loop._closing.opener = new Opener(loop, fiber)
          // Nobody can be failed here, so the loop closes by itself: waits and later calls fail with LoopClosedError.
          loop._onCrash(() => void Effect.runFork(shutdown(loop)))
        })
      ),
      shutdown
    )
  }

  /**
   * `Loop.open` as a Layer. What runs the program may be whatever runs Effects: when that tells the program to stop, joins have
   * `closeDeadline` from then on, and so has the closing that follows. A Layer cannot fail its user: where the loop crashes it
   * closes, and `Loop.crashed` is there to race with.
   *
   * @example
   * const program = Effect.map(Loop, (loop) => loop.isRunning())
   * console.log(await Effect.runPromise(Effect.provide(program, Loop.layer({ closeDeadline: "5 seconds" })))) // => true
   */
  static layer(options: LoopOptions = {}): Layer.Layer<Loop> {
    return layerScoped(Loop, Loop.open(options))
  }

  /**
   * Runs an effect with a loop of its own, and closes the loop after it. An error nobody owns crashes the loop: the
   * effect is then interrupted, its finalizers are awaited, and the whole fails with {@link LoopCrash} and what the
   * finalizers added.
   *
   * @example
   * const load = fromAio(async () => {
   *   const response = await fetch("data:,hello", { signal: currentSignal() })
   *   return response.text()
   * })
   * const program = Loop.scoped(load(), { closeDeadline: "5 seconds" })
   * console.log(await Effect.runPromise(program)) // => hello
   */
  static scoped<A, E, R>(
    effect: Effect.Effect<A, E, R>,
    options?: LoopOptions
  ): Effect.Effect<A, E | LoopCrash, Exclude<R, Loop>>
  static scoped(
    options?: LoopOptions
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LoopCrash, Exclude<R, Loop>>
  static scoped<A, E, R>(
    effectOrOptions?: Effect.Effect<A, E, R> | LoopOptions,
    options: LoopOptions = {}
  ):
    | Effect.Effect<A, E | LoopCrash, Exclude<R, Loop>>
    | (<A2, E2, R2>(
        effect: Effect.Effect<A2, E2, R2>
      ) => Effect.Effect<A2, E2 | LoopCrash, Exclude<R2, Loop>>) {
    if (Effect.isEffect(effectOrOptions))
      return openAround(effectOrOptions, settingsOf(options), () => Effect.void)
    const why = otherCopy(effectOrOptions)
    if (why !== "")
      throw new TypeError(`Loop.scoped takes an Effect, not ${describeValue(effectOrOptions)}${why}`)
    const settings = settingsOf(effectOrOptions === undefined ? {} : effectOrOptions)
    return (effect) => openAround(effect, settings, () => Effect.void)
  }

  /**
   * Runs a whole program with a loop: the `main` of a process. The first SIGINT or SIGTERM interrupts it and closes
   * everything in order, the second one reports what is left and exits at once, and kills the child processes. The same
   * signal within 200 ms counts once. Exit codes: 0 success, 1 failure, 130 SIGINT, 143 SIGTERM, unless the program failed
   * itself. Uncaught exceptions and unhandled rejections go to the exception handler, which crashes the loop where the
   * program has set none. So does standard output that cannot be written any more. The program may need a Scope, which is
   * closed before the loop. Resolves with the Exit.
   */
  static run<A, E>(
    effect: Effect.Effect<A, E, Loop | Scope.Scope>,
    options: RunOptions = {}
  ): Promise<Exit.Exit<A, E | LoopCrash>> {
    return runProgram("Loop.run", effect, options)
  }

  /**
   * `Loop.run` in the place of `NodeRuntime.runMain`, with its options and its habits: logs for people to read on Effect 3, as the
   * default logger of Effect 4 writes them; and it returns nothing. What `runMain` does not do, this does: it waits no longer
   * than `closeDeadline` for what does not stop, and names it; accidents run finalizers; exit codes tell of the signal.
   *
   * Throws `InvalidStateError` where a program runs in the process already.
   *
   * @example
   * const program = Effect.flatMap(fromAio(() => Promise.resolve("hello"))(), Console.log)
   * Loop.runMain(program, { closeDeadline: "5 seconds", slowJoin: "1 minute" }) // => hello
   */
  static runMain(options?: RunMainOptions): <A, E>(effect: Effect.Effect<A, E, Loop | Scope.Scope>) => void
  static runMain<A, E>(effect: Effect.Effect<A, E, Loop | Scope.Scope>, options?: RunMainOptions): void
  static runMain<A, E>(
    effectOrOptions?: Effect.Effect<A, E, Loop | Scope.Scope> | RunMainOptions,
    options: RunMainOptions = {}
  ): ((effect: Effect.Effect<unknown, unknown, Loop | Scope.Scope>) => void) | void {
    const run = (
      effect: Effect.Effect<unknown, unknown, Loop | Scope.Scope>,
      given: RunMainOptions
    ): void => {
      for (const name of ["disableErrorReporting", "disablePrettyLogger"] as const)
        checkOption(name, given[name], "boolean")
      const { disableErrorReporting, disablePrettyLogger, ...rest } = given
      const around = disablePrettyLogger === true ? asItIs : prettyLogs
      void runProgram("Loop.runMain", effect, rest, around, disableErrorReporting !== true)
    }
    if (Effect.isEffect(effectOrOptions)) return run(effectOrOptions, options)
    const given: unknown = effectOrOptions
    if (given !== undefined && (typeof given !== "object" || isThenable(given) || otherCopy(given) !== "")) {
      throw noProgram("Loop.runMain", given)
    }
    return (effect) => run(effect, effectOrOptions ?? {})
  }

  /**
   * The loop of the caller as a function that takes it out of programs: what it is given needs no `Loop` any more, and no
   * longer fails with `CancelledError`, `LoopClosedError` or `QueueFullError`. For services that are made with a loop and
   * live no longer than it: their users neither know of it nor can do anything about its end.
   *
   * It takes an Effect, a Stream, or a function that gives one, as `fromAio` makes them. **Cancel** is as before. Work that
   * somebody has cancelled, or whose loop is closing, interrupts the caller. **Loop closed**, crashed or full: a defect, which
   * is that error.
   *
   * @example
   * interface Users {
   *   readonly find: (id: number) => Effect.Effect<string, AioError>
   * }
   * // What `Layer.effect` makes a service of.
   * const makeUsers = Effect.gen(function* () {
   *   const bind = yield* Loop.binder
   *   const users: Users = { find: bind(fromAio(async (id: number) => `user ${id}`)) }
   *   return users
   * })
   * const program = Effect.flatMap(makeUsers, (users) => users.find(7))
   * console.log(await Effect.runPromise(Loop.scoped(program))) // => user 7
   */
  static readonly binder: Effect.Effect<Bind<Loop>, never, Loop> = Effect.suspend(() =>
    Effect.map(Loop, (loop) =>
      bindTo<Loop>(loop, {
        effect: (effect) => Effect.provideService(effect, Loop, loop),
        stream: (stream) => Stream.provideService(stream, Loop, loop)
      })
    )
  )

  /**
   * An Effect or a Layer under a name, which its row in reports has: what a shutdown waits for that the loop knows nothing of,
   * such as the finalizer of a server or of a database's pool. It does what it did before.
   *
   * The row is there while the Effect runs or the Layer is built; and while what either has opened in the Scope around it is
   * closed, which is reported as `slowJoin`, too, where it takes longer than that. A Layer is shared as before, by its new
   * value. Called where there is a Scope, it is remembered until that is closed: name what is opened once, not each step of a
   * loop.
   *
   * **Flavor** Effect. **Cancel** as before. **Loop closed** nothing changes. An empty name, and what is neither an Effect nor a
   * Layer, is a `TypeError`.
   *
   * @example
   * const flush = Loop.named("metrics", Console.log("flushed"))
   * await Effect.runPromise(Loop.scoped(Effect.ensuring(Loop.synchronize, flush))) // => flushed
   */
  static named<A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Loop>
  static named<A, E, R>(name: string, layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R | Loop>
  static named(
    name: string
  ): <W extends Effect.Effect<unknown, unknown, unknown> | Layer.Layer<never, unknown, unknown>>(
    work: W
  ) => NamedWork<W>
  static named(...args: readonly [name: string, work?: unknown]): unknown {
    const [name, work] = args
    if (typeof name !== "string" || name === "") {
      throw new TypeError(`Loop.named takes a name, not ${describeValue(name)}`)
    }
    const createdAt = callSite(Loop.named)
    const withName = (given: unknown): unknown => {
      if (Layer.isLayer(given)) {
        const layer = given as Layer.Layer<unknown, unknown, unknown>
        const build = Effect.flatMap(Effect.all([memoMap, Effect.scope]), ([shared, scope]) =>
          Layer.buildWithMemoMap(layer, shared, scope)
        )
        return layerContext(Effect.flatMap(Loop, (loop) => named(loop, name, createdAt, build)))
      }
      if (!Effect.isEffect(given)) {
        throw new TypeError(
          `Loop.named takes an Effect or a Layer, not ${describeValue(given)}${otherCopy(given)}`
        )
      }
      return Effect.flatMap(Loop, (loop) => named(loop, name, createdAt, given))
    }
    return args.length === 1 ? withName : withName(work)
  }

  /** Completes when every callback queued before it has run. Does not wait for timers, nor for what those queue. */
  static readonly synchronize: Effect.Effect<void, never, Loop> = Effect.suspend(() =>
    Effect.flatMap(Loop, (loop) =>
      callback<void>((resume) => {
        if (loop.isClosed()) return resume(Effect.void)
        loop._start()
        const waiting = new Waiting(loop, () => resume(Effect.void))
        loop._afterQueued(() => waiting.run())
      })
    )
  )

  /** Completes when `loop.stop()` has taken effect, or the loop has closed; at once if it is stopped. */
  static readonly waitStopped: Effect.Effect<void, never, Loop> = Effect.suspend(() =>
    Effect.flatMap(Loop, (loop) =>
      callback<void>((resume) => {
        const waiting = new Waiting(loop, () => resume(Effect.void))
        return Effect.sync(loop._onStopped(() => waiting.run()))
      })
    )
  )

  /** Fails when the loop crashes; never completes otherwise. For programs that were given the loop by a Layer. */
  static readonly crashed: Effect.Effect<never, LoopCrash, Loop> = Effect.suspend(() =>
    Effect.flatMap(Loop, (loop) =>
      callback<never, LoopCrash>((resume) => {
        const waiting = new Waiting(loop, () => resume(Effect.fail(loop._crash as LoopCrash)))
        return Effect.sync(loop._onCrash(() => waiting.run()))
      })
    )
  )

  /**
   * The deliveries of a signal, by its name, for as long as the Stream runs: beside `addSignalHandler`, other Streams and
   * what else listens in the process. Deliveries that come while the consumer is busy are kept, all of them.
   *
   * **Flavor** Effect. **Starts** it watches from when the Stream is run, for every run anew. **Cancel** leaving the
   * Stream ends the watch; there is nothing to wait for. **Loop closed** fails with LoopClosedError, after what was
   * delivered before.
   *
   * **Gotchas** See `addSignalHandler`, also for which signals are refused: here with a failure, SignalError. Under
   * `Loop.run`, SIGINT and SIGTERM interrupt the program all the same.
   *
   * @example
   * const reload = Console.log("reloads")
   * const program = Effect.gen(function* () {
   *   yield* Loop.synchronize
   *   process.kill(process.pid, "SIGHUP")
   * })
   * const reloads = Loop.signal("SIGHUP").pipe(Stream.take(1), Stream.runForEach(() => reload)) // => reloads
   * const both = Effect.all([reloads, program], { concurrency: "unbounded" })
   * await Effect.runPromise(Loop.scoped(both))
   */
  static signal(
    signal: NodeJS.Signals | number
  ): Stream.Stream<NodeJS.Signals, SignalError | LoopClosedError, Loop> {
    checkSignalType("Loop.signal", signal)
    return pulled(Effect.flatMap(Loop, (loop) => signalsOf(loop).open(signal)))
  }

  /**
   * Completes when a file descriptor or stream can be read, once: see `addReader` for what may be given. Several fibers may
   * wait for the same one, beside a reader.
   *
   * **Flavor** Effect. **Starts** it watches from when the Effect is run. **Cancel** interruption takes the wait back and
   * leaves nothing registered. **Loop closed** fails with LoopClosedError.
   *
   * **Gotchas**
   * - Fails with FdError and FdPollUnavailableError where `addReader` throws them; what has no descriptor, and what
   *   belongs to a transport, is a defect.
   * - A descriptor that is closed while it is waited for is silent: the wait goes on until it is interrupted.
   * - A FIFO stays readable once its last writer has gone: keep one of your own open.
   * - A wake may be spurious: expect EAGAIN.
   * - Several fibers that wait for one descriptor are all resumed, and the first one may read it all.
   *
   * @example
   * import { PassThrough } from "node:stream"
   *
   * const stream = new PassThrough()
   * const program = Effect.gen(function* () {
   *   const loop = yield* Loop
   *   loop.callSoon(() => stream.write("hello"))
   *   yield* Loop.readable(stream)
   *   return String(stream.read())
   * })
   * console.log(await Effect.runPromise(Loop.scoped(program))) // => hello
   */
  static readable(
    fd: Watchable
  ): Effect.Effect<void, FdError | FdPollUnavailableError | LoopClosedError | QueueFullError, Loop> {
    checkWatchable("Loop.readable", fd)
    return Effect.flatMap(Loop, (loop) => untilReady(loop, "reader", fd))
  }

  /**
   * `Loop.readable` for writing: completes when something can be written, or the write will say why not.
   *
   * @example
   * import { PassThrough } from "node:stream"
   *
   * const stream = new PassThrough()
   * const program = Effect.gen(function* () {
   *   yield* Loop.writable(stream)
   *   return stream.write("hello")
   * })
   * console.log(await Effect.runPromise(Loop.scoped(program))) // => true
   */
  static writable(
    fd: Watchable
  ): Effect.Effect<void, FdError | FdPollUnavailableError | LoopClosedError | QueueFullError, Loop> {
    checkWatchable("Loop.writable", fd)
    return Effect.flatMap(Loop, (loop) => untilReady(loop, "writer", fd))
  }

  /**
   * Starts a program as a child process that belongs to the caller's Scope. Closing the Scope sends SIGTERM to the process
   * and all of its group, SIGKILL after `killGrace` (2 seconds), waits until nothing of it runs, and closes its pipes.
   *
   * By default `stdin` and `stdout` are pipes, `stderr` is the parent's, and the process leads a group of its own
   * (`detached`): a Ctrl-C in the terminal then reaches it through the closing of the Scope only. The program is looked up
   * on the PATH of its own environment. For a shell command: `Loop.subprocess("sh", ["-c", command])`.
   *
   * **Flavor** Effect. **Starts** when the Effect runs. **Cancel** see {@link Subprocess}; an interruption that meets the
   * start closes what was started. **Loop closed** fails with LoopClosedError; a loop that closes ends its processes.
   *
   * Fails with {@link SpawnError} for a missing program, a bad `cwd`, a missing permission; what is wrong with the
   * arguments is a defect, `TypeError` or `RangeError`.
   *
   * **Gotchas**
   * - Output that nobody reads makes the child wait, for ever where it is longer than the pipe: lead it to `"devnull"`.
   * - So does input that nobody ends: run a Stream into `stdin`, the empty one at the least.
   * - A parent that leaves by `process.exit` kills it at once; one that gets SIGKILL ends nothing.
   * - What leaves the group (`setsid`) is not ended.
   * - Death by a real-time signal looks like exit code 0, because Node does not tell it.
   *
   * @example
   * const program = Effect.gen(function* () {
   *   const words = yield* Loop.subprocess("printf", ["b\\na\\nb\\n"], { stdin: "devnull" })
   *   const sort = yield* Loop.subprocess("sort", ["-u"], { env: { ...process.env, LC_ALL: "C" } })
   *   yield* Effect.forkScoped(Stream.run(words.stdout, sort.stdin))
   *   const sorted = yield* Stream.mkString(Stream.decodeText(sort.stdout))
   *   const code = yield* sort.exitCode
   *   return [sorted.split("\n").join(" "), code, sort.returncode]
   * })
   * console.log(...(await Effect.runPromise(Loop.scoped(Effect.scoped(program))))) // => a b  0 0
   */
  static subprocess(
    command: string | URL,
    args: ReadonlyArray<string | URL> = [],
    options: SubprocessOptions = {}
  ): Effect.Effect<Subprocess, SpawnError | LoopClosedError | QueueFullError, Loop | Scope.Scope> {
    return Effect.flatMap(Loop, (loop) => subprocess(loop, command, args, options))
  }

  /** The loop's numbers. */
  static readonly statistics: Effect.Effect<LoopStatistics, never, Loop> = Effect.suspend(() =>
    Effect.map(Loop, (loop) => loop.statistics())
  )

  /**
   * Brings the metrics of the loop up to date that are counted by looking: before they are read, for one.
   *
   * **Flavor** Effect. **Starts** at once. **Loop closed** does nothing. A loop that was opened without `metrics` is a defect,
   * `InvalidStateError`.
   *
   * @example
   * const program = Effect.gen(function* () {
   *   const loop = yield* Loop
   *   loop.callLater(60_000, () => {})
   *   yield* Loop.sampleMetrics
   *   const series = yield* Metric.snapshot
   *   return JSON.stringify(series).includes("effect_aio_timers")
   * })
   * console.log(await Effect.runPromise(Loop.scoped(program, { metrics: true }))) // => true
   */
  static readonly sampleMetrics: Effect.Effect<void, never, Loop> = Effect.suspend(() =>
    Effect.map(Loop, (loop) => loop.sampleMetrics())
  )

  /**
   * What is on the loop now, and who waits for whom: see {@link LoopDump}.
   *
   * **Flavor** Effect. **Starts** at once. **Loop closed** what is left then.
   */
  static readonly dump: Effect.Effect<LoopDump, never, Loop> = Effect.suspend(() =>
    Effect.map(Loop, (loop) => loop.dump())
  )
}

const openAround = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  settings: Settings,
  opened: (loop: EventLoop) => Effect.Effect<void>
): Effect.Effect<A, E | LoopCrash, Exclude<R, Loop>> =>
  supervise(Effect.tap(make(settings), opened), (loop) => Effect.provideService(effect, Loop, loop))

const asItIs = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => effect

const noProgram = (what: string, given: unknown): TypeError =>
  new TypeError(
    `${what} takes an Effect, not ${describeValue(given)}${otherCopy(given) || "; wrap aio code with fromAio"}`
  )

/** @internal Throws before anything is opened. `around` is put around all of it, the loop's own reports included. */
export const runProgram = <A, E>(
  what: string,
  effect: Effect.Effect<A, E, Loop | Scope.Scope>,
  options: RunOptions,
  around: typeof asItIs = asItIs,
  reportsErrors = true,
  process?: MainProcess
): Promise<Exit.Exit<A, E | LoopCrash>> => {
  if (!Effect.isEffect(effect)) throw noProgram(what, effect)
  const settings = settingsOf(options)
  checkOption("teardown", options.teardown, "function")
  const dumpOn = options.dumpOn === undefined ? undefined : checkDumpSignal("dumpOn", options.dumpOn)
  const quiet = dumpOn === undefined ? undefined : dumpOnSignal(dumpOn)
  return runMain(
    `${what}()`,
    (opened) => around(openAround(Effect.scoped(effect), settings, opened)),
    { ...settings, teardown: options.teardown, reportsErrors },
    process
  ).finally(quiet)
}
