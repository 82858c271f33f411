/** Rows and loops as the page is told of them. */
import type { PageLoop, PageRow } from "../../src/cli/ui/messages.js"

export const rowShown = (given: Partial<PageRow> = {}): PageRow => ({
  id: "0/loop-1/1",
  loop: "0/loop-1",
  what: "task",
  name: "query",
  state: "pending",
  waitingOn: "a foreign promise",
  createdAt: "main.ts:1:1",
  notes: "",
  born: 1_000,
  count: 1,
  waitsFor: [],
  parent: undefined,
  ...given
})

export const loopShown = (
  numbers: Partial<PageLoop["numbers"]> = {},
  given: Partial<Omit<PageLoop, "numbers">> = {}
): PageLoop => ({
  id: "0/loop-1",
  thread: 0,
  numbers: {
    name: "loop-1",
    state: "running",
    ready: 0,
    timers: 0,
    tasks: 0,
    unretrieved: 0,
    passes: 0,
    callbacks: 0,
    late: 0,
    ...numbers
  },
  more: 0,
  circles: [],
  resources: {},
  delay: undefined,
  ...given
})
