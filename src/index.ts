/**
 * effect-aio: an asyncio-style event loop that runs inside Effect, and the border between Effect and promise code.
 *
 *     src/index.ts            this door: what programs import, and nothing else
 *     src/effect.ts           the seam: every name of Effect that differs between its lines
 *     src/platform/           the door effect-aio/platform: the platform's services on a loop
 *     src/Adapter/            the border's operations, one file each, named as programs call them
 *       task/ reading/ visit/ emitter/ server/    what they are made of; never imports an operation
 *     src/Loop/               Loop (the tag), EventLoop, EffectLoop, SyncLoop, Settings, ports (types), errors
 *       kernel/               the loop itself: plain classes that know neither Node nor Effect
 *       host/                 what the kernel stands on: clock and turns of Node, async-local state, the log
 *       fiber/                fibers and Futures wait for each other
 *       closing/              how a loop ends, and who is to blame
 *       readers/ signals/ process/ executor/ thread/ worker/ network/ server/ stream/ parcel/
 *                             what a loop holds of the system
 *
 * Imports go downstairs or stay on the floor: kernel, host, fiber, closing, capabilities, EventLoop, Adapter, door. The rows
 * are in CONTRIBUTING.md, and test/architecture.test.ts holds them. Everything below is Effect-flavored unless it says aio.
 */

// Tells the types that a signal is Node's AbortSignal: an import without names, so that declarations keep it.
import "./Loop/host/NodeHost.js"

export { fromAio, type FromAio, type FromAioOptions, type FromAioStream } from "./Adapter/fromAio.js"
export { runAioGenerator } from "./Adapter/runAioGenerator.js"
export type { FromIterableOptions, IterableOptions } from "./Adapter/reading/streams.js"
export type { AsyncItems } from "./Adapter/reading/Source.js"
export { toAio, type ToAioOptions } from "./Adapter/toAio.js"
export type { AioDisposable } from "./Adapter/visit/toDisposable.js"
export type { AioIterable, AioIterator } from "./Adapter/visit/toIterable.js"
export type { ToAioVisitOptions } from "./Adapter/visit/Visit.js"
export { runAioCoroutine, runAioFuture } from "./Adapter/runAio.js"
export type { AioInterrupted, AioOptions, StopOptions } from "./Adapter/task/options.js"
export { runEffect, runEffectTask } from "./Adapter/runEffect.js"
export { acquireAio, type AioResource, type DisposableResource } from "./Adapter/acquireAio.js"
export { allowAio, type AioStep, type AllowAio, type AllowAioOptions } from "./Adapter/allowAio.js"
export { fromCallback, type FromCallback, type FromCallbackOptions } from "./Adapter/fromCallback.js"
export { fromEmitter } from "./Adapter/fromEmitter.js"
export type {
  EmitterBuffer,
  EmitterLike,
  EventTargetLike,
  FromEmitterOptions
} from "./Adapter/emitter/Emitter.js"
export type { HandlerOptions, RequestHandler } from "./Adapter/server/handler.js"
export { toThread } from "./Adapter/toThread.js"
export { Net } from "./Adapter/Net.js"
export type { ConnectionHandler, ListenOptions } from "./Loop/server/ConnectionServer.js"
export { Connection } from "./Loop/network/connecting/Connection.js"
export { ScopedServer, Server } from "./Adapter/Server.js"
export { allTasks, currentFlavor, currentSignal, currentTask, getRunningLoop } from "./Adapter/current.js"

export type { Bind } from "./Loop/fiber/bind.js"
export { Loop, type LoopOptions, type NamedWork, type RunMainOptions, type RunOptions } from "./Loop/Loop.js"
export type { MetricsOptions } from "./Loop/Settings.js"
export type { EffectOptions } from "./Loop/ports.js"
export { EventLoop, type LoopStatistics } from "./Loop/EventLoop.js"
export type { OfferedHandle } from "./Loop/thread/OfferedHandle.js"
export type { OfferOptions } from "./Loop/thread/Offers.js"
export { LoopHandle, type AskOptions, type LoopCaller } from "./Loop/thread/LoopHandle.js"
export type { ThreadFunctions } from "./Loop/thread/threadMessages.js"
export { SyncLoop, type SyncRunOptions } from "./Loop/SyncLoop.js"
export type { Teardown } from "./Loop/closing/Main.js"
export { Subprocess, type SubprocessPipe } from "./Loop/process/Subprocess.js"
export type { Redirect, SubprocessOptions } from "./Loop/process/SubprocessOptions.js"
export { Executor, type ExecutorStatistics } from "./Loop/executor/Executor.js"
export type { ExecutorOptions } from "./Loop/executor/ExecutorOptions.js"
export type { JobArguments, JobContext, JobValue, ModuleJob } from "./Loop/executor/ModuleJob.js"
export { Limiter } from "./Loop/executor/Limiter.js"
export { transfer, type Transfer, type Transferred } from "./Loop/executor/transfer.js"
export type { Answer, WholeAnswer } from "./Loop/server/request/answer.js"
export {
  ServerRequest,
  type HttpResponse,
  type NodeRequest,
  type NodeResponse
} from "./Loop/server/request/ServerRequest.js"
export { causeOf } from "./Loop/fiber/Outcome.js"
export { copyContext } from "./Loop/host/AsyncContext.js"
export type { Watchable } from "./Loop/readers/fdOf.js"
export type { ServerAddress } from "./Loop/server/address.js"
export type { AnyServer, WebSocketLike, WebSockets } from "./Loop/server/kinds.js"
export type { ServerPhase } from "./Loop/server/ListeningServer.js"
export type { Probe } from "./Loop/server/probe.js"
export type { ServerOptions } from "./Loop/server/ServerOptions.js"

