// How a child is ended: killed before its pipes are closed, in every state, with what a shell has started.
// Covers: Child, SubprocessTransport, startSubprocess, createSubprocess
import { it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect } from "vitest"
import {
  type EventLoop,
  Loop,
  type Process,
  ProcessLookupError,
  type Subprocess,
  type SubprocessTransport,
  SyncLoop
} from "../../../src/index.js"
import { runs } from "../../fixtures/child/children.js"
import { onLoop, openFds, Recording, until } from "../../fixtures/subprocess/recording.js"
import { scoped } from "../../support/scopedLoops.js"

const folder = mkdtempSync(join(tmpdir(), "aio-ends-"))
const file = join(folder, "committed")
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  const committed = existsSync(file)
  rmSync(file, { force: true })
  expect(committed, "a child that was half fed has finished its work").toBe(false)
})

/** Takes the end of its input for the end of what it was to do. */
const commits = `echo ready; while read line; do :; done; echo committed > ${file}`

const TIMES = 30

describe("a child that was not given all of its input never finds the end of it", () => {
  it.live("where its transport is closed: it is killed before its pipes are closed", () =>
    onLoop(async (loop) => {
      for (let i = 0; i < TIMES; i++) {
        const [transport, protocol] = await loop.subprocessExec(() => new Recording(loop), "sh", [
          "-c",
          commits
        ])
        await protocol.says(1, "ready")
        transport.getPipeTransport(0)?.write("half of\n")
        transport.close()
        await protocol.lost
        expect(transport.getReturncode()).toBe(-9)
      }
    })
  )

  it.live("where its start is cancelled, at any moment", () =>
    onLoop(async (loop) => {
      for (let i = 0; i < TIMES; i++) {
        const starting = loop.createSubprocessShell(commits, { stdin: "pipe", stdout: "devnull" })
        await Promise.resolve()
        // From not at all to well into the program.
        for (const until = performance.now() + i / 5; performance.now() < until;);
        starting.cancel()
        await starting.then(
          (child) => {
            // It came first.
            child.transport.close()
            return child.wait()
          },
          () => {}
        )
      }
    })
  )

  it.live("S1 where its loop is closed, or is closed by force", () =>
    Effect.promise(async () => {
      for (let i = 0; i < TIMES; i++) {
        const loop = SyncLoop.make({
          closeDeadline: i % 2 === 0 ? "5 seconds" : 0,
          exceptionHandler: () => {}
        })
        let child: Process | undefined
        await loop.runUntilComplete(async () => {
          child = await loop.createSubprocessShell(commits, { stdin: "pipe", stdout: "pipe" })
          await child.stdout?.readline()
          child.stdin?.write("half of\n")
        })
        await loop.close()
        await until(() => !runs(child?.pid ?? 0))
      }
    })
  )

  const half = Stream.concat(Stream.make("half of\n"), Stream.never)
  const ways: ReadonlyArray<readonly [string, (child: Subprocess) => Effect.Effect<unknown, unknown, Loop>]> =
    [
      ["is interrupted", (child) => Effect.timeoutOption(Stream.run(half, child.stdin), "2 millis")],
      [
        "fails",
        (child) => Stream.run(Stream.concat(Stream.make("half of\n"), Stream.fail("no more")), child.stdin)
      ],
      [
        "has the Stream in a fiber of its own",
        (child) => Effect.zipRight(Effect.fork(Stream.run(half, child.stdin)), Effect.sleep("2 millis"))
      ]
    ]
  for (const [what, way] of ways) {
    it.live(`where the Scope of Loop.subprocess closes as the program ${what}`, () =>
      scoped(
        Effect.gen(function* () {
          for (let i = 0; i < TIMES; i++) {
            yield* Effect.exit(
              Effect.scoped(
                Effect.gen(function* () {
                  const child = yield* Loop.subprocess("sh", ["-c", commits])
                  yield* Stream.runHead(child.stdout)
                  yield* way(child)
                  if (what === "is interrupted") yield* Effect.interrupt
                })
              )
            )
          }
        })
      )
    )
  }

  it.live("S1 where the loop closes under the fiber that writes", () =>
    Effect.gen(function* () {
      for (let i = 0; i < TIMES; i++) {
        const fiber = yield* Effect.fork(
          Loop.scoped(
            Effect.scoped(
              Effect.gen(function* () {
                const child = yield* Loop.subprocess("sh", ["-c", commits])
                yield* Stream.runHead(child.stdout)
                yield* Effect.addFinalizer(() => Effect.sleep("5 millis"))
                yield* Stream.run(half, child.stdin)
              })
            )
          )
        )
        yield* Effect.sleep("15 millis")
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.live("but a Sink that is left while its child goes on still ends the input", () =>
    scoped(
      Effect.scoped(
        Effect.gen(function* () {
          const child = yield* Loop.subprocess("wc", ["-l"])
          yield* Effect.timeoutOption(Stream.run(half, child.stdin), "20 millis")
          expect((yield* Stream.mkString(Stream.decodeText(child.stdout))).trim()).toBe("1")
        })
      )
    )
  )
})

/** The numbers that a shell has told, its own and that of what it has started. */
const numbers = "echo $$; sleep 100 & echo $!; wait; true"

const groupOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2])
}

describe("what a shell form has started", () => {
  const started = async (loop: EventLoop) => {
    const [transport, protocol] = await loop.subprocessShell(() => new Recording(loop), numbers)
    await until(() => protocol.text(1).split("\n").length === 3)
    const pids = protocol.text(1).trim().split("\n").map(Number)
    expect(pids.map(runs)).toEqual([true, true])
    return { pids, protocol, transport }
  }

  it.live("S1 is ended with the loop", () =>
    Effect.promise(async () => {
      for (const own of [true, false]) {
        const loop = SyncLoop.make()
        const pids = await loop.runUntilComplete(async () => {
          if (own) return (await started(loop)).pids
          const child = await loop.createSubprocessShell(numbers, { stdout: "pipe" })
          return [Number(await child.stdout.readline()), Number(await child.stdout.readline())]
        })
        expect(pids.map(runs)).toEqual([true, true])
        await loop.close()
        expect(pids.map(runs)).toEqual([false, false])
      }
    })
  )

  it.live("is killed by close() of the transport, also where the shell has ended before", () =>
    onLoop(async (loop) => {
      const { pids, protocol, transport } = await started(loop)
      transport.close()
      await protocol.lost
      await until(() => pids.every((pid) => !runs(pid)))
      const left = await started(loop)
      left.transport.kill()
      await left.protocol.exited
      // As asyncio's: to the shell alone.
      expect(left.pids.map(runs)).toEqual([false, true])
      expect(loop.statistics().processes).toBe(1)
      left.transport.close()
      await until(() => left.pids.every((pid) => !runs(pid)))
      await left.protocol.lost
      expect(loop.statistics().processes).toBe(0)
    })
  )

  it.live("is killed with a start that is cancelled", () =>
    onLoop(async (loop) => {
      for (let i = 0; i < 10; i++) {
        const told = join(folder, `pids-${i}`)
        const task = loop.createTask(async () => {
          await loop.createSubprocessShell(`echo $$ > ${told}; sleep 100 & echo $! >> ${told}; wait; true`)
        })
        await new Promise((resolve) => setImmediate(resolve))
        task.cancel()
        await task.then(undefined, () => {})
        const pids = existsSync(told)
          ? readFileSync(told, "utf8").trim().split("\n").filter(Boolean).map(Number)
          : []
        if (task.cancelled()) await until(() => pids.every((pid) => !runs(pid)))
      }
    })
  )

  it.live(
    "detached: false leaves it in the group of this process; a program is there unless it says otherwise",
    () =>
      onLoop(async (loop) => {
        const own = groupOf(process.pid)
        const groups: Array<boolean> = []
        for (const [detached, shell] of [
          [undefined, true],
          [false, true],
          [undefined, false],
          [true, false]
        ]) {
          const options = detached === undefined ? {} : { detached }
          const child = shell
            ? await loop.createSubprocessShell("exec sleep 100", options)
            : await loop.createSubprocessExec("sleep", ["100"], options)
          groups.push(groupOf(child.pid) === own)
          child.transport.close()
          await child.wait()
        }
        expect(groups).toEqual([false, true, true, false])
      })
  )
})

describe("ending a child in every state, in every order", () => {
  const states: ReadonlyArray<
    readonly [string, string, (t: SubprocessTransport, p: Recording) => PromiseLike<unknown> | void]
  > = [
    ["is starting", "exec sleep 100", () => undefined],
    ["runs", "echo ready; exec sleep 100", (_, p) => p.says(1, "ready")],
    ["is full of output", "exec yes", (t) => t.getPipeTransport(1)?.pauseReading()],
    ["is not taking its input", "exec sleep 100", (t) => t.getPipeTransport(0)?.write(Buffer.alloc(1e6))],
    ["has closed its input", "exec <&-; exec sleep 100", (_, p) => until(() => p.log.includes("lost 0"))],
    ["is stopped", "exec sleep 100", (t) => t.sendSignal("SIGSTOP")],
    [
      "ignores SIGTERM",
      "trap '' TERM; echo ready; while :; do sleep 0.01; done",
      (_, p) => p.says(1, "ready")
    ],
    ["is about to exit", "exit 3", () => undefined],
    ["has exited", "exit 3", (_, p) => p.exited],
    ["is lost", "exit 3", (_, p) => p.lost],
    ["has left a grandchild with its pipes", "sleep 100 & exit 3", (_, p) => p.exited]
  ]
  const acts: Readonly<Record<string, (t: SubprocessTransport) => void>> = {
    kill: (t) => t.kill(),
    terminate: (t) => t.terminate(),
    close: (t) => t.close(),
    "close stdin": (t) => t.getPipeTransport(0)?.close(),
    "close stdout": (t) => t.getPipeTransport(1)?.close()
  }
  const orders = Object.keys(acts).flatMap((one) => Object.keys(acts).map((other) => [one, other] as const))

  for (const [state, script, reach] of states) {
    for (const shell of [true, false]) {
      it.live(`a ${shell ? "shell" : "program"} that ${state} is told of once, and leaves nothing`, () =>
        onLoop(async (loop) => {
          const before = openFds()
          const children = orders.map(async ([one, other]) => {
            const factory = () => new Recording(loop)
            const options = { stderr: "devnull", killGrace: 20 } as const
            const [transport, protocol] = await (shell
              ? loop.subprocessShell(factory, script, options)
              : loop.subprocessExec(factory, "sh", ["-c", script], { ...options, detached: true }))
            await reach(transport, protocol)
            for (const act of [one, other]) {
              try {
                acts[act]?.(transport)
              } catch (error) {
                expect(error).toBeInstanceOf(ProcessLookupError)
              }
            }
            await loop.sleep(0)
            transport.close()
            await protocol.lost
            expect(transport.getReturncode()).not.toBeNull()
            for (const once of ["made", "exited", "lost", "lost 0", "lost 1"]) {
              expect(protocol.log.filter((line) => line === once)).toEqual([once])
            }
            expect([protocol.log[0], protocol.log.at(-1)]).toEqual(["made", "lost"])
            return transport.getPid()
          })
          const pids = await Promise.all(children)
          await until(() => loop.statistics().processes === 0 && openFds() <= before)
          expect(pids.filter(runs)).toEqual([])
        })
      )
    }
  }
})

describe("nothing is left", () => {
  it("of all these", () => {
    const left = execFileSync("ps", ["-o", "args=", "--ppid", String(process.pid)], { encoding: "utf8" })
    expect(left.split("\n").filter((line) => /sleep 100|committed/.test(line))).toEqual([])
  })
})
