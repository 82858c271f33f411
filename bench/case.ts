/** What a case is: one piece of work, and the ways to do it that are compared. */

/**
 * What one sample did: how many operations came to their right end; the time of each in ms; what it keeps alive; what has
 * timed itself.
 */
export type Outcome = number | Float64Array | ReadonlyArray<unknown> | Timed

/** What was timed by the sample itself, because it is parts of it or in another process: operations, and ms of all of them. */
export interface Timed {
  readonly done: number
  readonly wall: number
  readonly cpu: number
}

/** One way to do what a case measures. */
export interface Contender {
  readonly name: string
  readonly ours: boolean
  /** Slow peers do this fraction of the operations. */
  readonly fraction: number
  /** Prepares one sample of `n` operations. */
  readonly prepare: (n: number) => Prepared | Promise<Prepared>
}

/** One sample, ready to be timed. */
export interface Prepared {
  readonly go: () => Outcome | Promise<Outcome>
  readonly close?: () => void | Promise<void>
}

/** A peer in Python: which event loop, and which function of `asyncio/main.py`. */
export interface Program {
  readonly name: string
  readonly loop: "asyncio" | "uvloop"
  readonly work: string
  readonly fraction: number
}

/**
 * What decides between the contenders: wall time (the default); CPU time, where delays decide how long it takes; the time of
 * single operations; what stays on the heap.
 */
export type Measure = "wall" | "cpu" | "latency" | "memory"

/** What is compared. */
export interface Case {
  readonly name: string
  /** What one operation is, for the table. */
  readonly what: string
  /** Operations in one sample. */
  readonly n: number
  readonly measures?: Measure
  readonly contenders: ReadonlyArray<Contender>
  readonly programs?: ReadonlyArray<Program>
  /** Its contenders have so many times as many at once as the first: what counts is how the cost of one grows. */
  readonly growth?: ReadonlyArray<number>
  /** One sample says all: no warm-up, and no more of them. */
  readonly once?: true
}

/** A peer: `prepare(n)` is not timed, what it returns is. */
export const peer = (
  name: string,
  prepare: (n: number) => Prepared["go"] | Promise<Prepared["go"]>,
  fraction = 1
): Contender => ({ name, ours: false, fraction, prepare: async (n) => ({ go: await prepare(n) }) })

/** Both peers in Python. */
export const python = (work: string, what = ""): ReadonlyArray<Program> =>
  (["asyncio", "uvloop"] as const).map((loop) => ({
    name: `${loop}${what === "" ? "" : `, ${what}`}`,
    loop,
    work,
    fraction: 1
  }))

export const fail = (message: string): never => {
  throw new Error(`wrong result: ${message}`)
}
