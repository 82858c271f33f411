/**
 * How late the thread is: Node's own histogram of a timer that it expects at every step, outside of JavaScript. All loops of a
 * thread are as late as that; each looks at it at moments of its own, so each has one.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"

/** How often the timer is expected, in milliseconds. */
const RESOLUTION = 10

/** In seconds. */
export interface Lateness {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export class Lag {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION })

  constructor() {
    this.#histogram.enable()
  }

  /** How late it was since the last time that somebody asked. */
  take(): Lateness {
    const histogram = this.#histogram
    // What it keeps is how far apart the timer came, in nanoseconds; before the first time, nothing.
    const late = (apart: number): number =>
      histogram.count === 0 ? 0 : Math.max(0, apart / 1e9 - RESOLUTION / 1e3)
    const taken = {
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      max: late(histogram.max)
    }
    histogram.reset()
    return taken
  }

  end(): void {
    this.#histogram.disable()
  }
}
