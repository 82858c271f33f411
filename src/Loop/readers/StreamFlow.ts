/**
 * The flow of streams that are watched: a `readable` listener stops it, so whoever takes the last one of ours away
 * restores it.
 *
 * Legal states of a stream: untouched, watched, and returning: the last listener is gone, and Node decides about the flow
 * in its own tick. What watches it again by then finds what was found at first.
 */
import type { NodeStream } from "./fdOf.js"

/** The flow of one stream, while it is watched or returning. */
interface Flow {
  /** `readableFlowing` as it was found; undefined where others listened to `readable` already, and it is theirs. */
  readonly found: boolean | null | undefined
  /** How many readers of ours watch the stream, of all loops. */
  watchers: number
}

const flows = new WeakMap<NodeStream, Flow>()

const listens = (stream: NodeStream, event: string): boolean => (stream.listenerCount?.(event) ?? 0) > 0

/** Notes how a stream flows, before the listener is added. */
export const takeFlow = (stream: NodeStream): void => {
  const flow = flows.get(stream)
  if (flow !== undefined) flow.watchers++
  else {
    const found = listens(stream, "readable") ? undefined : stream.readableFlowing
    flows.set(stream, { found, watchers: 1 })
  }
}

/** Takes the listener away, by `detach`, and restores the flow if it was the last one. */
export const returnFlow = (stream: NodeStream, detach: () => void): void => {
  const flow = flows.get(stream)
  if (flow === undefined || --flow.watchers > 0) return detach()
  // Node's tick comes between these two, and after it nobody can tell who has resumed the stream.
  let resumed = false
  process.nextTick(() => {
    resumed = isResumed(stream)
  })
  detach()
  process.nextTick(() => {
    if (flow.watchers > 0 || flows.get(stream) !== flow) return
    flows.delete(stream)
    if (!resumed) restore(stream, flow.found)
  })
}

const restore = (stream: NodeStream, found: Flow["found"]): void => {
  // The others go on with it, or it is over.
  if (stream.destroyed === true || listens(stream, "readable")) return
  if (found === true) {
    if (stream.isPaused?.() !== true) stream.resume?.()
  } else if (found === false || (isStdin(stream) && !listens(stream, "data"))) stream.pause?.()
}

/** Whether `resume` or `pipe` was called in this tick. */
const isResumed = (stream: object): boolean => {
  const state: unknown = "_readableState" in stream ? stream._readableState : undefined
  return (
    typeof state === "object" &&
    state !== null &&
    "resumeScheduled" in state &&
    state.resumeScheduled === true
  )
}

/** Whether it is `process.stdin`: only a pause makes that let the process go. */
const isStdin = (stream: object): boolean => "fd" in stream && stream.fd === 0
