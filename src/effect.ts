/**
 * The seam: every name of Effect whose name or shape differs between Effect 3 and Effect 4 is used behind this file and
 * nowhere else. It is the one of the installed line, chosen as this module is loaded; the rest of the library is the same
 * source for both. What each name does is said in `effect/Seam.ts`.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { installed } from "./effect/installed.js"
import type { Both, Seam } from "./effect/Seam.js"

export type {
  Control,
  DurationInput,
  FiberState,
  FiberView,
  Forks,
  LogLevel,
  Held,
  LoopClock,
  OpenScope,
  PullEnd,
  RunningFiber,
  Series,
  SeriesOf,
  ServiceTag,
  YieldedEffect
} from "./effect/Seam.js"
export type { FiberWait } from "./effect/Wait.js"

const line: Seam = installed()

export const callback: Seam["callback"] = line.callback
export const Tag: Seam["Tag"] = line.Tag
export const layerScoped: Seam["layerScoped"] = line.layerScoped
export const layerContext: Seam["layerContext"] = line.layerContext
export const layerClock: Seam["layerClock"] = line.layerClock
export const layerUnwrap: Seam["layerUnwrap"] = line.layerUnwrap
export const prettyLogs: Seam["prettyLogs"] = line.prettyLogs
export const withOutput: Seam["withOutput"] = line.withOutput
export const logAt: Seam["logAt"] = line.logAt
export const callableEffect: Seam["callableEffect"] = line.callableEffect
export const prefersStream: Seam["prefersStream"] = line.prefersStream
export const isProgram: Seam["isProgram"] = line.isProgram
export const forkChild: Seam["forkChild"] = line.forkChild
export const forkScoped: Seam["forkScoped"] = line.forkScoped
export const inheritAll: Seam["inheritAll"] = line.inheritAll
export const currentFiberState: Seam["currentFiberState"] = line.currentFiberState
export const currentFiber: Seam["currentFiber"] = line.currentFiber
export const wasTold: Seam["wasTold"] = line.wasTold
export const hasEnded: Seam["hasEnded"] = line.hasEnded
export const heldFor: Seam["heldFor"] = line.heldFor
export const serviceHere: Seam["serviceHere"] = line.serviceHere
export const waitFor: Seam["waitFor"] = line.waitFor
export const outsideFibers: Seam["outsideFibers"] = line.outsideFibers
export const inFiber: Seam["inFiber"] = line.inFiber
export const restoresAsyncContext: Seam["restoresAsyncContext"] = line.restoresAsyncContext
export const fiberState: Seam["fiberState"] = line.fiberState
export const contextOf: Seam["contextOf"] = line.contextOf
export const hasLogger: Seam["hasLogger"] = line.hasLogger
export const mergeContext: Seam["mergeContext"] = line.mergeContext
export const withServices: Seam["withServices"] = line.withServices
export const openScope: Seam["openScope"] = line.openScope
export const closeOf: Seam["closeOf"] = line.closeOf
export const forksIn: Seam["forksIn"] = line.forksIn
export const runSyncIn: Seam["runSyncIn"] = line.runSyncIn
export const poll: Seam["poll"] = line.poll
export const spanName: Seam["spanName"] = line.spanName
export const lookAt: Seam["lookAt"] = line.lookAt
export const rootFibers: Seam["rootFibers"] = line.rootFibers
export const observe: Seam["observe"] = line.observe
export const interruptFork: Seam["interruptFork"] = line.interruptFork
export const unlessTold: Seam["unlessTold"] = line.unlessTold
export const keepsInterruptions: Seam["keepsInterruptions"] = line.keepsInterruptions
export const whenDropped: Seam["whenDropped"] = line.whenDropped
export const defectsHideFailures: Seam["defectsHideFailures"] = line.defectsHideFailures
export const isInterruptedOnly: Seam["isInterruptedOnly"] = line.isInterruptedOnly
export const isInterrupted: Seam["isInterrupted"] = line.isInterrupted
export const failures: Seam["failures"] = line.failures
export const defects: Seam["defects"] = line.defects
export const bothCauses: Seam["bothCauses"] = line.bothCauses
export const sequentialCauses: Seam["sequentialCauses"] = line.sequentialCauses
export const withoutErrors: Seam["withoutErrors"] = line.withoutErrors
export const errorExitCode: Seam["errorExitCode"] = line.errorExitCode
export const errorReported: Seam["errorReported"] = line.errorReported
export const handleCause: Seam["handleCause"] = line.handleCause
export const handleStreamCause: Seam["handleStreamCause"] = line.handleStreamCause
export const isStream: Seam["isStream"] = line.isStream
export const withPull: Seam["withPull"] = line.withPull
export const pulled: Seam["pulled"] = line.pulled
export const dyingStream: Seam["dyingStream"] = line.dyingStream
export const dyingSink: Seam["dyingSink"] = line.dyingSink
export const sinkOf: Seam["sinkOf"] = line.sinkOf
export const yieldedEffect: Seam["yieldedEffect"] = line.yieldedEffect
export const withGraft: Seam["withGraft"] = line.withGraft
export const inheritState: Seam["inheritState"] = line.inheritState
export const seriesIn: Seam["seriesIn"] = line.seriesIn
export const toMillis: Seam["toMillis"] = line.toMillis
export const loopClock: Seam["loopClock"] = line.loopClock
export const controlled: Seam["controlled"] = line.controlled

/** An Effect that is a Stream, too: whoever runs it decides. */
export abstract class EffectAndStream<A, E, R> extends line.BothBase<A, E, R> implements Both<A, E, R> {
  abstract readonly streams: boolean
  abstract commit(): Effect.Effect<A, E, R>
  abstract stream(): Stream.Stream<unknown, E, R>
}
