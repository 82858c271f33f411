// What cancel counts are for: a hand-written timeout scope, as asyncio.timeout() is one.
import { describe, expect, it } from "vitest"
import { isCancelledError } from "../../../src/Loop/kernel/errors.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import type { Future } from "../../../src/Loop/kernel/Future.js"
import type { Task } from "../../../src/Loop/kernel/Task.js"
import { kinds, thrown, trackingLoop } from "../../support/trackingHost.js"

class TimeoutError extends Error {}

/** Runs `block` for at most `ms`: its own cancel becomes a TimeoutError, everyone else's passes. */
const timeout = function* <A>(
  loop: BaseEventLoop,
  task: Task<unknown>,
  ms: number,
  block: () => Generator<Future<unknown>, A, any>
): Generator<Future<unknown>, A, any> {
  const before = task.cancelling()
  let expired = false
  const timer = loop.callLater(ms, () => {
    expired = true
    task.cancel("timeout")
  })
  let failure: { readonly error: unknown } | undefined
  try {
    return yield* block()
  } catch (error) {
    failure = { error }
    throw error
  } finally {
    timer.cancel()
    if (expired && task.uncancel() <= before && failure !== undefined && isCancelledError(failure.error)) {
      // eslint-disable-next-line no-unsafe-finally
      throw new TimeoutError()
    }
  }
}

describe.each(kinds)("a timeout scope in a task (%s)", (_, as) => {
  it("tasks-027 cuts its block short, or leaves no trace where the block is faster", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<unknown> = []
    const task = loop.createTask(
      as(function* (self) {
        try {
          yield* timeout(loop, self, 10, function* () {
            yield* loop.sleep(1000)
            log.push("not reached")
          })
        } catch (error) {
          log.push(error instanceof TimeoutError, self.cancelling(), loop.time())
        }
        yield* loop.sleep(5)
        log.push(yield* timeout(loop, self, 1000, () => loop.sleep(5, "fast")[Symbol.iterator]() as never))
        yield* loop.sleep(5)
        return self.cancelling()
      })
    )
    await host.pass(30)
    expect([task.result(), log]).toEqual([0, [true, 0, 10, "fast"]])
  })

  it("tasks-080 is nested: of two with one deadline the outer converts, and an inner that is earlier does alone", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<unknown> = []
    const nested = (outer: number, inner: number) =>
      as(function* (self) {
        try {
          yield* timeout(loop, self, outer, function* () {
            try {
              yield* timeout(loop, self, inner, () => loop.sleep(1000)[Symbol.iterator]() as never)
            } catch (error) {
              log.push(["inner", error instanceof TimeoutError])
              if (outer === inner) throw error
            }
            yield* loop.sleep(1000)
          })
        } catch (error) {
          log.push(["outer", error instanceof TimeoutError, loop.time()])
        }
        return self.cancelling()
      })
    const same = loop.createTask(nested(10, 10))
    await host.pass(10)
    expect([same.result(), log.splice(0)]).toEqual([
      0,
      [
        ["inner", false],
        ["outer", true, 10]
      ]
    ])
    const earlier = loop.createTask(nested(20, 10))
    await host.pass(20)
    expect([earlier.result(), log]).toEqual([
      0,
      [
        ["inner", true],
        ["outer", true, 30]
      ]
    ])
  })

  it("tasks-082 lets another error of its block out, before the deadline and from its cleanup", async () => {
    const { loop, host } = trackingLoop()
    const [early, cleanup] = [new Error("early"), new Error("cleanup")]
    const run = (block: () => Generator<Future<unknown>, unknown, any>) =>
      loop.createTask(
        as(function* (self) {
          try {
            yield* timeout(loop, self, 10, block)
          } catch (error) {
            return [error, self.cancelling()]
          }
        })
      )
    const one = run(function* () {
      yield* loop.sleep(1)
      throw early
    })
    const two = run(function* () {
      try {
        yield* loop.sleep(1000)
      } finally {
        // eslint-disable-next-line no-unsafe-finally
        throw cleanup
      }
    })
    await host.pass(20)
    expect([one.result(), two.result()]).toEqual([
      [early, 0],
      [cleanup, 0]
    ])
  })

  it("tasks-083 lets a cancel from elsewhere out, and its timer does not fire later", async () => {
    const { loop, host } = trackingLoop()
    const task = loop.createTask(
      as(function* (self) {
        yield* timeout(loop, self, 10, () => loop.sleep(1000)[Symbol.iterator]() as never)
      })
    )
    loop.callLater(5, () => task.cancel("elsewhere"))
    await host.pass(5)
    expect([task.cancelled(), loop.statistics().timers]).toEqual([true, 0])
    expect(thrown(() => task.result())).toMatchObject({ reason: "elsewhere" })
  })

  it("tasks-084 works in a task that has swallowed an earlier cancel", async () => {
    const { loop, host } = trackingLoop()
    const body = (log: Array<unknown>) =>
      as(function* (self) {
        try {
          yield* loop.sleep(1000)
        } catch {
          log.push(self.cancelling())
        }
        try {
          yield* timeout(loop, self, 10, () => loop.sleep(1000)[Symbol.iterator]() as never)
        } catch (error) {
          log.push(error instanceof TimeoutError ? "timeout" : isCancelledError(error), self.cancelling())
        }
      })
    const [times, again]: [Array<unknown>, Array<unknown>] = [[], []]
    const one = loop.createTask(body(times))
    const two = loop.createTask(body(again))
    await host.settle()
    one.cancel()
    two.cancel()
    await host.pass(5)
    two.cancel("new")
    await host.pass(10)
    expect([times, again]).toEqual([
      [1, "timeout", 1],
      [1, true, 2]
    ])
  })
})
