// The child processes of a loop when it closes: in order, at once, and past its deadline.
import { it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { describe, expect, vi } from "vitest"
import { type EventLoop, Loop, LoopCrash, SyncLoop } from "../../../src/index.js"
import type { Child } from "../../../src/Loop/process/Child.js"
import { processesOf } from "../../../src/Loop/process/Processes.js"
import {
  exists,
  exited,
  openFds,
  read,
  runs,
  shell,
  spawn,
  until,
  watchPid
} from "../../fixtures/child/children.js"
import { collecting, open, scoped } from "../../support/scopedLoops.js"

const started = (child: Promise<Child> | PromiseLike<Child>): Effect.Effect<Child> =>
  Effect.promise(async () => {
    const one = await child
    await until(() => (one.pipes.get(1)?.readableLength ?? 0) > 0)
    return one
  })

/** A child that ignores SIGTERM, and says so. */
const stubborn = (loop: EventLoop, killGrace: number) =>
  started(shell(loop, "trap '' TERM; echo ready; while :; do sleep 100; done", { killGrace }))

/** The number that it wrote first. */
const number = (child: Child): number => watchPid(Number(String(child.pipes.get(1)?.read())))

describe("a loop that closes", () => {
  it.live("S1 terminates the children that are left, waits for them, and leaves no descriptor", () =>
    Effect.gen(function* () {
      const before = openFds()
      const children: Array<Child> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          for (let i = 0; i < 3; i++)
            children.push(yield* Effect.promise(async () => spawn(loop, "sleep", ["100"])))
          expect(loop.statistics().processes).toBe(3)
        })
      )
      expect(children.map((child) => [child.returncode, exists(child.pid)])).toEqual(
        Array(3).fill([-15, false])
      )
      yield* Effect.promise(() => until(() => openFds().length === before.length))
    })
  )

  it.live("S1 kills after the grace, its own of each, all of them at once", () =>
    Effect.gen(function* () {
      const began = performance.now()
      const codes: Array<number | null> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const children: Array<Child> = []
          for (let i = 0; i < 5; i++) children.push(yield* stubborn(loop, 300))
          children.push(yield* started(shell(loop, "trap 'exit 7' TERM; echo ready; sleep 100 & wait")))
          for (const child of children) child.onExit(() => codes.push(child.returncode))
        })
      )
      expect(codes).toEqual([7, -9, -9, -9, -9, -9])
      // One after the other would take five graces.
      expect(performance.now() - began).toBeLessThan(300 * 5 + 5_000)
    })
  )

  it.live("S1 comes to them after the tasks, whose cleanup may use them and start more", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const cat = yield* Effect.promise(async () => spawn(loop, "cat", [], { stdin: "pipe" }))
          cat.onExit(() => log.push(`cat ${cat.returncode}`))
          loop.createTask(async (task) => {
            try {
              await loop.sleep(1e6)
            } finally {
              void task
              cat.pipes.get(0)?.end("last words")
              const words = await read(cat)
              await exited(cat)
              log.push(words)
              const late = await spawn(loop, "sleep", ["100"])
              late.onExit(() => log.push(`late ${late.returncode}`))
            }
          })
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        })
      )
      expect(log).toEqual(["cat 0", "last words", "late -15"])
    })
  )

  it.live("S1 ends groups whose leader has exited", () =>
    Effect.gen(function* () {
      let grandchild = 0
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const child = yield* started(shell(loop, "sleep 100 & echo $!"))
          grandchild = Number(String(child.pipes.get(1)?.read()))
          yield* Effect.promise(() => exited(child))
          expect(loop.statistics().processes).toBe(1)
        })
      )
      expect(runs(grandchild)).toBe(false)
    })
  )

  it.live("S1 comes to a child that is stopped, and to one that a signal from outside has ended", () =>
    Effect.gen(function* () {
      const codes: Array<number | null> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          for (const signal of ["SIGSTOP", "SIGKILL"]) {
            const child = yield* Effect.promise(async () => spawn(loop, "sleep", ["100"]))
            child.onExit(() => codes.push(child.returncode))
            process.kill(child.pid, signal)
          }
        })
      )
      expect(codes.sort()).toEqual([-15, -9])
    })
  )

  it.live("S1 200 children at once, and nothing is left of them", () =>
    Effect.gen(function* () {
      const before = openFds()
      const pids: Array<number> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const texts = yield* Effect.promise(async () => {
            const starts = Array.from({ length: 200 }, (_, i) => shell(loop, `echo ${i}; exec sleep 100`))
            const children = await Promise.all(starts)
            pids.push(...children.map(({ pid }) => pid))
            await until(() => children.every((child) => (child.pipes.get(1)?.readableLength ?? 0) > 0))
            return children.map((child) => String(child.pipes.get(1)?.read()))
          })
          expect(texts).toEqual(Array.from({ length: 200 }, (_, i) => `${i}\n`))
          expect(loop.statistics().processes).toBe(200)
        })
      )
      expect(pids.filter(exists)).toEqual([])
      yield* Effect.promise(() => until(() => openFds().length === before.length))
    })
  )

  it.live(
    "S7 a process that leaves waits until those that it kills are seen to be dead, with their groups",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const children = yield* Effect.promise(() =>
            Promise.all(
              Array.from({ length: 20 }, () =>
                shell(loop, "trap '' TERM; sleep 100 & echo $!; wait; sleep 100")
              )
            )
          )
          const pipes = children.map((child) => child.pipes.get(1))
          yield* Effect.promise(() => until(() => pipes.every((pipe) => (pipe?.readableLength ?? 0) > 0)))
          const pids = [
            ...children.map(({ pid }) => pid),
            ...pipes.map((pipe) => Number(String(pipe?.read())))
          ]
          expect(pids.filter(runs)).toHaveLength(40)
          processesOf(loop).abandon()
          expect(pids.filter(runs)).toEqual([])
        })
      )
  )

  it.live("S2 names what refuses, by pid and command, once it takes long", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      let pid = 0
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          pid = (yield* stubborn(loop, 300)).pid
        }),
        { exceptionHandler, slowJoin: 20 }
      )
      expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin"])
      expect(reports[0]?.message).toMatch(
        new RegExp(`process +pid ${pid}: sh -c .* \\d+ms +terminating +its exit +spawn`)
      )
    })
  )

  it.live("S2 past its deadline kills, reports what was left, and waits no longer", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const children: Array<Child> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          children.push(yield* stubborn(loop, 1e9), yield* stubborn(loop, Infinity))
        }),
        { exceptionHandler, closeDeadline: 50, slowJoin: 1e6 }
      )
      expect(reports.map(({ kind }) => kind)).toEqual(["leftover"])
      expect(reports[0]?.message).toMatch(/^2 left over on/)
      for (const child of children) yield* Effect.promise(() => until(() => !exists(child.pid)))
      expect(children.map(({ returncode }) => returncode)).toEqual([-9, -9])
    })
  )

  it.live("C1 ends them also after a crash", () =>
    Effect.gen(function* () {
      const { exceptionHandler } = collecting()
      let child: Child | undefined
      const exit = yield* Effect.exit(
        scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            child = yield* Effect.promise(async () => spawn(loop, "sleep", ["100"]))
            loop.callSoon(() => loop._crashWith(new Error("boom"), "the test"))
            yield* Effect.never
          }),
          { exceptionHandler }
        )
      )
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopCrash)
      expect(child?.returncode).toBe(-15)
    })
  )

  it.live("C3 that is closed at once kills them and their groups, and does not wait", () =>
    Effect.gen(function* () {
      const before = openFds()
      const pids: Array<number> = []
      const orphans: Array<number> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open(collecting())
          const one = yield* stubborn(loop, 1e9)
          const group = yield* started(shell(loop, "trap '' TERM; sleep 100 & echo $!; wait; sleep 100"))
          const gone = yield* started(shell(loop, "sleep 100 & echo $!"))
          yield* Effect.promise(() => exited(gone))
          pids.push(one.pid, group.pid)
          orphans.push(...[group, gone].map((child) => Number(String(child.pipes.get(1)?.read()))))
          const told: Array<string> = []
          one.end(() => told.push("ended"))
          loop.close()
          expect([told, loop.statistics().processes]).toEqual([["ended"], 0])
          expect(() => spawn(loop, "ls")).toThrow(expect.objectContaining({ _tag: "LoopClosedError" }))
        })
      )
      yield* Effect.promise(() => until(() => !pids.some(exists) && !orphans.some(runs)))
      yield* Effect.promise(() => until(() => openFds().length === before.length))
    })
  )

  it.effect(
    "L4 under a TestClock that nobody moves still ends, and one that is moved kills at its time",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const close = (name: string, killGrace: number, use: Effect.Effect<void>) =>
          Effect.gen(function* () {
            const scope = yield* Scope.make()
            const { exceptionHandler } = collecting()
            const loop = yield* Scope.extend(
              open({ closeDeadline: Infinity, slowJoin: Infinity, exceptionHandler }),
              scope
            )
            const child = yield* stubborn(loop, killGrace)
            const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
            yield* use
            yield* Fiber.join(closing)
            log.push(`${name} ${child.returncode}`)
          })
        yield* close("stuck", 50, Effect.void)
        yield* close(
          "moved",
          100_000,
          Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20))).pipe(
            Effect.zipRight(TestClock.adjust("100 seconds"))
          )
        )
        expect(log).toEqual(["stuck -9", "moved -9"])
      })
  )

  it("S1 a SyncLoop closes them, too", async () => {
    const loop = await SyncLoop.make()
    const child = await loop.runUntilComplete(() => spawn(loop, "sleep", ["100"]))
    await loop.close()
    expect([child.returncode, exists(child.pid)]).toEqual([-15, false])
  })
})

