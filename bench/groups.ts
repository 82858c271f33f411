/** What there is to measure, and what loads it: a process that measures a group knows no other. */
import type { Case } from "./case.js"

const loaders: Readonly<Record<string, () => Promise<ReadonlyArray<Case>>>> = {
  callSoon: async () => (await import("./cases/callSoon.js")).callSoon,
  timers: async () => (await import("./cases/timers.js")).timers,
  futures: async () => (await import("./cases/futures.js")).futures,
  tasks: async () => (await import("./cases/tasks.js")).tasks,
  fromAio: async () => (await import("./cases/fromAio.js")).fromAio,
  toAio: async () => (await import("./cases/toAio.js")).toAio,
  streams: async () => (await import("./cases/streams.js")).streams,
  border: async () => (await import("./cases/border.js")).border,
  life: async () => (await import("./cases/life.js")).life,
  syncLoop: async () => (await import("./cases/syncLoop.js")).syncLoop,
  readers: async () => (await import("./cases/readers.js")).readers,
  processes: async () => (await import("./cases/processes.js")).processes,
  commands: async () => (await import("./cases/commands.js")).commands,
  executors: async () => (await import("./cases/executor.js")).executors,
  workers: async () => (await import("./cases/workers.js")).workers,
  echo: async () => (await import("./cases/echo.js")).echo,
  http: async () => (await import("./cases/http.js")).http,
  context: async () => (await import("./cases/context.js")).context,
  guarantees: async () => (await import("./cases/guarantees.js")).guarantees,
  growth: async () => (await import("./cases/growth.js")).growth,
  start: async () => (await import("./cases/start.js")).start,
  memory: async () => (await import("./cases/memory.js")).memory
}

export const names: ReadonlyArray<string> = Object.keys(loaders)

/** The cases of a group. */
export const load = (group: string): Promise<ReadonlyArray<Case>> => {
  const loader = loaders[group]
  if (loader === undefined) throw new RangeError(`there is no group ${group}`)
  return loader()
}
