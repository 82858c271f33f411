/**
 * The loop with what Node lets it watch and run: file descriptors and streams, signals, child processes, worker
 * threads, other threads. The one file of the aio side that knows all capabilities, as their table of contents: what a
 * method does is said in the interface of its capability (`readers/ReaderMethods.ts` and so on), and a capability is
 * made when it is first used.
 */
import type { DurationInput } from "../effect.js"
import { numbersOf } from "./closing/Capability.js"
import { EffectLoop, type EffectLoopStatistics } from "./EffectLoop.js"
import type { Executor } from "./executor/Executor.js"
import type { ExecutorMethods } from "./executor/ExecutorMethods.js"
import { type JobNumbers, Executors, executorsOf } from "./executor/Executors.js"
import type { JobArguments, JobContext, JobValue, ModuleJob } from "./executor/ModuleJob.js"
import type { Future } from "./kernel/Future.js"
import { rememberSite } from "./kernel/sites.js"
import { beSeen } from "./inspect/beSeen.js"
import { LoopDump } from "./inspect/LoopDump.js"
import type { LoopMetrics } from "./inspect/metrics/LoopMetrics.js"
import { startMetrics } from "./inspect/metrics/startMetrics.js"
import { lookNowAndThen, SlowTasks } from "./inspect/slow/SlowTasks.js"
import { watchTurns } from "./inspect/slow/turns.js"
import { InvalidStateError } from "./kernel/errors.js"
import type { MetricsSettings, Settings } from "./Settings.js"
import type { WatchHandle } from "./kernel/WatchHandle.js"
import {
  createSubprocess,
  type Known,
  type ProcessOf,
  type ProcessOptions
} from "./process/createSubprocess.js"
import type { ProcessMethods } from "./process/ProcessMethods.js"
import { type ProcessNumbers, Processes } from "./process/Processes.js"
import { shellCommand, startSubprocess } from "./process/startSubprocess.js"
import type { SubprocessOptions } from "./process/SubprocessOptions.js"
import type { SubprocessProtocol, SubprocessTransport } from "./process/SubprocessTransport.js"
import type { Watchable } from "./readers/fdOf.js"
import { connectReadPipe, connectWritePipe } from "./network/connecting/connectPipe.js"
import { createDatagramEndpoint, type DatagramOptions } from "./network/datagram/createDatagramEndpoint.js"
import type { DatagramProtocol, DatagramTransport } from "./network/datagram/DatagramTransport.js"
import type { EndpointMethods } from "./network/EndpointMethods.js"
import { getaddrinfo, type ResolveOptions } from "./network/names/getaddrinfo.js"
import { getnameinfo, type NameInfo } from "./network/names/getnameinfo.js"
import {
  openConnection,
  openUnixConnection,
  startServer,
  startUnixServer,
  type StreamOptions
} from "./network/streams/openStreams.js"
import type { PipeEnd, PipeProtocol } from "./network/connecting/connectPipe.js"
import type { SocketAddress } from "./network/Address.js"
import type { StreamMethods } from "./network/streams/StreamMethods.js"
import type { ClientConnected } from "./network/streams/StreamReaderProtocol.js"
import type { PipeTransport } from "./stream/PipeTransport.js"
import type { StartTlsOptions } from "./stream/StartTlsOptions.js"
import type { StreamReader } from "./stream/StreamReader.js"
import type { StreamWriter } from "./stream/StreamWriter.js"
import type { ReaderMethods } from "./readers/ReaderMethods.js"
import type {
  AcceptedSocketOptions,
  AdoptedSocket,
  ConnectionOptions,
  UnixConnectionOptions
} from "./network/connecting/createConnection.js"
import {
  connectAcceptedSocket,
  createConnection,
  createUnixConnection,
  startTls
} from "./network/connecting/createConnection.js"
import {
  createServer,
  createUnixServer,
  type ServerOptions,
  type UnixServerOptions
} from "./network/listening/createServer.js"
import { Network, type NetworkNumbers } from "./network/Network.js"
import type { NetworkMethods } from "./network/NetworkMethods.js"
import type { BufferedProtocol, Protocol } from "./network/Protocol.js"
import type { Server } from "./network/listening/Server.js"
import type { SocketTransport } from "./network/SocketTransport.js"
import { type ReaderNumbers, Readers, readersOf } from "./readers/Readers.js"
import type { SignalMethods } from "./signals/SignalMethods.js"
import { type SignalNumbers, Signals, signalsOf } from "./signals/Signals.js"
import type { OfferedHandle } from "./thread/OfferedHandle.js"
import { type OfferNumbers, type OfferOptions, Offers, offersOf } from "./thread/Offers.js"
import type { ThreadFunctions } from "./thread/threadMessages.js"
import type { ThreadMethods } from "./thread/ThreadMethods.js"
import { OwnedWorkers, type WorkerNumbers } from "./worker/OwnedWorkers.js"

