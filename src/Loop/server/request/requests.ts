/**
 * Who serves the requests of Node's servers: where what handles requests and what closes servers meet. A handler says of an
 * answer that it serves it, and how it can be told to stop; a server that closes tells it, and waits until it has.
 *
 * The key is the answer: the ServerResponse of HTTP/1, the stream of HTTP/2. Neither side knows the other.
 */

/** Why a request is told to stop. */
export type RequestEnd = "client gone" | "drain over" | "server closed"

/** A handler that serves one answer. */
export interface Serving {
  /** For reports: `GET /user/7 from 10.0.0.1`. */
  readonly name: string
  /** Asks it to end, without waiting. The answer may still be written until `done`. Never throws; the first reason counts. */
  interrupt(reason: RequestEnd): void
  /** Somebody else has ended the answer: what is still written has nowhere to go. Where it does not notice by itself. */
  answerEnded?(): void
  /** The fiber or the Future in which it lives, as far as it has one: who waits for whom is known by it. */
  readonly lives?: object | undefined
  /** Whether it has ended, its finalizers included. */
  readonly done: boolean
  /** Calls `f` when it has ended; at once if it has. */
  onDone(f: () => void): void
}

/**
 * What is known of an answer, on that itself: a map of all of them, however weak, costs each request more than all that is
 * done with it here.
 */
interface Known {
  [SERVINGS]?: Serving | ReadonlyArray<Serving>
  [CLOSES]?: Closes
}

/** Those that serve it: several where a framework calls one after the other, none where no fiber does. */
const SERVINGS = Symbol("effect-aio servings")

const CLOSES = Symbol("effect-aio closes")

/** What handlers ask for the signal by which they are told that their server is closing. */
export interface Closes {
  closing(): AbortSignal
}

/** What an answer is known by: that of HTTP/2's compatible API by its stream, which both of its APIs have. */
export const keyOf = (answer: object): object => {
  const { stream } = answer as { readonly stream?: unknown }
  return typeof stream === "object" && stream !== null && "respond" in stream ? stream : answer
}

/** From here on `serving` serves the answer, until it is done. */
export const serves = (answer: object, serving: Serving): void => {
  const known: Known = keyOf(answer)
  // Most have one, which then costs no list.
  known[SERVINGS] = known[SERVINGS] === undefined ? serving : [...servingsOf(answer), serving]
}

/** Who serves the answer now. */
export const servingsOf = (answer: object): ReadonlyArray<Serving> => {
  const { [SERVINGS]: servings } = keyOf(answer) as Known
  if (servings === undefined) return nobody
  return ("done" in servings ? [servings] : servings).filter((one) => !one.done)
}

const nobody: ReadonlyArray<Serving> = []

/** The signal that `closes` gives aborts when the server of this answer closes and waits for it. */
export const closesWith = (answer: object, closes: Closes): void => {
  ;(keyOf(answer) as Known)[CLOSES] = closes
}

/**
 * The signal by which the handler of this answer is told that its server closes; `undefined` for what no scoped server was
 * asked for. An answer of events whose handler has not asked is ended for it: ask for those only that end by themselves.
 */
export const closingOf = (answer: object): AbortSignal | undefined =>
  (keyOf(answer) as Known)[CLOSES]?.closing()

/** Whether a server that closes in phases waits for this answer. Asks nothing of it. */
export const isWaitedFor = (answer: object): boolean => (keyOf(answer) as Known)[CLOSES] !== undefined
