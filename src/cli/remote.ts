/**
 * What an inspector runs in the process that is looked at, as source: these functions know nothing but what they are given and
 * Node's globals, and give no functions names, which some bundlers do by a function of theirs.
 */
import type { Offer } from "../Loop/inspect/wireName.js"

/** Source that calls `f` there, with what can be written as JSON. */
export const calling = <Args extends ReadonlyArray<string | number | boolean>>(
  f: (...args: Args) => unknown,
  ...args: Args
): string => `(${String(f)})(${args.map((arg) => JSON.stringify(arg)).join(", ")})`

/** What a thread tells. */
export interface Told {
  readonly pid: number
  readonly thread: number
  readonly dumps: ReturnType<Offer["dumps"]> | undefined
}

/** The dumps of one thread, as JSON of `Told`. Its copies of the library have put what they offer where all of them know. */
export const tell = (wire: string, most: number): string => {
  const offers = (globalThis as { [key: symbol]: ReadonlyArray<Offer> | undefined })[Symbol.for(wire)]
  const { threadId } = process.getBuiltinModule("node:worker_threads")
  const dumps = offers?.flatMap((offer) => offer.dumps(most))
  return JSON.stringify({ pid: process.pid, thread: threadId, dumps })
}

/** Says what was done; nothing where that key is not there any more. */
export const cancelThere = (wire: string, key: number): string => {
  const offers = (globalThis as { [key: symbol]: ReadonlyArray<Offer> | undefined })[Symbol.for(wire)]
  for (const offer of offers ?? []) {
    const done = offer.cancel(key)
    if (done !== undefined) return done
  }
  return ""
}

/** Resolves when Node has had a turn. */
export const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve))

interface Viewers {
  readonly pids: Set<number>
  /** Looks who is there, while the inspector is theirs. */
  timer: NodeJS.Timeout | undefined
  /** When they have closed it, in milliseconds since 1970. */
  closedAt: number
}

/**
 * A viewer has come, by its pid. The inspector that one of them has opened is closed when all of them have gone: said by
 * themselves (`leave`), or seen, every few seconds, by who is there no more. Not while one of them is there: Node waits for
 * all who are connected before it closes, and with it the program, for a viewer that is stopped.
 *
 * One that was open before any viewer came is not theirs to close. One that has not seen it being opened, while another was just
 * closing it, has had it opened all the same.
 */
export const arrive = (name: string, viewer: number, opened: boolean): void => {
  const place = globalThis as { [key: symbol]: Viewers | undefined }
  const key = Symbol.for(name)
  const before = place[key]
  const viewers: Viewers = before ?? { pids: new Set(), timer: undefined, closedAt: 0 }
  if (viewers.timer === undefined && !opened && Date.now() - viewers.closedAt > 5_000) return
  if (before === undefined) Object.defineProperty(globalThis, key, { value: viewers })
  viewers.pids.add(viewer)
  viewers.timer ??= setInterval(() => {
    for (const pid of viewers.pids) {
      try {
        process.kill(pid, 0)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ESRCH") viewers.pids.delete(pid)
      }
    }
    if (viewers.pids.size > 0) return
    clearInterval(viewers.timer)
    viewers.timer = undefined
    viewers.closedAt = Date.now()
    process.getBuiltinModule("node:inspector").close()
  }, 5_000).unref()
}

/** A viewer goes, and is not connected any more when the inspector is closed: at once would be before the answer. */
export const leave = (name: string, viewer: number): void => {
  const viewers = (globalThis as { [key: symbol]: Viewers | undefined })[Symbol.for(name)]
  viewers?.pids.delete(viewer)
  if (viewers?.timer === undefined || viewers.pids.size > 0) return
  setTimeout(() => {
    if (viewers.timer === undefined || viewers.pids.size > 0) return
    clearInterval(viewers.timer)
    viewers.timer = undefined
    viewers.closedAt = Date.now()
    process.getBuiltinModule("node:inspector").close()
  }, 50).unref()
}
