import { describe, expectTypeOf, it } from "vitest"
import type {
  EventLoop,
  Future,
  PipeTransport,
  Process,
  ProcessOf,
  ProcessOptions,
  ReadTransport,
  StreamReader,
  StreamWriter,
  SubprocessProtocol,
  SubprocessTransport,
  WriteTransport
} from "../../src/index.js"

declare const loop: EventLoop

class Lines {
  readonly lines: Array<string> = []
  pipeDataReceived(_fd: number, data: Buffer): void {
    this.lines.push(data.toString())
  }
}

describe("child processes", () => {
  it("a protocol keeps its type, and may have any of the methods", () => {
    expectTypeOf(loop.subprocessExec(() => new Lines(), "ls", ["-l"])).toEqualTypeOf<
      Future<[transport: SubprocessTransport, protocol: Lines]>
    >()
    expectTypeOf(loop.subprocessShell(() => new Lines(), "ls")).toEqualTypeOf<
      Future<[transport: SubprocessTransport, protocol: Lines]>
    >()
    expectTypeOf<Lines>().toExtend<SubprocessProtocol>()
    // @ts-expect-error an argument is a string or a URL
    loop.subprocessExec(() => new Lines(), "ls", [7])
    // @ts-expect-error arguments are an array
    loop.subprocessExec(() => new Lines(), "ls", "-l")
    // @ts-expect-error a method of another type
    loop.subprocessExec(() => ({ processExited: 1 }), "ls")
  })

  it("pipes of a Process are there if they were asked for", () => {
    expectTypeOf(loop.createSubprocessExec("ls")).toEqualTypeOf<Future<Process<null, null, null>>>()
    expectTypeOf(loop.createSubprocessExec("cat", [], { stdin: "pipe", stdout: "pipe" })).toEqualTypeOf<
      Future<Process<StreamWriter, StreamReader, null>>
    >()
    expectTypeOf(loop.createSubprocessShell("ls", { stdout: "pipe", stderr: "stdout" })).toEqualTypeOf<
      Future<Process<null, StreamReader, null>>
    >()
    expectTypeOf<ProcessOf<ProcessOptions>>().toEqualTypeOf<
      Process<StreamWriter | null, StreamReader | null, StreamReader | null>
    >()
    expectTypeOf<Process<StreamWriter, StreamReader, null>>().toExtend<Process>()
  })

  it("communicate gives what there are pipes for", () => {
    type Both = Process<null, StreamReader, null>
    expectTypeOf<ReturnType<Both["communicate"]>>().toEqualTypeOf<Future<[stdout: Buffer, stderr: null]>>()
    expectTypeOf<ReturnType<Process["communicate"]>>().toEqualTypeOf<
      Future<[stdout: Buffer | null, stderr: Buffer | null]>
    >()
  })

  it("text modes, buffer sizes, shell and unknown options are no options", () => {
    // @ts-expect-error only bytes
    loop.createSubprocessExec("ls", [], { encoding: "utf8" })
    // @ts-expect-error only bytes
    loop.createSubprocessShell("ls", { text: true })
    // @ts-expect-error no buffer size
    loop.subprocessExec(() => new Lines(), "ls", [], { bufsize: 4096 })
    // @ts-expect-error there is a method for that
    loop.subprocessExec(() => new Lines(), "ls", [], { shell: true })
    // @ts-expect-error stdout leads nowhere like this
    loop.createSubprocessExec("ls", [], { stdout: "stdout" })
  })

  it("transports of the first three pipes have one direction", () => {
    const transport = {} as SubprocessTransport
    expectTypeOf(transport.getPipeTransport(0)).toEqualTypeOf<WriteTransport | null>()
    expectTypeOf(transport.getPipeTransport(1)).toEqualTypeOf<ReadTransport | null>()
    expectTypeOf(transport.getPipeTransport(5)).toEqualTypeOf<PipeTransport | null>()
  })

  it("a StreamReader is an async iterable of Buffers", () => {
    expectTypeOf<StreamReader>().toExtend<AsyncIterable<Buffer>>()
    expectTypeOf<ReturnType<StreamReader["readline"]>>().toEqualTypeOf<Future<Buffer>>()
  })
})
