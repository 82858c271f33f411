/**
 * One request that was received, until its answer has ended, and whoever serves it.
 *
 * Legal states: in flight; over, when nothing more is sent or received of it; ended, when its handlers have, too.
 */
import { CancelledError } from "../../kernel/errors.js"
import { oneLine } from "../../kernel/describe.js"
import { linked } from "../../fiber/links.js"
import { pathOf } from "../request/requestName.js"
import type { Home, Leftover } from "../../ports.js"
import type { Answer, IncomingMessage, ServerHttp2Stream, ServerResponse } from "../kinds.js"
import { closesWith, type RequestEnd, servingsOf } from "../request/requests.js"

/** How it has gone. */
export type Outcome = "answered" | "gone" | "cut"

/** How far it is. */
export type RequestPhase = "uploading" | "not answered" | "answering" | "over"

/** What an exchange tells whoever watches it. */
export interface Watcher {
  readonly loop: Home
  /** For reports. */
  readonly server: string
  /** Nothing more is sent or received of it. */
  over(exchange: Exchange, outcome: Outcome): void
  /** And its handlers have ended. */
  ended(exchange: Exchange): void
}

/** An endless answer by its own words: a Stream of server-sent events. */
const EVENTS = "text/event-stream"

export abstract class Exchange {
  readonly startedAt: number
  #controller: AbortController | undefined
  #told = false
  #cut = false
  #over = false

  constructor(
    protected readonly watcher: Watcher,
    /** Asked when a report needs it. */
    private readonly from: { readonly remote: string },
    readonly answer: Answer
  ) {
    this.startedAt = watcher.loop.time()
    closesWith(answer, this)
    answer.on("close", () => this.connectionClosed())
  }

  protected abstract readonly what: string
  abstract readonly headersSent: boolean
  /** Whether it was answered to the end. */
  protected abstract readonly complete: boolean
  /** Whether the whole request has come. */
  protected abstract readonly received: boolean
  /** Whether something waits for its client to read. */
  protected abstract readonly waitsForReader: boolean
  /** Whether it is a stream of events, which has no end of its own. */
  protected abstract streamsEvents(): boolean

  /** `GET /user/7 from 10.0.0.1:53122`. */
  get name(): string {
    return oneLine(`${this.what} from ${this.from.remote}`)
  }

  /** The signal by which its handler is told that the server closes. Whoever asks for it ends the answer by itself. */
  closing(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#told) this.#abort()
    return this.#controller.signal
  }

  /** The server waits for it, from now on not for ever. */
  tellClosing(): void {
    this.#told = true
    this.#abort()
  }

