/**
 * What one loop keeps of what it did many thousand times, and has ended: nothing. In a process of its own, with its gc.
 * EFFECT_AIO_SOAK does all of it so many times over (CI: once).
 */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"

const fixture = compiled("test/fixtures/soak.ts")

const times = Number(process.env["EFFECT_AIO_SOAK"] ?? 1)

/** What a group may seem to grow by, in bytes: what is compiled and cached meanwhile. Beyond that each is looked at alone. */
const BOUND = 120_000

interface Measured {
  readonly names: ReadonlyArray<string>
  readonly before: Record<string, number>
  readonly after: Record<string, number>
  /** Which of them grow when they are alone. */
  readonly growing: ReadonlyArray<string>
}

/** So often that 60 bytes which are kept of each go beyond the bound; ten times as often, 6. */
const OFTEN = 2_000
/** What crosses the border takes longer, and still longer what waits for a turn of Node, or runs a Stream. */
const CROSSING = 1_000
const LESS = 200
/** Loops, and what takes a thread or a process. */
const SELDOM = 100

const groups: ReadonlyArray<readonly [what: string, count: number, names: ReadonlyArray<string>]> = [
  [
    "callbacks and timers",
    OFTEN,
    [
      "callSoon",
      "callSoon cancelled",
      "callLater",
      "callLater cancelled",
      "callAt cancelled",
      "sleep",
      "sleep cancelled",
      "handlers set"
    ]
  ],
  [
    "Futures",
    OFTEN,
    [
      "future",
      "future that fails",
      "future that nobody reads",
      "done callback taken back",
      "wrapFuture",
      "wrapFuture cancelled",
      "wrapFuture of one promise",
      "waitFor of one promise",
      "shield of one promise",
      "shield of one Future"
    ]
  ],
  [
    "tasks",
    OFTEN,
    [
      "task",
      "generator task",
      "task cancelled",
      "task cancelled before it began",
      "task that is stopped",
      "waitFor",
      "timeout",
      "TaskGroup",
      "TaskGroup that fails"
    ]
  ],
  [
    "aio work as Effects",
    CROSSING,
    [
      "fromAio of a function",
      "fromAio of a new function",
      "fromAio that fails",
      "fromAio of a promise",
      "runAioFuture",
      "runAioCoroutine",
      "allowAio",
      "acquireAio",
      "fromAio of a disposable",
      "synchronize"
    ]
  ],
  [
    "Effects for aio code",
    CROSSING,
    [
      "runEffect",
      "runEffect cancelled",
      "runEffect with one signal",
      "runEffectTask",
      "toAio of a function",
      "toAio of a function, scoped",
      "toAio wrapped again",
      "toAio of a resource",
      "Loop.binder"
    ]
  ],
  [
    "what is interrupted",
    LESS,
    [
      "waitFor whose time is up",
      "fromAio interrupted",
      "fromAio interrupted, with its signal",
      "fromAio of a shield of one Future, interrupted",
      "acquireAio interrupted",
      "a Stream that is interrupted",
      "an event target, interrupted, with one signal",
      "Loop.crashed interrupted",
      "Loop.waitStopped interrupted",
      "Loop.readable interrupted",
      "Loop.signal",
      "Loop.signal beside a handler"
    ]
  ],
  [
    "Streams, emitters and callbacks",
    LESS,
    [
      "a Stream",
      "a Stream that is left",
      "a Readable",
      "an emitter",
      "one emitter",
      "fromCallback",
      "toAio of a Stream",
      "toAio of a Stream that is left"
    ]
  ],
  [
    "watching",
    OFTEN,
    [
      "signal handler",
      "signal handler replaced",
      "reader of a stream",
      "reader of a new stream",
      "writer of a stream",
      "asks of one LoopHandle",
      "asks with one signal"
    ]
  ],
  [
    "loops",
    SELDOM,
    [
      "stop and start",
      "nested Loop.scoped",
      "Loop.open in a Scope",
      "SyncLoop",
      "runs of one SyncLoop",
      "runs of one SyncLoop with one signal",
      "Loop.signal that gets one",
      "LoopHandle"
    ]
  ],
  ["jobs", SELDOM, ["runInExecutor", "toThread", "jobs of one Executor"]],
  ["child processes", SELDOM / 5, ["subprocess", "createSubprocessExec"]]
]

const soaked = async (count: number, names: ReadonlyArray<string>): Promise<Measured> => {
  const group = JSON.stringify({ bound: BOUND, group: names.map((name) => [name, count * times]) })
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", fixture, group], {
    env: { ...process.env, NODE_OPTIONS: "" },
    timeout: 100_000 * times
  })
  return JSON.parse(stdout) as Measured
}

describe("a loop that goes on", () => {
  it.each(groups.map(([what, count, names]) => [what, count, names] as const))(
    "L3 S5 keeps nothing of what has ended: %s",
    { timeout: 120_000 * times },
    async (_, count, names) => {
      const { after, before, growing } = await soaked(count, names)
      expect(growing).toEqual([])
      expect(after).toEqual(before)
    }
  )
})
