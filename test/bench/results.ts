/** Results for the tests of what is made of them. */
import type { CaseResult, Measured } from "../../bench/result.js"

export const measured = (
  name: string,
  cpu: ReadonlyArray<number>,
  more: Partial<Measured> = {}
): Measured => ({
  name,
  ours: name.startsWith("effect-aio"),
  n: 10,
  wall: cpu.map((us) => us * 2),
  cpu,
  ...more
})

export const result = (contenders: ReadonlyArray<Measured>, more: Partial<CaseResult> = {}): CaseResult => ({
  group: "fruit",
  name: "apples",
  what: "apples eaten",
  measures: "wall",
  date: "2026-11-28T11:00:00.000Z",
  load: 0.5,
  contenders,
  ...more
})