/**
 * What a loop holds, as numbers. A snapshot.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopStatistics
  extends
    EffectLoopStatistics,
    ReaderNumbers,
    SignalNumbers,
    ProcessNumbers,
    JobNumbers,
    OfferNumbers,
    NetworkNumbers,
    WorkerNumbers {}

/** @internal The part of capabilities that were not used. */
export const nothingHeld = {
  ...Readers.none,
  ...Signals.none,
  ...Processes.none,
  ...Executors.none,
  ...Offers.none,
  ...Network.none,
  ...OwnedWorkers.none
}

/**
 * The event loop of an Effect program: asyncio's methods, and `effectAsFuture` and `runEffectTask` to start Effects
 * from aio code. Everything that is started on it belongs to the Scope it was opened in.
 *
 * Effect code has it as the service `Loop`, aio code as `getRunningLoop()`; a program whose top level is not Effect
 * makes a `SyncLoop`, which is one, too.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const loop = yield* Loop
 *   const done = loop.createFuture<string>()
 *   loop.callLater(10, () => done.setResult("done"))
 *   return yield* runAioFuture(done)
 * })
 * console.log(await Effect.runPromise(Loop.scoped(program))) // => done
 *
 * @category models
 * @since 0.1.0
 */
export class EventLoop
  extends EffectLoop
  implements
    ReaderMethods,
    SignalMethods,
    ProcessMethods,
    ExecutorMethods,
    ThreadMethods,
    NetworkMethods,
    EndpointMethods,
    StreamMethods
{
  readonly #unlist = beSeen(this)
  #metrics: LoopMetrics | undefined
  /** Kept here alone: what looks at it does not keep a loop that was forgotten. */
  #slowTasks: SlowTasks | undefined
  readonly #watches: Array<() => void> = []

  /**
   * What is on the loop now, and who waits for whom: a table as text, a tree, a graph, or JSON. It changes nothing, and may be
   * asked for inside any callback, also of a loop that is stopped or closed.
   *
   * @example
   * const loop = SyncLoop.make({ name: "main" })
   * const nap = loop.createTask(() => sleep(60_000), { name: "nap" })
   * await loop.runUntilComplete(() => loop.sleep(0))
   * console.log(loop.dump().rows.map(({ name, what }) => `${what} ${name}`).includes("task nap")) // => true
   * nap.cancel()
   * await loop.close()
   */
  dump(): LoopDump {
    return new LoopDump(this)
  }

  /** @internal Writes metrics from now on, with this label in the place of its name. */
  _beginMetrics(label: string, settings: MetricsSettings): void {
    this._tally = this.#metrics = startMetrics(this, label, settings)
  }

  /** @internal Reports what takes long from now on. Milliseconds; Infinity for never. */
  _watchSlow({ slowTask, slowTurn }: Pick<Settings, "slowTask" | "slowTurn">): void {
    if (slowTurn !== Infinity) this.#watches.push(watchTurns(this, slowTurn))
    if (slowTask === Infinity) return
    this.#slowTasks = new SlowTasks(this, slowTask)
    this.#watches.push(lookNowAndThen(this.#slowTasks))
  }

  /**
   * Brings the metrics of the loop up to date that are counted by looking, as is done every `metrics.interval`: before they are
   * read, for one. Throws `InvalidStateError` on a loop that was opened without `metrics`; does nothing on a closed one.
   *
   * @example
   * const loop = SyncLoop.make({ name: "main", metrics: true })
   * loop.callLater(60_000, () => {})
   * loop.sampleMetrics()
   * const series = Effect.runSync(Metric.snapshot)
   * console.log(JSON.stringify(series).includes("effect_aio_timers")) // => true
   * await loop.close()
   */
  sampleMetrics(): void {
    if (this.#metrics === undefined) {
      throw new InvalidStateError(
        `sampleMetrics() on ${this.name}, which writes no metrics: open it with { metrics: true }`
      )
    }
    this.#metrics.sample()
  }

  /** @internal */
  override _close(cause: unknown): void {
    this.#unlist()
    super._close(cause)
    for (const end of this.#watches.splice(0)) end()
    this.#metrics?.end()
  }

  override statistics(): LoopStatistics {
    return { ...super.statistics(), ...nothingHeld, ...numbersOf(this) }
  }

  addReader<Args extends ReadonlyArray<unknown>>(
    fd: Watchable,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle {
    return this.#site(readersOf(this).add("addReader", "reader", fd, callback, args), this.addReader)
  }

  removeReader(fd: Watchable): boolean {
    return readersOf(this).remove("removeReader", "reader", fd)
  }

  addWriter<Args extends ReadonlyArray<unknown>>(
    fd: Watchable,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle {
    return this.#site(readersOf(this).add("addWriter", "writer", fd, callback, args), this.addWriter)
  }

  removeWriter(fd: Watchable): boolean {
    return readersOf(this).remove("removeWriter", "writer", fd)
  }

  autoclose(fd: Watchable): void {
    readersOf(this).autoclose(fd)
  }

  noAutoclose(fd: Watchable): void {
    readersOf(this).noAutoclose(fd)
  }

  /** In debug mode, the caller of a method is where its Handle was created. */
  #site(handle: WatchHandle, above: object): WatchHandle {
    if (this.getDebug()) rememberSite(handle, above)
    return handle
  }

  addSignalHandler<Args extends ReadonlyArray<unknown>>(
    signal: NodeJS.Signals | number,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle {
    return signalsOf(this).add(signal, callback, args)
  }

  removeSignalHandler(signal: NodeJS.Signals | number): boolean {
    return signalsOf(this).remove(signal)
  }

  subprocessExec<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    program: string | URL,
    args: ReadonlyArray<string | URL> = [],
    options: SubprocessOptions = {}
  ): Future<[transport: SubprocessTransport, protocol: P]> {
    return startSubprocess(this, "subprocessExec", protocolFactory, [program, args], options)
  }

  subprocessShell<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    command: string,
    options: SubprocessOptions = {}
  ): Future<[transport: SubprocessTransport, protocol: P]> {
    return startSubprocess(this, "subprocessShell", protocolFactory, shellCommand(command), options)
  }

  createSubprocessExec(
    program: string | URL,
    args?: ReadonlyArray<string | URL>,
    options?: undefined
  ): Future<ProcessOf<Record<never, never>>>
  createSubprocessExec<const O extends ProcessOptions>(
    program: string | URL,
    args: ReadonlyArray<string | URL> | undefined,
    options: Known<O>
  ): Future<ProcessOf<O>>
  createSubprocessExec<const O extends ProcessOptions>(
    program: string | URL,
    args: ReadonlyArray<string | URL> = [],
    options?: Known<O>
  ): Future<ProcessOf<O>> {
    return createSubprocess<O>(this, "createSubprocessExec", [program, args], options)
  }

  createSubprocessShell(command: string, options?: undefined): Future<ProcessOf<Record<never, never>>>
  createSubprocessShell<const O extends ProcessOptions>(
    command: string,
    options: Known<O>
  ): Future<ProcessOf<O>>
  createSubprocessShell<const O extends ProcessOptions>(
    command: string,
    options?: Known<O>
  ): Future<ProcessOf<O>> {
    return createSubprocess<O>(this, "createSubprocessShell", shellCommand(command), options)
  }

  runInExecutor<Args extends ReadonlyArray<unknown>, R>(
    executor: Executor | null,
    job: (this: JobContext, ...args: Args) => R,
    ...args: JobArguments<Args>
  ): Future<JobValue<R>>
  runInExecutor<
    F extends (this: JobContext, ...args: never) => unknown = (...args: Array<unknown>) => unknown
  >(
    executor: Executor | null,
    job: ModuleJob<F>,
    ...args: JobArguments<Parameters<F>>
  ): Future<JobValue<ReturnType<F>>>
  runInExecutor(executor: unknown, job: unknown, ...args: ReadonlyArray<unknown>): Future<unknown> {
    const future = executorsOf(this).run(executor, job, args)
    if (this.getDebug()) rememberSite(future, this.runInExecutor)
    return future
  }

  setDefaultExecutor(executor: Executor): void {
    executorsOf(this).setDefault(executor)
  }

  shutdownDefaultExecutor(deadline?: DurationInput): Future<void> {
    return executorsOf(this).shutdownDefault(deadline)
  }

  threadHandle<F extends ThreadFunctions<F>>(functions: F, options: OfferOptions = {}): OfferedHandle {
    return offersOf(this).offer(functions, options)
  }

  createConnection<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    options: ConnectionOptions
  ): Future<[transport: SocketTransport, protocol: P]> {
    return createConnection(this, protocolFactory, options)
  }

  createUnixConnection<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    options: UnixConnectionOptions
  ): Future<[transport: SocketTransport, protocol: P]> {
    return createUnixConnection(this, protocolFactory, options)
  }

  connectAcceptedSocket<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    sock: AdoptedSocket,
    options: AcceptedSocketOptions = {}
  ): Future<[transport: SocketTransport, protocol: P]> {
    return connectAcceptedSocket(this, protocolFactory, sock, options)
  }

  createServer(
    protocolFactory: () => Protocol | BufferedProtocol,
    options: ServerOptions = {}
  ): Future<Server> {
    return createServer(this, protocolFactory, options)
  }

  createUnixServer(
    protocolFactory: () => Protocol | BufferedProtocol,
    options: UnixServerOptions
  ): Future<Server> {
    return createUnixServer(this, protocolFactory, options)
  }

  startTls(
    transport: SocketTransport,
    protocol: Protocol | BufferedProtocol,
    options: StartTlsOptions = {}
  ): Future<SocketTransport> {
    return startTls(this, transport, protocol, options)
  }

  createDatagramEndpoint<P extends DatagramProtocol>(
    protocolFactory: () => P,
    options: DatagramOptions
  ): Future<[transport: DatagramTransport, protocol: P]> {
    return createDatagramEndpoint(this, protocolFactory, options)
  }

  connectReadPipe<P extends PipeProtocol>(
    protocolFactory: () => P,
    pipe: PipeEnd
  ): Future<[transport: PipeTransport, protocol: P]> {
    return connectReadPipe(this, protocolFactory, pipe)
  }

  connectWritePipe<P extends PipeProtocol>(
    protocolFactory: () => P,
    pipe: PipeEnd
  ): Future<[transport: PipeTransport, protocol: P]> {
    return connectWritePipe(this, protocolFactory, pipe)
  }

  getaddrinfo(
    host: string | null,
    port: number | null,
    options: ResolveOptions = {}
  ): Future<ReadonlyArray<SocketAddress>> {
    return getaddrinfo(this, host, port, options)
  }

  getnameinfo(address: { readonly host: string; readonly port: number }): Future<NameInfo> {
    return getnameinfo(this, address)
  }

  openConnection(
    options: ConnectionOptions & StreamOptions
  ): Future<[reader: StreamReader, writer: StreamWriter]> {
    return openConnection(this, options)
  }

  openUnixConnection(
    options: UnixConnectionOptions & StreamOptions
  ): Future<[reader: StreamReader, writer: StreamWriter]> {
    return openUnixConnection(this, options)
  }

  startServer(clientConnected: ClientConnected, options: ServerOptions & StreamOptions = {}): Future<Server> {
    return startServer(this, clientConnected, options)
  }

  startUnixServer(
    clientConnected: ClientConnected,
    options: UnixServerOptions & StreamOptions
  ): Future<Server> {
    return startUnixServer(this, clientConnected, options)
  }
}