describe("what is held", () => {
  it.live("is counted and listed until it has ended, and its group with it", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const child = yield* started(shell(loop, "sleep 100 & echo $!"))
        const grandchild = number(child)
        const [processes] = [...loop._capabilities]
        yield* Effect.promise(() => exited(child))
        expect(processes?.held()).toMatchObject([
          {
            what: "process",
            name: `pid ${child.pid}: sh -c "sleep 100 & echo $!"`,
            state: "running",
            createdAt: "spawn"
          }
        ])
        expect(processes?.held()[0]?.waitingOn).toBe("the processes of its group")
        expect(processes?.quiet()).toBe(false)
        process.kill(grandchild, "SIGKILL")
        yield* Effect.promise(() => until(() => !runs(grandchild)))
        expect([processes?.held(), processes?.quiet(), loop.statistics().processes]).toEqual([[], true, 0])
        yield* Effect.promise(() => until(() => !exists(grandchild)))
      })
    )
  )

  it.live("says where it was started, in debug mode", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        yield* Effect.promise(async () => spawn(loop, "sleep", ["100"]))
        const [processes] = [...loop._capabilities]
        expect(processes?.held()[0]?.createdAt).toMatch(/children\.ts:\d+/)
      }),
      { debug: true }
    )
  )

  it.live("forgets groups that have ended unseen, when there are many", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        for (let i = 0; i < 40; i++) {
          const child = yield* Effect.promise(async () => shell(loop, "sleep 0.01 >&- & echo $!"))
          const grandchild = Number(yield* Effect.promise(() => read(child)))
          yield* Effect.promise(() => exited(child))
          yield* Effect.promise(() => until(() => !runs(grandchild)))
        }
        const kill = vi.spyOn(process, "kill")
        expect(loop.statistics().processes).toBe(0)
        const looked = kill.mock.calls.length
        kill.mockRestore()
        expect(looked).toBeLessThan(40)
      })
    )
  )
})
