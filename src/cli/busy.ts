/** Where a thread is that gives Node no turn: an inspector gets its answers between two steps of code that never ends, too. */
import { setTimeout as pause } from "node:timers/promises"
import { ANSWER } from "./evaluate.js"
import { calling, turn } from "./remote.js"
import { NoAnswer, type Session } from "./Session.js"

/** How long a turn of Node may take before its thread counts as busy, in milliseconds. */
const TURN = 500

/** How many frames are shown. */
const FRAMES = 10

interface Paused {
  readonly callFrames: ReadonlyArray<{
    readonly functionName: string
    readonly location: { readonly scriptId: string; readonly lineNumber: number }
  }>
}

interface Script {
  readonly scriptId: string
  readonly url: string
}

const turns = async (session: Session): Promise<boolean> => {
  try {
    await session.send("Runtime.evaluate", { expression: calling(turn), awaitPromise: true }, TURN)
    return true
  } catch (error) {
    if (error instanceof NoAnswer) return false
    throw error
  }
}

/** It goes on as if nothing had been. */
const stackOf = async (session: Session): Promise<ReadonlyArray<string>> => {
  const paused = new Promise<Paused>((resolve) =>
    session.on("Debugger.paused", (params) => resolve(params as Paused))
  )
  // Frames name scripts by numbers alone: what they are called has been told before.
  const urls = new Map<string, string>()
  session.on("Debugger.scriptParsed", (params) => {
    const { scriptId, url } = params as Script
    urls.set(scriptId, url)
  })
  await session.send("Debugger.enable", {}, ANSWER)
  await session.send("Debugger.pause", {}, ANSWER)
  const stopped = await Promise.race([paused, pause(ANSWER, undefined, { ref: false })])
  await session.send("Debugger.disable", {}, ANSWER)
  if (stopped === undefined) return ["a call of the system, or nothing that would tell"]
  return stopped.callFrames
    .slice(0, FRAMES)
    .map(
      ({ functionName, location: { lineNumber, scriptId } }) =>
        `${functionName || "<anonymous>"} (${urls.get(scriptId) || "<anonymous>"}:${lineNumber + 1})`
    )
}

/** The frames of what it is in; nothing of a thread that does give Node its turns. */
export const busyWith = async (session: Session): Promise<ReadonlyArray<string> | undefined> =>
  (await turns(session)) ? undefined : await stackOf(session)
