// What has a row in a dump of a loop that runs, and who waits for whom.
// Covers: LoopDump, DumpRow
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import {
  acquireAio,
  fromAio,
  Loop,
  type LoopDump,
  runAioFuture,
  runEffect,
  SyncLoop,
  type Task,
  toAio
} from "../../../src/index.js"
import { onLine, perLine } from "../../support/effect/line.js"

/** The rows that a row waits for, by what they are and are called. */
const waits = (dump: LoopDump, name: RegExp): ReadonlyArray<string> => {
  const row = dump.rows.find((one) => name.test(`${one.what} ${one.name}`))
  if (row === undefined) throw new Error(`no ${String(name)} in\n${String(dump)}`)
  return row.waitsFor.map((id) => dump.rows[id - 1]).map((one) => `${one?.what} ${one?.name}`)
}

const never = (): Promise<never> => new Promise(() => {})

/** Until everything that was started has got to where it waits. */
const settled = Effect.zipRight(Loop.synchronize, Effect.zipRight(Effect.sleep(5), Loop.synchronize))

const dumpOf = <E, R>(begin: Effect.Effect<unknown, E, R>) =>
  Loop.scoped(Effect.scoped(Effect.zipRight(begin, Effect.zipRight(settled, Loop.dump))), {
    name: "main",
    closeDeadline: 100,
    slowJoin: 10_000,
    exceptionHandler: () => {}
  })

