// Covers: awake
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { TimerHandle, Timers } from "../../../src/Loop/kernel/Timers.js"
import { collect, manualLoop } from "../../support/closedLoops.js"

describe("Timers, the heap", () => {
  const open = () => {
    const { loop } = manualLoop()
    let headCancelled = 0
    const timers = new Timers(() => void headCancelled++)
    const add = (when: number): TimerHandle => {
      const timer = new TimerHandle(loop, () => {}, undefined, undefined)
      timers.add(timer, when)
      return timer
    }
    return { timers, add, headCancelled: () => headCancelled }
  }

  it("hands out what is due in the order of a stable sort by due time, whatever is added and cancelled", () => {
    const key = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 12 }) },
      { weight: 1, arbitrary: fc.constantFrom(-Infinity, Infinity, -0, 0.5) }
    )
    const command = fc.oneof(
      { weight: 5, arbitrary: fc.record({ op: fc.constant("add" as const), key, n: fc.constant(1) }) },
      { weight: 3, arbitrary: fc.record({ op: fc.constant("cancel" as const), key, n: fc.nat(500) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant("take" as const), key, n: fc.constant(1) }) },
      // Bursts, so that sweeps happen (more than 1024 cancelled and more than half).
      { weight: 1, arbitrary: fc.record({ op: fc.constant("burst" as const), key, n: fc.nat(3000) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant("cancelMany" as const), key, n: fc.nat(3000) }) }
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        const { add, timers } = open()
        let model: Array<TimerHandle> = [] // sorted by (when, order of adding)
        const insert = (...timers: Array<TimerHandle>): void => {
          model.push(...timers)
          model.sort((a, b) => a.compare(b)) // stable
        }
        const cancel = (index: number): void => {
          const [timer] = model.splice(index % model.length, 1)
          timer!.cancel()
        }
        for (const { key, n, op } of commands) {
          if (op === "add") insert(add(key))
          else if (op === "burst") insert(...Array.from({ length: n }, (_, i) => add(i % 7)))
          else if (op === "cancel" && model.length > 0) cancel(n)
          else if (op === "cancelMany") {
            const doomed = new Set(model.filter((_, i) => i % 8 !== 0).slice(0, n))
            for (const timer of doomed) timer.cancel()
            model = model.filter((timer) => !doomed.has(timer))
          } else if (op === "take") {
            const due = model.filter((timer) => timer.when() <= key)
            model = model.slice(due.length)
            const taken: Array<TimerHandle> = []
            for (let timer = timers.takeDue(key); timer !== undefined; timer = timers.takeDue(key))
              taken.push(timer)
            expect(taken.length).toBe(due.length)
            expect(taken.every((timer, i) => timer === due[i])).toBe(true)
          }
          expect(timers.size).toBe(model.length)
          expect(timers.next()).toBe(model[0]?.when())
        }
        timers.clear()
        expect(timers.size).toBe(0)
        expect(model.every((timer) => timer.cancelled())).toBe(true)
      }),
      { numRuns: 100 }
    )
  })

  it("tells when a timer is the earliest, and when the earliest was cancelled, and not otherwise", () => {
    const { add, headCancelled, timers } = open()
    const later = add(10)
    const first = new TimerHandle(later._scheduler, () => {}, undefined, undefined)
    expect(timers.add(first, 5)).toBe(true)
    expect(timers.add(new TimerHandle(later._scheduler, () => {}, undefined, undefined), 5)).toBe(false)
    later.cancel()
    expect(headCancelled()).toBe(0)
    first.cancel()
    expect(headCancelled()).toBe(1)
    expect(timers.next()).toBe(5)
    expect(timers.size).toBe(1)
  })

  it("a timer knows when it is due, in the heap and however it has left that", () => {
    const { add, timers } = open()
    const taken = add(-1)
    const dropped = add(0)
    const waits = add(5_000)
    const cancelled = Array.from({ length: 3_000 }, (_, i) => add(i + 1))
    expect(timers.takeDue(-1)).toBe(taken)
    dropped.cancel()
    expect(timers.next()).toBe(1)
    for (const timer of cancelled) timer.cancel()
    expect([taken, dropped, waits].map((timer) => timer.when())).toEqual([-1, 0, 5_000])
    expect(cancelled.map((timer) => timer.when())).toEqual(cancelled.map((_, i) => i + 1))
    const later = add(6_000)
    expect(later.when()).toBe(6_000)
    timers.clear()
    expect([waits.when(), later.when(), later.compare(waits)]).toEqual([5_000, 6_000, 1])
  })

  it("a timer that was taken and is cancelled then does not count as one of the heap", () => {
    const { add, timers } = open()
    const taken = add(1)
    add(2)
    expect(timers.takeDue(1)).toBe(taken)
    taken.cancel()
    expect(timers.size).toBe(1)
    expect(timers.takeDue(2)).toBeDefined()
    expect(timers.size).toBe(0)
  })
})

