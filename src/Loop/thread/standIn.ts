/** The loop to which the Futures of an asking thread belong: the one that runs there, or a stand-in where none does. */
import * as Effect from "effect/Effect"
import { fiberState, loopClock } from "../../effect.js"
import { local } from "../kernel/current.js"
import { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import { NodeHost } from "../host/NodeHost.js"
import { logReport } from "../host/Reporter.js"

/** The loop of the Futures of a thread without one: it runs what awaits them, and nothing else. */
let standIn: BaseEventLoop | undefined

const makeStandIn = (): BaseEventLoop => {
  const state = Effect.runSync(fiberState)
  const name = "of a thread without a loop"
  const host = new NodeHost(Effect.runSync(loopClock), false, (report) => logReport(state, name, report))
  const loop = new BaseEventLoop(host, { name })
  loop._start()
  return loop
}

/** The loop of the Futures that this thread gets: the one that runs, or the stand-in. */
export const homeOfAsked = (): BaseEventLoop =>
  (local()?.loop as BaseEventLoop | undefined) ?? (standIn ??= makeStandIn())