export { Process, type ProcessPipe } from "./Loop/process/Process.js"
export type { ProcessOf, ProcessOptions } from "./Loop/process/createSubprocess.js"
export { SubprocessTransport, type SubprocessProtocol } from "./Loop/process/SubprocessTransport.js"
export type { StartTlsOptions } from "./Loop/stream/StartTlsOptions.js"
export { StreamReader } from "./Loop/stream/StreamReader.js"
export { StreamWriter } from "./Loop/stream/StreamWriter.js"
export { PipeTransport } from "./Loop/stream/PipeTransport.js"
export type { BaseTransport, ReadTransport, WriteTransport } from "./Loop/stream/Transport.js"

export type {
  AcceptedSocketOptions,
  AdoptedSocket,
  ConnectionOptions,
  UnixConnectionOptions
} from "./Loop/network/connecting/createConnection.js"
export type {
  ServerOptions as AioServerOptions,
  UnixServerOptions
} from "./Loop/network/listening/createServer.js"
export type { SocketAddress } from "./Loop/network/Address.js"
export type { BaseProtocol, BufferedProtocol, Protocol } from "./Loop/network/Protocol.js"
export { Server as AioServer, type ServerSocket } from "./Loop/network/listening/Server.js"
export { SocketTransport } from "./Loop/network/SocketTransport.js"
export type { PipeEnd, PipeProtocol } from "./Loop/network/connecting/connectPipe.js"
export type { DatagramOptions } from "./Loop/network/datagram/createDatagramEndpoint.js"
export { DatagramTransport, type DatagramProtocol } from "./Loop/network/datagram/DatagramTransport.js"
export type { ResolveOptions } from "./Loop/network/names/getaddrinfo.js"
export type { NameInfo } from "./Loop/network/names/getnameinfo.js"
export type { StreamOptions } from "./Loop/network/streams/openStreams.js"
export { StreamReaderProtocol, type ClientConnected } from "./Loop/network/streams/StreamReaderProtocol.js"

export { Event } from "./Loop/kernel/Event.js"
export { Future, FutureTypeId, isFuture } from "./Loop/kernel/Future.js"
export { Handle } from "./Loop/kernel/Handle.js"
export { TimerHandle } from "./Loop/kernel/Timers.js"
export { WatchHandle } from "./Loop/kernel/WatchHandle.js"
export {
  Task,
  type CancelledOption,
  type CancelOption,
  type Coroutine,
  type CoroutineValue,
  type TaskOptions
} from "./Loop/kernel/Task.js"
export type { DumpRow } from "./Loop/inspect/DumpRow.js"
export type { DumpJson } from "./Loop/inspect/DumpJson.js"
export { LoopDump } from "./Loop/inspect/LoopDump.js"
export { shield } from "./Loop/kernel/shield.js"
export { sleep } from "./Loop/kernel/sleep.js"
export { TaskGroup } from "./Loop/kernel/TaskGroup.js"
export { timeout, type Timeout, waitFor } from "./Loop/kernel/timeouts.js"
export type { ExceptionHandler, TaskFactory } from "./Loop/kernel/BaseEventLoop.js"
export type { Context as AioContext } from "./Loop/kernel/Context.js"
export type { Report, ReportKind } from "./Loop/kernel/Report.js"
export {
  CancelledError,
  InvalidStateError,
  isCancelledError,
  LoopClosedError,
  NoRunningLoopError,
  QueueFullError,
  TaskGroupError,
  TimeoutError,
  WrongLoopError
} from "./Loop/kernel/errors.js"
export {
  AioError,
  BindError,
  BrokenPipeError,
  BufferOverflowError,
  ConnectError,
  ConnectionResetError,
  ExecutorClosedError,
  FdError,
  FdPollUnavailableError,
  IncompleteReadError,
  JobRefusedError,
  LimitOverrunError,
  LoopCrash,
  LoopStoppedError,
  ProcessLookupError,
  RequestBodyError,
  ResolveError,
  SignalError,
  SpawnError,
  WorkerDiedError,
  WorkerEndedError
} from "./Loop/errors.js"
