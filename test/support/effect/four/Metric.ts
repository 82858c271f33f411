import * as Context from "effect4/Context"
import * as M from "effect4/Metric"
export * from "effect4/Metric"

/** All series, as Effect 3 gives them. */
export const unsafeSnapshot = (_: void) =>
  M.snapshotUnsafe(Context.empty()).map(({ attributes, id, state }) => ({
    metricKey: {
      name: id,
      tags: Object.entries(attributes ?? {}).map(([key, value]) => ({ key, value: String(value) }))
    },
    metricState: state
  }))
