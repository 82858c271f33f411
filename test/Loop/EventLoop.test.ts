// The loop that users hold: each of its methods reaches the capability that stands behind it, open and closed.
import { PassThrough } from "node:stream"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type EventLoop, fromAio, Loop, LoopClosedError } from "../../src/index.js"
import { open, scoped } from "../support/scopedLoops.js"

const held = (loop: EventLoop) => {
  const { handles, jobs, processes, readers, signals, writers } = loop.statistics()
  return { handles, jobs, processes, readers, signals, writers }
}

const nothing = { handles: 0, jobs: 0, processes: 0, readers: 0, signals: 0, writers: 0 }

describe("EventLoop", () => {
  it.live("is what Loop.open and Loop.scoped give", () =>
    scoped(Effect.map(Loop, (loop) => expect(loop.constructor.name).toBe("EventLoop")))
  )

  it.live("has what its methods made held by its capabilities, and lets it go", () =>
    scoped(
      Effect.flatMap(Loop, (loop) =>
        fromAio(async () => {
          const stream = new PassThrough()
          expect(held(loop)).toEqual(nothing)
          loop.addReader(stream, () => {})
          loop.addWriter(stream, () => {}).unref()
          loop.addSignalHandler("SIGUSR2", () => {})
          const handle = loop.threadHandle({ f: () => {} })
          const child = await loop.createSubprocessExec("cat", [], { stdin: "pipe" })
          const [transport] = await loop.subprocessShell(() => ({}), "exec cat", { stdin: "pipe" })
          const job = loop.runInExecutor(null, (n: number) => n + 1, 41)
          expect(held(loop)).toEqual({
            handles: 1,
            jobs: 1,
            processes: 2,
            readers: 1,
            signals: 1,
            writers: 1
          })
          expect(await job).toBe(42)
          await loop.shutdownDefaultExecutor()
          expect([loop.removeReader(stream), loop.removeWriter(stream)]).toEqual([true, true])
          expect(loop.removeSignalHandler("SIGUSR2")).toBe(true)
          handle.close()
          child.kill()
          transport.kill()
          await child.wait()
          while (loop.statistics().processes > 0) await loop.sleep(1)
          transport.close()
          stream.destroy()
          while (loop.statistics().handles > 0) await loop.sleep(1)
          expect(held(loop)).toEqual(nothing)
        })()
      )
    )
  )

  it.live("C3 refuses them when it is closed, and has nothing to remove", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const loop = yield* open()
        loop.close()
        const stream = new PassThrough()
        for (const refused of [
          () => loop.addReader(stream, () => {}),
          () => loop.addWriter(stream, () => {}),
          () => loop.autoclose(stream),
          () => loop.addSignalHandler("SIGUSR2", () => {}),
          () => loop.threadHandle({ f: () => {} }),
          () => loop.createSubprocessExec("true").exception(),
          () => loop.createSubprocessShell("true").exception(),
          () => loop.subprocessExec(() => ({}), "true").exception(),
          () => loop.subprocessShell(() => ({}), "true").exception(),
          () => loop.runInExecutor(null, () => 1).exception()
        ]) {
          let error: unknown
          try {
            error = refused()
          } catch (thrown) {
            error = thrown
          }
          expect(error, String(refused)).toBeInstanceOf(LoopClosedError)
        }
        expect([loop.removeReader(stream), loop.removeWriter(stream)]).toEqual([false, false])
        expect(loop.removeSignalHandler("SIGUSR2")).toBe(false)
        stream.destroy()
        expect(held(loop)).toEqual(nothing)
      })
    )
  )
})
