/** What is in Effect's registry of metrics. */
import { Metric } from "effect"

/** Of a gauge or a counter its value, of a histogram how often it has observed something. */
const valueOf = (state: object): number => {
  const { count, value } = state as { readonly count?: number | bigint; readonly value?: number | bigint }
  return Number(value ?? count)
}

/** The series with the label `loop`, as `name{label=value}` without that label. */
export const seriesOf = (loop: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Metric.unsafeSnapshot(undefined)
      .filter(({ metricKey }) => metricKey.tags.some(({ key, value }) => key === "loop" && value === loop))
      .map(({ metricKey: { name, tags }, metricState }) => {
        const labels = [...tags]
          .filter(({ key }) => key !== "loop")
          .map(({ key, value }) => `${key}=${value}`)
        return [`${name}${labels.length === 0 ? "" : `{${labels.join(",")}}`}`, valueOf(metricState)]
      })
  )
