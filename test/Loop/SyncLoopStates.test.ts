// Every call of a SyncLoop in every state that the loop can be in.
import { describe, expect, it } from "vitest"
import { Effect } from "effect"
import { Event, InvalidStateError, LoopClosedError, type LoopOptions, SyncLoop } from "../../src/index.js"
import { collecting, settle as settled, track } from "../support/scopedLoops.js"

/** A loop that must have been closed, and be empty, when its test ends. */
const make = (options?: LoopOptions): SyncLoop => {
  const loop = SyncLoop.make(options)
  track(loop)
  return loop
}

/** What a promise rejects with. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => {
      throw new Error(`it gave ${String(value)}`)
    },
    (error: unknown) => error
  )

const settle = (): Promise<void> => Effect.runPromise(settled)

const nobody = { ready: 0, timers: 0, tasks: 0, effects: 0, crossings: 0, unretrieved: 0 }

/** Where a loop can be; `enter` brings it there. */
interface State {
  readonly name: string
  /** A promise only where turns have to pass. */
  readonly enter: (loop: SyncLoop) => Promise<void> | void
  /** What a run that is begun here does. */
  readonly run: "value" | "running" | "closed"
  /** Whether stop() is kept for the next run. */
  readonly keepsStop: boolean
}

describe("every call in every state", () => {
  const states: ReadonlyArray<State> = [
    { name: "before the first run", enter: () => {}, run: "value", keepsStop: true },
    {
      name: "during a run",
      enter: (loop) => void quietly(loop.runForever()),
      run: "running",
      keepsStop: false
    },
    {
      name: "during a run, busy",
      enter: async (loop) => {
        const again = (): void =>
          void (loop.isClosed() || loop.statistics().state === "closing" || loop.callSoon(again))
        again()
        void quietly(loop.runForever())
        await settle()
      },
      run: "running",
      keepsStop: false
    },
    {
      name: "during a run that waits for a task",
      enter: async (loop) => {
        void quietly(loop.runUntilComplete(() => loop.sleep(1e6)))
        await settle()
      },
      run: "running",
      keepsStop: false
    },
    {
      name: "when stop() was called and has not taken effect",
      enter: (loop) => {
        void quietly(loop.runForever())
        loop.stop()
      },
      run: "running",
      keepsStop: false
    },
    {
      name: "when the run was broken off and has not ended",
      enter: (loop) => {
        const aborting = new AbortController()
        void quietly(loop.runForever({ signal: aborting.signal }))
        aborting.abort()
      },
      run: "running",
      keepsStop: false
    },
    {
      name: "after a run",
      enter: async (loop) => {
        await loop.runUntilComplete(() => loop.sleep(1))
      },
      run: "value",
      keepsStop: true
    },
    {
      name: "after a run that was broken off",
      enter: async (loop) => {
        const aborting = new AbortController()
        loop.callSoon(() => aborting.abort())
        await quietly(loop.runUntilComplete(() => loop.sleep(1e6), { signal: aborting.signal }))
      },
      run: "value",
      keepsStop: true
    },
    {
      name: "while closing",
      enter: async (loop) => {
        await loop.runUntilComplete(async () => {
          loop.createTask(() => loop.sleep(1e6).finally(() => loop.sleep(5)))
          await loop.sleep(0)
        })
        void loop.close()
      },
      run: "closed",
      keepsStop: false
    },
    {
      name: "when close() waits for the run to stop",
      enter: (loop) => {
        void quietly(loop.runForever())
        void loop.close()
      },
      run: "closed",
      keepsStop: false
    },
    { name: "closed", enter: (loop) => loop.close(), run: "closed", keepsStop: false }
  ]

  const quietly = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => {})

  /** At rest or closed: whatever run was going on has ended. */
  const rest = async (loop: SyncLoop): Promise<void> => {
    loop.stop()
    for (let i = 0; i < 100 && loop.statistics().state === "running"; i++) await settle()
  }

  for (const asyncContext of [true, false]) {
    for (const { enter, keepsStop, name, run } of states) {
      const title = `${name}${asyncContext ? "" : ", without async context"}`

      it(`runUntilComplete ${title}`, async () => {
        const loop = make({ asyncContext })
        const entering = enter(loop)
        if (entering !== undefined) await entering
        let called = false
        const outcome = await loop
          .runUntilComplete(async () => ((called = true), "value"))
          .then(
            (value) => value,
            (error: Error) => error.constructor.name
          )
        expect(outcome).toBe(
          run === "value" ? "value" : run === "running" ? "InvalidStateError" : "LoopClosedError"
        )
        expect(called).toBe(run === "value")
        await loop.close()
        await settle()
      })

      it(`runForever and an abort ${title}`, async () => {
        const loop = make({ asyncContext })
        const entering = enter(loop)
        if (entering !== undefined) await entering
        const aborting = new AbortController()
        const running = loop.runForever({ signal: aborting.signal })
        aborting.abort("enough")
        const error = await rejection(running)
        if (run === "value") expect(error).toBe("enough")
        else expect(error).toBeInstanceOf(run === "running" ? InvalidStateError : LoopClosedError)
        await loop.close()
        await settle()
      })

      it(`stop ${title}`, async () => {
        const loop = make({ asyncContext })
        const entering = enter(loop)
        if (entering !== undefined) await entering
        const event = loop.stop()
        if (run !== "closed") {
          await event.wait()
          expect(loop.isRunning()).toBe(false)
          await settle()
          // Whether the next run stops by itself, after one pass.
          let passed = 0
          loop.callSoon(() => void passed++)
          const next = loop.runForever()
          await settle()
          expect([loop.isRunning(), passed]).toEqual([!keepsStop, 1])
          if (!keepsStop) loop.stop()
          await next
        }
        await loop.close()
        await event.wait()
      })

      it(`close ${title}`, async () => {
        const loop = make({ asyncContext })
        const entering = enter(loop)
        if (entering !== undefined) await entering
        await Promise.all([loop.close(), loop.close()])
        expect(loop.statistics()).toMatchObject({ ...nobody, state: "closed" })
        loop.stop()
        await settle()
        expect(loop.statistics()).toMatchObject({ ...nobody, state: "closed" })
      })

      it(`callSoon and callLater ${title}`, async () => {
        const { exceptionHandler } = collecting()
        const loop = make({ asyncContext, exceptionHandler })
        const entering = enter(loop)
        if (entering !== undefined) await entering
        const log: Array<string> = []
        if (
          run === "closed" &&
          (loop.isClosed() || (asyncContext && loop.statistics().state === "closing"))
        ) {
          expect(() => loop.callSoon(() => {})).toThrow(LoopClosedError)
          expect(() => loop.callLater(1, () => {})).toThrow(LoopClosedError)
        } else {
          loop.callSoon(() => void log.push("soon"))
          loop.callLater(-1, () => void log.push("timer"))
          await settle()
          if (run === "value") expect(log).toEqual([])
          if (run !== "closed") {
            await rest(loop)
            loop.stop()
            await loop.runForever()
            expect(log).toEqual(["soon", "timer"])
          }
        }
        await loop.close()
      })
    }
  }

  it("two that wait for the same stop, and a run that follows at once, are each served", async () => {
    await using loop = make()
    const log: Array<string> = []
    const first = loop.runForever().then(() => loop.runUntilComplete(async () => void log.push("second run")))
    const events = [new Event(), new Event()]
    for (const event of events) loop.stop(event)
    await Promise.all([first, ...events.map((event) => event.wait())])
    expect(log).toEqual(["second run"])
  })
})
