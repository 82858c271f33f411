/** A loop's metrics, brought up to date now and then for as long as the loop is there. */
import { unmarked } from "../../host/AsyncContext.js"
import { LONGEST } from "../../host/NodeHost.js"
import type { MetricsSettings } from "../../Settings.js"
import { Lag } from "./Lag.js"
import { LoopMetrics, type Measured } from "./LoopMetrics.js"

/**
 * The looks are in real time, which is what a thread is late by, and keep no process alive. Nor do they keep a loop that was
 * forgotten without a close.
 */
export const startMetrics = (loop: Measured, label: string, settings: MetricsSettings): LoopMetrics => {
  const lag = new Lag()
  const metrics = new LoopMetrics(loop, label, settings, lag)
  if (settings.interval === Infinity) return metrics
  const ref = new WeakRef(metrics)
  const look = (): void => {
    const here = ref.deref()
    if (here === undefined) lag.end()
    if (here?.sample() !== true) clearInterval(timer)
  }
  const timer = unmarked(() => setInterval(look, Math.min(settings.interval, LONGEST)).unref())
  return metrics
}
