/** A connection to the inspector of a Node: requests with their answers, and events. */
import { CliError } from "./CliError.js"

interface Answered {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
  readonly method?: string
  readonly params?: unknown
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** No answer has come in time. */
export class NoAnswer extends CliError {}

/** Nobody is there any more who would answer. */
export class SessionEnded extends CliError {
  constructor() {
    super("the process has ended, or closed its inspector")
  }
}

/** How long a connection may take to be there, in milliseconds. */
const OPENING = 1_000

/** Where the inspector behind a port is to be connected to, if there is one. */
const addressOf = async (port: number): Promise<string | undefined> => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`, {
      signal: AbortSignal.timeout(OPENING)
    })
    const [first] = (await response.json()) as ReadonlyArray<{ readonly webSocketDebuggerUrl?: string }>
    return first?.webSocketDebuggerUrl
  } catch {
    return undefined // Nobody listens there, or it is something else.
  }
}

/** Legal states: open, ended. */
export class Session {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners = new Map<string, (params: unknown) => void>()
  #next = 1
  #ended = false

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(String(data)) as Answered))
    socket.addEventListener("close", () => this.#end())
  }

  /** The session of the inspector behind a port, if there is one. */
  static async open(port: number): Promise<Session | undefined> {
    const address = await addressOf(port)
    if (address === undefined) return undefined
    const socket = new WebSocket(address)
    const opened = await new Promise<boolean>((resolve) => {
      // One that is stopped takes the connection, and says nothing.
      const late = setTimeout(() => resolve(false), OPENING)
      socket.addEventListener("open", () => clearTimeout(late))
      socket.addEventListener("error", () => clearTimeout(late))
      socket.addEventListener("open", () => resolve(true), { once: true })
      socket.addEventListener("error", () => resolve(false), { once: true })
    })
    if (opened) return new Session(socket)
    socket.close()
    return undefined
  }

  /** Calls `f` for each event of that name. */
  on(event: string, f: (params: unknown) => void): void {
    this.#listeners.set(event, f)
  }

  /** Fails with NoAnswer after so many milliseconds, with SessionEnded once it has ended. */
  send(method: string, params: object, ms: number): Promise<unknown> {
    if (this.#ended) return Promise.reject(new SessionEnded())
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new NoAnswer(`it has not answered within ${ms}ms: it is stopped, or in a call of the system`))
      }, ms)
      const settle =
        <A>(f: (value: A) => void) =>
        (value: A): void => {
          clearTimeout(timer)
          f(value)
        }
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  close(): void {
    this.#socket.close()
  }

  #take({ error, id, method, params, result }: Answered): void {
    if (id === undefined) return this.#listeners.get(method ?? "")?.(params)
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new CliError(`the inspector says: ${error.message}`))
  }

  #end(): void {
    this.#ended = true
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(new SessionEnded())
  }
}
