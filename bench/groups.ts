/** What there is to measure. Each group runs in a process of its own. */
import { border } from "./cases/border.js"
import { callSoon } from "./cases/callSoon.js"
import { commands } from "./cases/commands.js"
import { echo } from "./cases/echo.js"
import { executors } from "./cases/executor.js"
import { fromAio } from "./cases/fromAio.js"
import { futures } from "./cases/futures.js"
import { http } from "./cases/http.js"
import { life } from "./cases/life.js"
import { memory } from "./cases/memory.js"
import { processes } from "./cases/processes.js"
import { readers } from "./cases/readers.js"
import { streams } from "./cases/streams.js"
import { syncLoop } from "./cases/syncLoop.js"
import { tasks } from "./cases/tasks.js"
import { timers } from "./cases/timers.js"
import { toAio } from "./cases/toAio.js"
import { workers } from "./cases/workers.js"
import type { Case } from "./measure.js"

export const groups: Readonly<Record<string, ReadonlyArray<Case>>> = {
  callSoon,
  timers,
  futures,
  tasks,
  fromAio,
  toAio,
  streams,
  border,
  life,
  syncLoop,
  readers,
  processes,
  commands,
  executors,
  workers,
  echo,
  http,
  memory
}