describe("timers of a loop", () => {
  it("timers-002 callLater gives a TimerHandle that waits outside the ready queue, and takes numbers only", () => {
    const { host, loop } = manualLoop()
    const timer = loop.callLater(10_000, () => {})
    expect(timer).toBeInstanceOf(TimerHandle)
    expect(loop.statistics()).toMatchObject({ ready: 0, timers: 1 })
    for (const delay of [null, undefined, "10", 10n, {}]) {
      expect(() => loop.callLater(delay as never, () => {})).toThrow(TypeError)
      expect(() => loop.callAt(delay as never, () => {})).toThrow(TypeError)
    }
    for (const callback of [null, undefined, 1, "f", {}]) {
      expect(() => loop.callLater(1, callback as never)).toThrow(TypeError)
      expect(() => loop.callAt(1, callback as never)).toThrow(TypeError)
    }
    expect(loop.statistics()).toMatchObject({ ready: 0, timers: 1 })
    timer.cancel()
    host.runUntilIdle()
  })

  it("timers-003 (L2) negative delays run in one turn, in the order of their due times", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.callLater(-1, (s: string) => log.push(s), "a")
    loop.callLater(-2, (s: string) => log.push(s), "b")
    loop.callLater(-Infinity, (s: string) => log.push(s), "c")
    host.turn()
    expect(log).toEqual(["c", "b", "a"])
    host.runUntilIdle()
  })

  it("timers-004 a timer of the past runs at the first opportunity, once", () => {
    const { host, loop } = manualLoop()
    host.time = 1000
    const log: Array<string> = []
    host.runUntilIdle()
    loop.callLater(-1, (s: string) => log.push(s), "a")
    host.turn()
    expect(log).toEqual(["a"])
    host.advance(10_000)
    expect(log).toEqual(["a"])
  })

  it("L2 callLater(NaN) counts as 0, callLater(Infinity) never comes, sleep(NaN) throws RangeError", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const never = loop.callLater(Infinity, () => log.push("never"))
    loop.callLater(NaN, () => log.push("now"))
    loop.callAt(NaN, () => log.push("now too"))
    host.runUntilIdle()
    expect(log).toEqual(["now", "now too"])
    expect(host.armed).toBeUndefined()
    host.advance(1e12)
    expect(log).toEqual(["now", "now too"])
    expect(() => loop.sleep(NaN)).toThrow(RangeError)
    expect(() => loop.sleep("1" as never)).toThrow(RangeError)
    expect(loop.statistics().timers).toBe(1)
    never.cancel()
    host.runUntilIdle()
  })

  it("L2 a timer that never comes does not arm the host, not even after an earlier one was cancelled", () => {
    const { host, loop } = manualLoop()
    const never = loop.callLater(Infinity, () => {})
    const soon = loop.callLater(5, () => {})
    host.runUntilIdle()
    soon.cancel()
    host.runUntilIdle()
    expect(host.arming).toEqual([5, "disarm"])
    never.cancel()
    host.runUntilIdle()
  })

  it("L2 ready callbacks run first, then timers that have fallen due, equal due times in the order of scheduling", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.callAt(5, () => log.push("5 a"))
    loop.callAt(3, () => log.push("3"))
    loop.callAt(5, () => log.push("5 b"))
    loop.callLater(0, () => log.push("0"))
    host.time = 5
    loop.callSoon(() => {
      log.push("ready 1")
      loop.callSoon(() => log.push("next pass"))
      loop.callLater(-100, () => log.push("due in the next pass"))
    })
    loop.callSoon(() => log.push("ready 2"))
    host.runUntilIdle()
    expect(log).toEqual(["ready 1", "ready 2", "0", "3", "5 a", "5 b", "next pass", "due in the next pass"])
  })

  it("L2 a timer never fires early, though the host wakes too soon", () => {
    const { host, loop } = manualLoop()
    const log: Array<number> = []
    loop.callLater(10, () => log.push(host.time))
    host.runUntilIdle()
    const { fire } = host.armed!
    host.armed = undefined
    host.time = 9.999
    fire()
    host.runUntilIdle()
    expect(log).toEqual([])
    expect(host.armed!.when).toBe(10)
    host.advance(0.001)
    expect(log).toEqual([10])
  })

  it("timers-010 (L2) runs 1000 timers of one due time in the order of scheduling", () => {
    const { host, loop } = manualLoop()
    const log: Array<number> = []
    for (let i = 0; i < 1000; i++) loop.callAt(50, (n: number) => log.push(n), i)
    host.advance(50)
    expect(log).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  it("timers-013 a cancelled head is discarded and the wake-up computed from the live timer", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const cancelled = loop.callLater(5000, () => log.push("cancelled"))
    loop.callLater(10_000, () => log.push("live"))
    host.runUntilIdle()
    expect(host.arming).toEqual([5000])
    cancelled.cancel()
    expect(loop.statistics().timers).toBe(1)
    host.runUntilIdle()
    expect(host.arming).toEqual([5000, 10_000])
    host.advance(9999)
    expect(log).toEqual([])
    host.advance(1)
    expect(log).toEqual(["live"])
  })

  it("the wake-up is taken back when the last timer is cancelled, and armed once for a burst", () => {
    const { host, loop } = manualLoop()
    const timers = Array.from({ length: 100 }, (_, i) => loop.callLater(1000 - i, () => {}))
    host.runUntilIdle()
    expect(host.arming).toEqual([901])
    for (const timer of timers) timer.cancel()
    expect(host.arming).toEqual([901, "disarm"])
    expect(host.armed).toBeUndefined()
    host.runUntilIdle()
  })

  it("an earlier timer moves the wake-up forward, a later one leaves it", () => {
    const { host, loop } = manualLoop()
    const timers = [loop.callLater(100, () => {})]
    host.runUntilIdle()
    timers.push(loop.callLater(200, () => {}))
    loop.callSoon(() => {})
    host.runUntilIdle()
    expect(host.arming).toEqual([100])
    timers.push(loop.callLater(50, () => {}))
    host.runUntilIdle()
    expect(host.arming).toEqual([100, 50])
    for (const timer of timers) timer.cancel()
    host.runUntilIdle()
  })

  it("timers-017 a timer that a task cancels while it sleeps never runs", async () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const task = loop.createTask(function* () {
      const timer = loop.callLater(200, () => log.push("f"))
      yield* loop.sleep(10)
      timer.cancel()
      yield* loop.sleep(300)
      return "slept"
    })
    host.advance(1000)
    expect(task.result()).toBe("slept")
    expect(log).toEqual([])
  })

  it("timers-016 a timer that stops the loop: what comes before it has run, in order", async () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    let stopped: Promise<void> | undefined
    loop.callLater(100, () => log.push("Hello"))
    loop.callLater(500, () => {
      log.push("World")
      stopped = loop.stop().wait()
    })
    host.advance(300)
    expect(log).toEqual(["Hello"])
    host.advance(200)
    await stopped
    expect(log).toEqual(["Hello", "World"])
    expect(loop.isRunning()).toBe(false)
  })

  it("L3 cancelled timers never run, also when 100,000 are cancelled at once, and leave the heap", () => {
    const { host, loop } = manualLoop()
    let ran = 0
    const timers = Array.from({ length: 100_000 }, (_, i) => loop.callLater(i % 1000, () => void ran++))
    const live = loop.callLater(500, () => (ran += 1_000_000))
    for (const timer of timers) timer.cancel()
    expect(loop.statistics().timers).toBe(1)
    host.advance(2000)
    expect(ran).toBe(1_000_000)
    expect(live.cancelled()).toBe(false)
    expect(timers.every((timer) => timer.cancelled())).toBe(true)
  })

  it("L3 a due timer that a callback of the same pass cancels does not run", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.callLater(5, () => {
      log.push("first")
      second.cancel()
    })
    const second = loop.callLater(5, () => log.push("second"))
    host.advance(10)
    expect(log).toEqual(["first"])
  })

  it("L3 what a cancelled timer held is let go at once, though the timer is still in the heap", async () => {
    const { host, loop } = manualLoop()
    const keeper = loop.callLater(10, () => {})
    let timer: TimerHandle
    const argument = (() => {
      const big = { bytes: new Uint8Array(100) }
      timer = loop.callLater(20, (_: object) => {}, big)
      return new WeakRef(big)
    })()
    timer!.cancel()
    expect(await collect(() => argument.deref() === undefined)).toBe(true)
    keeper.cancel()
    host.runUntilIdle()
  })

  it("timers-020 timers pending at close are cancelled and never run", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const timers = [loop.callLater(10, () => log.push("a")), loop.callLater(-10, () => log.push("b"))]
    loop.close()
    expect(timers.map((timer) => timer.cancelled())).toEqual([true, true])
    expect(host.armed).toBeUndefined()
    host.advance(100)
    expect(log).toEqual([])
  })

  it("sleep gives its value, zero goes round the loop once, and cancelling takes the timer away", () => {
    const { host, loop } = manualLoop()
    const slept = loop.sleep(10, "slept")
    const zero = loop.sleep(0, "zero")
    const past = loop.sleep(-Infinity)
    const cancelled = loop.sleep(5)
    expect(loop.statistics().timers).toBe(2)
    expect(cancelled.cancel()).toBe(true)
    expect(loop.statistics().timers).toBe(1)
    expect([zero.done(), past.done()]).toEqual([false, false])
    host.turn()
    expect([zero.result(), past.result()]).toEqual(["zero", undefined])
    host.advance(10)
    expect(slept.result()).toBe("slept")
    expect(cancelled.cancelled()).toBe(true)
  })

  it("L8 timers may be added and cancelled from inside timers", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const self: TimerHandle = loop.callLater(1, () => {
      self.cancel()
      log.push(`self ${self.cancelled()}`)
      loop.callLater(0, () => log.push("zero"))
      const dropped = loop.callLater(1, () => log.push("dropped"))
      loop.callLater(1, () => log.push("one"))
      dropped.cancel()
    })
    host.advance(10)
    expect(log).toEqual(["self false", "zero", "one"])
  })
})
