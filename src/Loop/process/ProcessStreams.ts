/** What a child process tells, as the streams of a `Process`. */
import { FlowControl } from "../stream/FlowControl.js"
import { BrokenPipeError } from "../errors.js"
import { StreamReader } from "../stream/StreamReader.js"
import { StreamWriter } from "../stream/StreamWriter.js"
import type { SubprocessProtocol, SubprocessTransport } from "./SubprocessTransport.js"
import { askNowAndThen, fdName, tellUnread } from "./unread.js"
import type { Home } from "../ports.js"

/** The protocol behind a `Process`: readers are fed, and writers told to wait. */
export class ProcessStreams implements SubprocessProtocol {
  readonly #readers = new Map<number, StreamReader>()
  readonly #writers = new Map<number, StreamWriter>()
  readonly #flows = new Map<number, FlowControl>()
  /** For each reader that is full: ends the question whether somebody waits for the process. */
  readonly #unreadChecks = new Map<number, () => void>()
  #toldUnread = false

  constructor(
    private readonly loop: Home,
    private readonly limit: number
  ) {}

  reader(fd: number): StreamReader | null {
    return this.#readers.get(fd) ?? null
  }

  writer(fd: number): StreamWriter | null {
    return this.#writers.get(fd) ?? null
  }

  connectionMade(transport: SubprocessTransport): void {
    for (const fd of transport._fds()) {
      const pipe = transport.getPipeTransport(fd)
      if (pipe === null) continue
      let reader: StreamReader | null = null
      if (fd !== 0) {
        reader = new StreamReader({ limit: this.limit, loop: this.loop })
        reader.setTransport({
          pauseReading: () => {
            pipe.pauseReading()
            this.#unreadChecks.set(
              fd,
              askNowAndThen(this.loop, () => this.#tellIfUnread(fd, transport))
            )
          },
          resumeReading: () => {
            this.#readAgain(fd)
            pipe.resumeReading()
          }
        })
        this.#readers.set(fd, reader)
      }
      if (!pipe.canWriteEof()) continue
      const flow = new FlowControl(
        this.loop,
        () => pipe._broken(),
        () => transport._brokenPipe(fd, pipe._cause)
      )
      this.#flows.set(fd, flow)
      this.#writers.set(fd, new StreamWriter(pipe, flow, reader))
    }
  }

  pipeDataReceived(fd: number, data: Buffer): void {
    this.#readers.get(fd)?.feedData(data)
  }

  pipeConnectionLost(fd: number, error: Error | null): void {
    this.#readAgain(fd)
    this.#flows.get(fd)?.connectionLost(error)
    const reader = this.#readers.get(fd)
    // That nothing can be written any more does not end what can be read.
    if (error === null || error instanceof BrokenPipeError) reader?.feedEof()
    else reader?.setException(error)
  }

  pauseWriting(fd: number): void {
    this.#flows.get(fd)?.pauseWriting()
  }

  resumeWriting(fd: number): void {
    this.#flows.get(fd)?.resumeWriting()
  }

  /** Tells once of a wait that may never end, because nobody reads this pipe: true when there is nothing more to ask. */
  #tellIfUnread(fd: number, transport: SubprocessTransport): boolean {
    if (this.#toldUnread) return true
    if (!transport._full(fd)) return false
    const reads = [...this.#readers].find(([, { _waits }]) => _waits)?.[0]
    if (reads === undefined && !transport._awaited) return false
    this.#toldUnread = true
    const who = reads === undefined ? "wait()" : `a read of ${fdName(reads)}`
    const process = `pid ${transport.getPid()}: ${String(transport.getExtraInfo("command"))}`
    tellUnread(this.loop, who, process, [fd], "Read it as well, as communicate() does with stdout and stderr")
    return true
  }

  #readAgain(fd: number): void {
    this.#unreadChecks.get(fd)?.()
    this.#unreadChecks.delete(fd)
  }
}
