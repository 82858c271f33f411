// A child that closes its stdin, or has gone: who writes to it is told at once, and nothing stands still.
import { it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { describe, expect } from "vitest"
import { BrokenPipeError, type EventLoop, Loop, type StreamWriter } from "../../../src/index.js"
import { onLoop, Recording, until } from "../../fixtures/subprocess/recording.js"
import { scoped } from "../../support/scopedLoops.js"

const sh = (loop: EventLoop, script: string) =>
  loop.createSubprocessExec("sh", ["-c", script], { stdin: "pipe", stdout: "pipe" })

const failure = (future: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(future).then(
    (value) => Promise.reject(new Error(`it gave ${String(value)}`)),
    (error: unknown) => error
  )

/** Far more rounds than a pipe holds lines: without a failure by then there is none. */
const ROUNDS = 300_000

/** Writes and drains by turns, in a task of the loop, until that fails: with what. */
const untilBroken = (loop: EventLoop, { stdin }: { readonly stdin: StreamWriter }, text: string) =>
  loop.createTask(async () => {
    try {
      for (let i = 0; i < ROUNDS; i++) {
        stdin.write(text)
        await stdin.drain()
      }
      return undefined
    } catch (error) {
      return error
    }
  })

describe("a write to a child that has gone", () => {
  for (const [state, script, ready] of [
    ["is starting and will not read", "exit 0", false],
    ["has closed its stdin", "exec <&-; echo closed; exec sleep 100", true],
    ["has been killed", "echo closed; kill -9 $$", true]
  ] as const) {
    it.live(`fails the drain after it, with no turn of the loop between: the child ${state}`, () =>
      onLoop(async (loop) => {
        const child = await sh(loop, script)
        if (ready) await child.stdout.readline()
        expect(await untilBroken(loop, child, "line\n")).toBeInstanceOf(BrokenPipeError)
        expect(child.stdin.isClosing()).toBe(true)
        child.transport.close()
        await child.wait()
      })
    )
  }

  it.live(
    "keeps nobody else waiting: among drains that need not wait, timers run and the end is heard of",
    () =>
      onLoop(async (loop) => {
        const child = await sh(loop, "exec sleep 100")
        let ticks = 0
        const tick = setInterval(() => ticks++, 1)
        await loop.createTask(async () => {
          for (let i = 0; i < ROUNDS && ticks === 0; i++) {
            child.stdin.write("x".slice(i % 2))
            await child.stdin.drain()
          }
        })
        clearInterval(tick)
        expect(ticks).toBeGreaterThan(0)
        child.kill()
        // What is empty is not written, so no write can fail.
        expect(await untilBroken(loop, child, "")).toBeInstanceOf(BrokenPipeError)
        await child.wait()
      })
  )

  it.live("fails also the drain that waits since before, and waitClosed", () =>
    onLoop(async (loop) => {
      const child = await sh(loop, "read x; exec <&-; exec sleep 100")
      child.stdin.write("x\n")
      child.stdin.write(Buffer.alloc(3_000_000))
      const waits = [child.stdin.drain(), child.stdin.waitClosed()]
      for (const wait of waits) {
        expect(await failure(wait)).toMatchObject({ _tag: "BrokenPipeError", code: "EPIPE" })
      }
      expect(child.returncode).toBeNull()
      child.transport.close()
      await child.wait()
    })
  )
})

describe("a child that closes its stdin", () => {
  it.live("is noticed at once, without a write: the pipe is lost, and the child runs on", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await loop.subprocessExec(() => new Recording(loop), "sh", [
        "-c",
        "exec <&-; exec sleep 100"
      ])
      const stdin = transport.getPipeTransport(0)
      await until(() => protocol.log.includes("lost 0"))
      expect(protocol.errors.get(0)).toBeNull()
      expect([stdin?.isClosing(), transport.getReturncode()]).toEqual([true, null])
      stdin?.write("dropped")
      transport.close()
      await protocol.lost
      expect(protocol.log).toEqual(["made", "lost 0", ...protocol.log.slice(2)])
    })
  )

  it.live("while others have it is not: the pipe is lost with the last of them", () =>
    onLoop(async (loop) => {
      const child = await sh(loop, "exec 4<&0; cat <&4 >/dev/null 4<&- & echo $!; exec <&- 4<&-; wait")
      const pid = Number(await child.stdout.readline())
      const closed = child.stdin.waitClosed()
      await loop.sleep(20)
      expect([closed.done(), child.stdin.isClosing()]).toEqual([false, false])
      child.stdin.write("taken")
      await child.stdin.drain()
      process.kill(pid)
      await closed
      await child.wait()
    })
  )

  it.live("loses nothing that it has taken: what was written before counts as written", () =>
    onLoop(async (loop) => {
      for (let i = 0; i < 20; i++) {
        const child = await sh(loop, "head -c 100000 | wc -c; exec <&-; sleep 0.01")
        const read = child.stdout.read()
        child.stdin.write(Buffer.alloc(100_000))
        await child.stdin.drain()
        expect(Number(await read)).toBe(100_000)
        await child.stdin.waitClosed()
        await child.wait()
      }
    })
  )

  it.live("what it writes into its stdin is dropped, and breaks nothing", () =>
    onLoop(async (loop) => {
      const child = await sh(loop, "head -c 3000000 /dev/zero >&0; echo written; read x; echo $x")
      expect(String(await child.stdout.readline())).toBe("written\n")
      expect(child.stdin.isClosing()).toBe(false)
      child.stdin.write("heard\n")
      expect(String(await child.stdout.readline())).toBe("heard\n")
      expect(await child.wait()).toBe(0)
    })
  )

  it.live("fails the Sink at the next write, with why", () =>
    scoped(
      Effect.scoped(
        Effect.gen(function* () {
          const child = yield* Loop.subprocess("sh", ["-c", "exec <&-; echo closed; exec sleep 100"])
          yield* Stream.runHead(child.stdout)
          const writing = yield* Effect.fork(Stream.run(Stream.repeatValue("line\n"), child.stdin))
          const exit = yield* Fiber.await(writing)
          expect(Exit.isFailure(exit) && String(exit.cause)).toContain("the process has closed it")
        })
      )
    )
  )
})