describe("Loop.dump", () => {
  it.live("finds a circle of a task and the fiber of an Effect that the task has started", () =>
    Effect.map(
      dumpOf(
        Effect.map(Loop, (loop) => {
          const a: Task<unknown> = loop.createTask(() => runEffect(fromAio(async () => a, { name: "b" })()), {
            name: "a"
          })
        })
      ),
      (dump) => {
        const names = dump.circles.map((circle) => circle.map((id) => dump.rows[id - 1]?.what))
        expect(names).toEqual([["task", "effect", "task"]])
      }
    )
  )

  it.live("of an idle loop has the fiber of its program alone", () =>
    Effect.map(dumpOf(Effect.void), (dump) => {
      expect(dump.rows.map(({ what }) => what)).toEqual(["fiber"])
      expect(dump.circles).toEqual([])
      expect(dump.statistics).toMatchObject({ name: "main", state: "running" })
    })
  )

  it.live("follows a fiber to the task that it waits for, and that to its Future", () =>
    Effect.gen(function* () {
      const dump = yield* dumpOf(
        Effect.gen(function* () {
          const future = (yield* Loop).createFuture()
          const load = fromAio(async () => void (await future), { name: "load" })
          yield* Effect.forkScoped(load().pipe(Effect.withSpan("load users"), Effect.annotateLogs("user", 7)))
        })
      )
      expect(waits(dump, /^fiber #\d+, in span load users$/)).toEqual(["task load"])
      expect(waits(dump, /^task load$/)).toEqual([expect.stringMatching(/^future <Future pending/)])
      const fiber = dump.rows.find(({ name }) => name.endsWith("load users"))
      expect(fiber).toMatchObject({ state: "running", waitingOn: "task load", annotations: { user: "7" } })
      expect(dump.tree()).toMatch(
        /fiber #\d+, in span load users .* user=7\n[│ ]*└─ task load .*\n[│ ]*└─ future/
      )
    })
  )

  it.live("follows a fiber that waits for a Future of the loop by itself", () =>
    Effect.gen(function* () {
      const dump = yield* dumpOf(
        Effect.gen(function* () {
          const future = (yield* Loop).createFuture()
          yield* Effect.forkScoped(Effect.withSpan(runAioFuture(future), "wait"))
        })
      )
      expect(waits(dump, /in span wait$/)).toEqual([expect.stringMatching(/^future <Future pending/)])
    })
  )

  it.live("follows a task into the Effect that it calls, and that to its children", () =>
    Effect.gen(function* () {
      const dump = yield* dumpOf(
        Effect.gen(function* () {
          const work = yield* toAio(
            () => Effect.zipRight(Effect.fork(Effect.withSpan(Effect.never, "child")), Effect.never),
            { name: "work" }
          )
          const loop = yield* Loop
          loop.createTask(async () => void (await work()), { name: "calls" })
        })
      )
      const effect = dump.rows.find(({ what }) => what === "effect")
      expect(waits(dump, /^task calls$/)).toEqual([expect.stringMatching(/^effect work #\d+$/)])
      const child = dump.rows.find(({ name }) => /in span child$/.test(name))
      expect(child?.parent).toBe(effect?.id)
    })
  )

  it.live("finds tasks that wait for each other", () =>
    Effect.gen(function* () {
      const dump = yield* dumpOf(
        Effect.gen(function* () {
          const loop = yield* Loop
          const tasks: Array<PromiseLike<unknown>> = []
          for (let i = 0; i < 3; i++) {
            tasks.push(loop.createTask(async () => void (await tasks[(i + 1) % 3]), { name: `t${i}` }))
          }
        })
      )
      const [circle] = dump.circles
      expect(circle?.map((id) => dump.rows[id - 1]?.name)).toEqual(["t0", "t1", "t2"])
      expect(String(dump)).toContain(
        "they wait for each other, for ever: task t0 -> task t1 -> task t2 -> task t0"
      )
      expect(dump.tree()).toContain("for ever")
    })
  )

  it.live("knows that a sleep waits for its timer, and who waits for a child for that", () =>
    Effect.gen(function* () {
      const dump = yield* dumpOf(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(() => loop.sleep(60_000), { name: "nap" })
          // A timer that is given a Future does with it what it likes.
          const own = loop.createFuture<void>()
          loop.createTask(async () => own, { name: "own" })
          loop.callLater(60_000, (future) => future.cancel(), own)
          const child = yield* Loop.subprocess("sleep", ["60"], { stdin: "devnull" })
          yield* Effect.fork(Effect.withSpan(child.exitCode, "waits"))
          const process = yield* Effect.promise(() => loop.createSubprocessExec("sleep", ["60"]))
          loop.createTask(async () => process.wait(), { name: "waits, too" })
          yield* Effect.addFinalizer(() => Effect.sync(() => process.kill()))
        })
      )
      const tree = dump.tree().replaceAll(/pid \d+/g, "pid")
      expect(tree).toMatch(/task nap \([^)]*\)\n *└─ future <Future pending> \([^)]*\)\n *└─ timer awake \(/)
      expect(tree).toMatch(
        /task own \([^)]*\)\n *└─ future <Future pending> \([^)]*whoever settles it\)\n(?! *└)/
      )
      expect(tree).toMatch(/fiber .*in span waits \([^)]*\)\n.*└─ process pid: sleep 60 /)
      expect(tree).toMatch(/task waits, too \([^)]*\)\n.*└─ process pid: sleep 60 /)
    })
  )

  it.live("has timers, jobs, resources and what the program has named", () =>
    Effect.gen(function* () {
      const dump = yield* dumpOf(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callLater(60_000, function tick() {})
          loop.callLater(50, function soon() {}).cancel()
          const job = loop.runInExecutor(null, () =>
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
          )
          loop.createTask(async () => void (await job), { name: "computes" })
          yield* acquireAio({ name: "connection", open: () => 1, close: () => {} })
          yield* Effect.forkScoped(Loop.named("metrics", Effect.never))
        })
      )
      const by = (what: string) => dump.rows.filter((one) => one.what === what)
      expect(by("timer").map(({ name, waitingOn }) => `${name}: ${waitingOn}`)).toEqual([
        "tick: due within 1min"
      ])
      expect(waits(dump, /^task computes$/)).toEqual([expect.stringMatching(/^job /)])
      expect(by("resource").map(({ name }) => name)).toEqual(["connection"])
      expect(waits(dump, /^effect metrics$/)).toEqual([expect.stringMatching(/^fiber #\d+/)])
    })
  )

  it.live("has what a Scope keeps, and knows who joins whom, where Effect does", () =>
    Effect.gen(function* () {
      const dump = yield* dumpOf(
        Effect.gen(function* () {
          const joined = yield* Effect.forkScoped(Effect.withSpan(Effect.never, "joined"))
          yield* Effect.forkScoped(Effect.withSpan(Fiber.join(joined), "joins"))
        })
      )
      const spans = dump.rows.flatMap(({ name }) => /in span (\w+)$/.exec(name)?.[1] ?? [])
      expect(spans).toEqual(perLine<Array<string>, Array<string>>("E16", { 3: ["joined", "joins"], 4: [] }))
      if (!onLine("E16", 3)) return
      expect(waits(dump, /in span joins$/)).toEqual([expect.stringMatching(/in span joined$/)])
    })
  )

  it.live("tells of a program that is told to stop what it waits for", () =>
    Effect.gen(function* () {
      let begin = (): void => {}
      const begun = new Promise<void>((resolve) => (begin = resolve))
      const dumps: Array<LoopDump> = []
      const program = Effect.gen(function* () {
        const loop = yield* Loop
        const hang = fromAio(() => (begin(), never()), { name: "hang", onInterrupt: "join" })
        loop.callLater(50, () => void dumps.push(loop.dump()))
        yield* hang()
      })
      const fiber = yield* Effect.fork(
        Loop.scoped(program, { closeDeadline: 100, exceptionHandler: () => {} })
      )
      yield* Effect.promise(() => begun)
      yield* Fiber.interrupt(fiber)
      const [dump] = dumps
      expect(dump === undefined ? [] : waits(dump, /^effect body of/)).toEqual(["task hang"])
    })
  )

  it("may be asked for inside a callback, of a loop that is stopped, and of one that is closed", async () => {
    const loop = SyncLoop.make()
    const future = loop.createFuture()
    const task = loop.createTask(async () => void (await future), { name: "waits" })
    const seen = await loop.runUntilComplete(async () => {
      await loop.sleep(0)
      return loop.dump().rows.map(({ name, what }) => `${what} ${name}`)
    })
    expect(seen).toContain("task waits")
    expect(waits(loop.dump(), /^task waits$/)).toHaveLength(1)
    task.cancel()
    await loop.close()
    expect(loop.dump().rows).toEqual([])
    expect(loop.dump().statistics.state).toBe("closed")
  })

  it("is text that a terminal can show, whatever the names are, and JSON of the same", async () => {
    const loop = SyncLoop.make()
    const names = ["x".repeat(1_000_000), "\u001b[31mred\nnext", "naps", "naps", "naps"]
    const tasks = names.map((name) => loop.createTask(() => loop.sleep(60_000), { name }))
    await loop.runUntilComplete(() => loop.sleep(0))
    const dump = loop.dump()
    expect(String(dump)).toMatch(/3 x naps/)
    expect(String(dump)).not.toContain("\u001b")
    for (const text of [String(dump), dump.tree(), dump.mermaid()]) expect(text.length).toBeLessThan(20_000)
    const json = JSON.parse(JSON.stringify(dump)) as ReturnType<LoopDump["toJSON"]>
    expect(json.rows.filter(({ what }) => what === "task")).toHaveLength(5)
    expect(json.loop.tasks).toBe(5)
    expect(Object.values(json.resources).every((count) => count > 0)).toBe(true)
    for (const task of tasks) task.cancel()
    await loop.close()
  })

  it("changes nothing: what was pending goes on, and no failure counts as seen", async () => {
    const reports: Array<string> = []
    const loop = SyncLoop.make({ exceptionHandler: (_, { message }) => void reports.push(message) })
    const failed = loop.createFuture()
    failed.setException(new Error("nobody looks"))
    const future = loop.createFuture<number>()
    const task = loop.createTask(async () => (await future) + 1)
    await loop.runUntilComplete(() => loop.sleep(0))
    loop.dump()
    future.setResult(1)
    expect(await loop.runUntilComplete(task)).toBe(2)
    await loop.close()
    expect(reports).toEqual([expect.stringContaining("never retrieved")])
  })
})
