/** What was measured, as it is kept in `results`. Times are in microseconds of one operation. */
import type { Measure } from "./case.js"

/** One sample. */
export interface Sample {
  readonly wall: number
  readonly cpu: number
  /** Of single operations, where they were timed one by one. */
  readonly p50?: number
  readonly p99?: number
  /** What one keeps on the heap. */
  readonly bytes?: number
}

/** One contender's samples: the i-th values of all contenders of a case were measured in the same round. */
export interface Measured {
  readonly name: string
  readonly ours: boolean
  /** Which build of the library, where it is not the one at hand. */
  readonly library?: string
  readonly n: number
  readonly wall: ReadonlyArray<number>
  readonly cpu: ReadonlyArray<number>
  readonly p50?: ReadonlyArray<number>
  readonly p99?: ReadonlyArray<number>
  readonly bytes?: ReadonlyArray<number>
}

/** One case's result. */
export interface CaseResult {
  readonly group: string
  readonly name: string
  readonly what: string
  readonly measures: Measure
  readonly growth?: ReadonlyArray<number>
  /** When it began, and the machine's load then. */
  readonly date: string
  readonly load: number
  readonly contenders: ReadonlyArray<Measured>
}

/** What a run stands on: the versions of all that takes part, and the machine. */
export interface Machine {
  readonly library: string
  readonly node: string
  readonly v8: string
  readonly effect: string
  readonly asyncio?: string
  readonly uvloop?: string
  readonly cpu: string
  readonly cores: number
}

/** One run. */
export interface Run {
  readonly machine: Machine
  readonly cases: ReadonlyArray<CaseResult>
}