  /** What has no end of its own, and has not asked to be told, is ended between two events. */
  endEvents(): void {
    if (this.#over || this.#controller !== undefined || !this.headersSent || !this.streamsEvents()) return
    // What its handler goes on to write finds it ended, which is no accident.
    ;(this.answer as NodeJS.EventEmitter).on("error", () => {})
    this.answer.end()
    for (const serving of servingsOf(this.answer)) serving.answerEnded?.()
  }

  /** Interrupts its handlers. */
  interrupt(reason: RequestEnd): void {
    for (const serving of servingsOf(this.answer)) serving.interrupt(reason)
  }

  /** Its connection is about to be destroyed. */
  cut(): void {
    this.#cut = true
  }

  /** Its connection has closed. An answer that was waiting for its turn on it hears nothing of that. */
  connectionClosed(): void {
    if (!this.#over) this.#close()
  }

  get isOver(): boolean {
    return this.#over
  }

  /** How far it is, in a word. */
  get phase(): RequestPhase {
    if (this.#over) return "over"
    if (this.headersSent) return "answering"
    return this.received ? "not answered" : "uploading"
  }

  describe(): Leftover {
    const servings = servingsOf(this.answer)
    const [serving] = servings
    const row: Leftover = {
      what: "request",
      // Who has gone cannot be asked where from.
      name: this.#over && serving !== undefined ? oneLine(serving.name) : this.name,
      age: this.watcher.loop.time() - this.startedAt,
      state: this.phase,
      waitingOn: this.#over
        ? "its handler"
        : this.waitsForReader
          ? "its client, which does not read"
          : !this.received && serving === undefined
            ? "its client, which does not send"
            : "its handler",
      createdAt: this.watcher.server,
      blamed: true
    }
    return linked(
      row,
      [],
      servings.map(({ lives }) => lives).filter((one) => one !== undefined)
    )
  }

  #abort(): void {
    if (this.#controller?.signal.aborted === false) {
      this.#controller.abort(new CancelledError(`${this.watcher.server} is closing`))
    }
  }

  #close(): void {
    this.#over = true
    this.watcher.over(this, this.#cut ? "cut" : this.complete ? "answered" : "gone")
    this.#waitForHandlers()
  }

  /** One that is told of the end of the answer may start another. */
  #waitForHandlers(): void {
    const [first] = servingsOf(this.answer)
    if (first === undefined) this.watcher.ended(this)
    else first.onDone(() => this.#waitForHandlers())
  }
}

/** One of HTTP/1. */
export class Http1Exchange extends Exchange {
  declare readonly answer: ServerResponse
  #complete = false

  constructor(
    watcher: Watcher,
    from: { readonly remote: string },
    private readonly request: IncomingMessage,
    answer: ServerResponse
  ) {
    super(watcher, from, answer)
    // A response takes itself to be finished also where its socket is destroyed under it.
    answer.on("finish", () => (this.#complete = !request.socket.destroyed))
  }

  protected get what(): string {
    return `${this.request.method ?? "?"} ${pathOf(this.request.url ?? "?")}`
  }

  get headersSent(): boolean {
    return this.answer.headersSent
  }

  protected get complete(): boolean {
    return this.#complete
  }

  protected get received(): boolean {
    return this.request.complete
  }

  protected get waitsForReader(): boolean {
    return (this.answer.socket?.writableLength ?? 0) > 0
  }

  /**
   * It is the last one on its connection, and says so, if it has not begun. Node ends a connection after the answer that says
   * that, whatever else was asked on it: where another request follows, it is not the last any more.
   */
  isLast(last: boolean): void {
    if (this.answer.headersSent) return
    if (last) this.answer.setHeader("Connection", "close")
    else this.answer.removeHeader("Connection")
  }

  protected streamsEvents(): boolean {
    // Headers that were given to writeHead at once are to be found nowhere else.
    const { _header: sent } = this.answer as { readonly _header?: unknown }
    return (
      String(this.answer.getHeader("content-type")).startsWith(EVENTS) ||
      (typeof sent === "string" && sent.toLowerCase().includes(`content-type: ${EVENTS}`))
    )
  }
}

/** One of HTTP/2: a stream of its session. */
export class Http2Exchange extends Exchange {
  declare readonly answer: ServerHttp2Stream
  protected readonly what: string

  constructor(
    watcher: Watcher,
    from: { readonly remote: string },
    stream: ServerHttp2Stream,
    headers: { readonly ":method"?: string | undefined; readonly ":path"?: string | undefined }
  ) {
    super(watcher, from, stream)
    this.what = `${headers[":method"] ?? "?"} ${headers[":path"] ?? "?"}`
  }

  get headersSent(): boolean {
    return this.answer.headersSent
  }

  protected get complete(): boolean {
    return this.answer.writableFinished && this.answer.rstCode === 0
  }

  protected get received(): boolean {
    return this.answer.readableEnded || this.answer.endAfterHeaders
  }

  protected get waitsForReader(): boolean {
    return this.answer.writableLength > 0
  }

  protected streamsEvents(): boolean {
    return String(this.answer.sentHeaders?.["content-type"]).startsWith(EVENTS)
  }
}
