// The exact list of public names. A name that is added or taken away is a decision: change it here too.
// Covers: Loop/errors
import * as fs from "node:fs"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import * as api from "../src/index.js"

/** Every name that src/index.ts exports, types included. */
const declared = (): ReadonlyArray<string> => {
  const file = new URL("../src/index.ts", import.meta.url)
  const source = ts.createSourceFile("index.ts", fs.readFileSync(file, "utf8"), ts.ScriptTarget.Latest)
  return source.statements
    .flatMap((statement) =>
      ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)
        ? statement.exportClause.elements.map((element) =>
            statement.isTypeOnly || element.isTypeOnly ? `type ${element.name.text}` : element.name.text
          )
        : []
    )
    .sort()
}

const values = [
  "AioError",
  "AioServer",
  "BindError",
  "BrokenPipeError",
  "BufferOverflowError",
  "CancelledError",
  "ConnectError",
  "Connection",
  "ConnectionResetError",
  "DatagramTransport",
  "Event",
  "EventLoop",
  "Executor",
  "ExecutorClosedError",
  "FdError",
  "FdPollUnavailableError",
  "Future",
  "FutureTypeId",
  "Handle",
  "IncompleteReadError",
  "InvalidStateError",
  "JobRefusedError",
  "LimitOverrunError",
  "Limiter",
  "Loop",
  "LoopClosedError",
  "LoopCrash",
  "LoopDump",
  "LoopHandle",
  "LoopStoppedError",
  "Net",
  "NoRunningLoopError",
  "PipeTransport",
  "Process",
  "ProcessLookupError",
  "QueueFullError",
  "RequestBodyError",
  "ResolveError",
  "ScopedServer",
  "Server",
  "ServerRequest",
  "SignalError",
  "SocketTransport",
  "SpawnError",
  "StreamReader",
  "StreamReaderProtocol",
  "StreamWriter",
  "Subprocess",
  "SubprocessTransport",
  "SyncLoop",
  "Task",
  "TaskGroup",
  "TaskGroupError",
  "TimeoutError",
  "TimerHandle",
  "WatchHandle",
  "WorkerDiedError",
  "WorkerEndedError",
  "WrongLoopError",
  "acquireAio",
  "allTasks",
  "allowAio",
  "causeOf",
  "copyContext",
  "currentFlavor",
  "currentSignal",
  "currentTask",
  "fromAio",
  "fromCallback",
  "fromEmitter",
  "getRunningLoop",
  "isCancelledError",
  "isFuture",
  "runAioCoroutine",
  "runAioFuture",
  "runAioGenerator",
  "runEffect",
  "runEffectTask",
  "shield",
  "sleep",
  "timeout",
  "toAio",
  "toThread",
  "transfer",
  "waitFor"
]

const types = [
  "AcceptedSocketOptions",
  "AdoptedSocket",
  "AioContext",
  "AioDisposable",
  "AioInterrupted",
  "AioIterable",
  "AioIterator",
  "AioOptions",
  "AioResource",
  "AioServerOptions",
  "AioStep",
  "AllowAio",
  "AllowAioOptions",
  "Answer",
  "AnyServer",
  "AskOptions",
  "AsyncItems",
  "BaseProtocol",
  "BaseTransport",
  "Bind",
  "BufferedProtocol",
  "CancelOption",
  "CancelledOption",
  "ClientConnected",
  "ConnectionHandler",
  "ConnectionOptions",
  "Coroutine",
  "CoroutineValue",
  "DatagramOptions",
  "DatagramProtocol",
  "DisposableResource",
  "DumpJson",
  "DumpRow",
  "EffectOptions",
  "EmitterBuffer",
  "EmitterLike",
  "EventTargetLike",
  "ExceptionHandler",
  "ExecutorOptions",
  "ExecutorStatistics",
  "FromAio",
  "FromAioOptions",
  "FromAioStream",
  "FromCallback",
  "FromCallbackOptions",
  "FromEmitterOptions",
  "FromIterableOptions",
  "HandlerOptions",
  "HttpResponse",
  "IterableOptions",
  "JobArguments",
  "JobContext",
  "JobValue",
  "ListenOptions",
  "LoopCaller",
  "LoopOptions",
  "LoopStatistics",
  "MetricsOptions",
  "ModuleJob",
  "NameInfo",
  "NamedWork",
  "NodeRequest",
  "NodeResponse",
  "OfferOptions",
  "OfferedHandle",
  "PipeEnd",
  "PipeProtocol",
  "Probe",
  "ProcessOf",
  "ProcessOptions",
  "ProcessPipe",
  "Protocol",
  "ReadTransport",
  "Redirect",
  "Report",
  "ReportKind",
  "RequestHandler",
  "ResolveOptions",
  "RunMainOptions",
  "RunOptions",
  "ServerAddress",
  "ServerOptions",
  "ServerPhase",
  "ServerSocket",
  "SocketAddress",
  "StartTlsOptions",
  "StopOptions",
  "StreamOptions",
  "SubprocessOptions",
  "SubprocessPipe",
  "SubprocessProtocol",
  "SyncRunOptions",
  "TaskFactory",
  "TaskOptions",
  "Teardown",
  "ThreadFunctions",
  "Timeout",
  "ToAioOptions",
  "ToAioVisitOptions",
  "Transfer",
  "Transferred",
  "UnixConnectionOptions",
  "UnixServerOptions",
  "Watchable",
  "WebSocketLike",
  "WebSockets",
  "WholeAnswer",
  "WriteTransport"
]

describe("the public names", () => {
  it("are these values", () => {
    expect(Object.keys(api).sort()).toEqual([...values].sort())
  })

  it("are these values and types, and every one is exported by name", () => {
    expect(declared()).toEqual([...values, ...types.map((name) => `type ${name}`)].sort())
  })

  it("error classes are named like their _tag, but for CancelledError, which is an AbortError to others (B2)", () => {
    const errors = Object.entries(api).filter(([name]) => name.endsWith("Error") && !name.startsWith("is"))
    expect(errors).toHaveLength(28)
    for (const [name, constructor] of [...errors, ["LoopCrash", api.LoopCrash] as const]) {
      const Class = constructor as new (options?: unknown) => Error & { _tag: string; code?: string }
      // An AggregateError takes what can be iterated.
      const error = new Class(name === "TaskGroupError" ? [] : {})
      expect(error).toBeInstanceOf(Error)
      expect([error._tag, error.name]).toEqual([name, name === "CancelledError" ? "AbortError" : name])
    }
    expect(new api.CancelledError().code).toBe("ABORT_ERR")
  })
})
