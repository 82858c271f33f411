/**
 * How late the callbacks of this thread are, while somebody looks at it again and again. Nothing is measured before the second
 * look, nor some seconds after the last; what a look takes itself is not counted.
 */
import type { monitorEventLoopDelay } from "node:perf_hooks"

/** In milliseconds. */
export interface Delay {
  readonly mean: number
  readonly max: number
}

/** How often it is measured, and for how long without a look, in milliseconds. */
const STEP = 10
const PATIENCE = 15_000

interface Measured {
  readonly histogram: ReturnType<typeof monitorEventLoopDelay>
  readonly end: NodeJS.Timeout
}

let last = -Infinity
let measured: Measured | undefined

const begin = (): Measured => {
  const { monitorEventLoopDelay } = process.getBuiltinModule("node:perf_hooks")
  const histogram = monitorEventLoopDelay({ resolution: STEP })
  const end = setTimeout(() => {
    histogram.disable()
    measured = undefined
  }, PATIENCE).unref()
  return { histogram, end }
}

/** What it counts is how far apart its steps are, in nanoseconds. */
const late = (nanoseconds: number): number => Math.max(0, Math.round((nanoseconds / 1e6 - STEP) * 100) / 100)

/** Since the look before; unknown where that is long ago, or Node had no turn. */
export const delayNow = (): Delay | undefined => {
  const now = performance.now()
  const again = now - last < PATIENCE
  last = now
  if (measured === undefined && !again) return undefined
  measured ??= begin()
  const { end, histogram } = measured
  end.refresh()
  const delay = histogram.count === 0 ? undefined : { mean: late(histogram.mean), max: late(histogram.max) }
  // It begins anew after this look; an immediate without a reference would wait for something else to wake Node.
  histogram.disable()
  histogram.reset()
  setImmediate(() => {
    // It may have been ended since.
    if (measured?.histogram === histogram) histogram.enable()
  })
  return delay
}
