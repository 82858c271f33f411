/** Rows of a dump as tests write them, and dumps of small programs. */
import type { DumpRow } from "../../src/index.js"

export const row = (over: Partial<DumpRow>): DumpRow => ({
  id: 1,
  what: "task",
  name: "load",
  age: 5,
  state: "pending",
  waitingOn: "a foreign promise",
  waitsFor: [],
  parent: undefined,
  createdAt: "",
  annotations: {},
  ...over
})
