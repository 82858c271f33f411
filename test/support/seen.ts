/** Processes that are looked at and are none: what is seen of them is what a test says. */
import type { SeenDump, SeenRow } from "../../src/Loop/inspect/SeenDump.js"
import type { ThreadDumps, Viewed } from "../../src/cli/Viewed.js"
import { nothingHeld } from "../../src/Loop/EventLoop.js"

/** A row; its number is its place in the dump. */
export const rowSeen = (given: Partial<SeenRow> = {}): SeenRow => ({
  id: 1,
  key: 1,
  what: "task",
  name: "query",
  age: 10,
  state: "pending",
  waitingOn: "a foreign promise",
  waitsFor: [],
  parent: undefined,
  createdAt: "main.ts:1:1",
  annotations: {},
  ...given
})

/** A timer has no key. */
export const timerSeen = (given: Partial<SeenRow> = {}): SeenRow => {
  const { key: _key, ...row } = rowSeen({
    what: "timer",
    name: "tick",
    age: undefined,
    state: "scheduled",
    waitingOn: "due within 1s",
    ...given
  })
  return row
}

/** A dump; its rows get their numbers. */
export const dumpSeen = (
  rows: ReadonlyArray<SeenRow> = [],
  {
    loop = {},
    ...given
  }: Partial<Omit<SeenDump, "loop">> & { readonly loop?: Partial<SeenDump["loop"]> } = {}
): SeenDump => ({
  _id: "LoopDump",
  loop: {
    name: "loop-1",
    state: "running",
    ready: 0,
    timers: 0,
    tasks: rows.length,
    unretrieved: 0,
    passes: 0,
    callbacks: 0,
    late: 0,
    ...nothingHeld,
    ...loop
  },
  time: 1_000,
  rows: rows.map((row, i) => ({ ...row, id: i + 1 })),
  more: 0,
  circles: [],
  resources: {},
  delay: undefined,
  took: 1,
  ...given
})

export const threadSeen = (
  dumps: ReadonlyArray<SeenDump>,
  given: Partial<ThreadDumps> = {}
): ThreadDumps => ({
  thread: 0,
  library: true,
  busy: undefined,
  dumps,
  ...given
})

/** What `look` gives is what `see` does; what is asked of it is written into `log`. */
export const viewedAs = (see: () => ReadonlyArray<ThreadDumps>, log: Array<string> = []): Viewed => ({
  pid: 4711,
  by: "a test",
  look: async (most) => {
    log.push(`look ${most}`)
    return see()
  },
  cancel: async () => "",
  close: async () => void log.push("close")
})
