// A Future as a thenable: Promises/A+ clause by clause, `await` and the promise combinators, cancelling what `then`
// gave. The suite of Promises/A+ itself is in aplus.test.ts.
// Covers: adopt
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { compiledUrl } from "../../support/compiled.js"
import { CancelledError, LoopClosedError } from "../../../src/Loop/kernel/errors.js"
import type { Future } from "../../../src/Loop/kernel/Future.js"
import { manualLoop, nodeLoop } from "../../support/closedLoops.js"
import { kinds, thrown, trackingLoop } from "../../support/trackingHost.js"

/** A loop, a pending Future of it, and a log. */
const setUp = () => {
  const { loop, host } = manualLoop()
  const log: Array<unknown> = []
  return {
    loop,
    host,
    log,
    future: loop.createFuture<any>(),
    say: (what: string) => (x: unknown) => log.push([what, x])
  }
}

describe("then: Promises/A+", () => {
  it("futures-045 never calls onRejected once onFulfilled was called", () => {
    const { future, host, log, say } = setUp()
    future.then(say("ok"), say("no"))
    future._settleValue(1)
    future._settleError(new Error("at once"))
    host.runUntilIdle()
    future._settleError(new Error("later"))
    host.runUntilIdle()
    expect(log).toEqual([["ok", 1]])
  })

  it("futures-046 never calls onFulfilled once onRejected was called", () => {
    const { future, host, log, say } = setUp()
    future.then(say("ok"), say("no"))
    future._settleError("bad")
    future._settleValue(1)
    host.runUntilIdle()
    future._settleValue(2)
    host.runUntilIdle()
    expect(log).toEqual([["no", "bad"]])
  })

  it("futures-049 calls onRejected once, after it has failed, with the reason", () => {
    const { future, host, log, say } = setUp()
    const reason = { any: "thing" }
    future.then(undefined, say("no"))
    host.runUntilIdle()
    expect(log).toEqual([])
    future.setException(reason)
    expect(log).toEqual([])
    host.runUntilIdle()
    host.runUntilIdle()
    expect(log).toEqual([["no", reason]])
  })

  it("futures-051 calls handlers as plain functions", () => {
    const { future, host, log } = setUp()
    future.then(function (this: unknown) {
      log.push(this)
    })
    future.setResult(1)
    host.runUntilIdle()
    expect(log).toEqual([undefined])
  })

  it("futures-052 calls all handlers in the order of their then(), also when some throw or add others", () => {
    const { future, host, log } = setUp()
    future.then(() => {
      log.push("one")
      future.then(() => log.push("added"))
    })
    const throws = future.then(() => {
      log.push("two")
      throw new Error("two")
    })
    future.then(() => log.push("three"))
    future.setResult(1)
    host.runUntilIdle()
    expect(log).toEqual(["one", "two", "three", "added"])
    expect(throws.exception()).toMatchObject({ message: "two" })
  })

  it("futures-053 passes on what a handler answers or throws, and the outcome where there is no handler", () => {
    const { future, host, loop } = setUp()
    const failed = loop.createFuture<number>()
    const answers = future.then(() => "answer", null)
    const throwing = [undefined, null, false, 0, ""].map((what) =>
      future.then(() => {
        throw what
      })
    )
    const passed = future.then(5 as never, undefined).then()
    const passedOn = failed.then(() => 1)
    const caught = failed.catch((reason) => [reason])
    future.setResult(1)
    failed.setException("reason")
    host.runUntilIdle()
    expect(answers.result()).toBe("answer")
    expect(throwing.map((f) => [f._peek(), f.exception()])).toEqual([
      ["error", undefined],
      ["error", null],
      ["error", false],
      ["error", 0],
      ["error", ""]
    ])
    expect(passed.result()).toBe(1)
    expect(passedOn.exception()).toBe("reason")
    expect(caught.result()).toEqual(["reason"])
  })

  it("futures-054 fails with a TypeError where a handler answers with the Future of its own then()", () => {
    const { future, host } = setUp()
    const own: Future<unknown> = future.then(() => own)
    future.setResult(1)
    host.runUntilIdle()
    expect(own.exception()).toBeInstanceOf(TypeError)
  })

  it("futures-055 stays pending until the promise that a handler answered with has settled", async () => {
    const { future, host, loop } = setUp()
    const inner = loop.createFuture<number>()
    const promised = future.then(() => Promise.reject(new Error("promised")))
    const outer = future.then(() => inner)
    future.setResult(1)
    await host.settle()
    expect([outer.done(), promised.exception()]).toEqual([
      false,
      expect.objectContaining({ message: "promised" })
    ])
    inner.setResult(7)
    host.runUntilIdle()
    expect(outer.result()).toBe(7)
  })

  it("futures-056 follows a thenable: reads then once, hears its first call only, unwraps nested ones", () => {
    const { future, host, log } = setUp()
    const thenable = (body: (ok: (x: unknown) => void, no: (x: unknown) => void) => void) => () => {
      const one = {
        get then() {
          log.push("read")
          return function (this: unknown, ok: (x: unknown) => void, no: (x: unknown) => void) {
            if (this !== one) log.push("wrong this")
            body(ok, no)
          }
        }
      }
      return one
    }
    const twice = future.then(
      thenable((ok, no) => {
        ok(1)
        ok(2)
        no(3)
        throw new Error("after")
      })
    )
    expect(log).toEqual([])
    const throws = future.then(
      thenable(() => {
        throw new Error("before")
      })
    )
    const getter = future.then(() => ({
      get then(): never {
        throw new Error("getter")
      }
    }))
    const nested = future.then(thenable((ok) => ok(thenable((inner) => inner("deep"))())))
    const neither = future.then(() => ({ then: 5 }))
    future.setResult(0)
    host.runUntilIdle()
    expect(log).toEqual(["read", "read", "read", "read"])
    expect(twice.result()).toBe(1)
    expect(throws.exception()).toMatchObject({ message: "before" })
    expect(getter.exception()).toMatchObject({ message: "getter" })
    expect(nested.result()).toBe("deep")
    expect(neither.result()).toEqual({ then: 5 })
  })

  it("follows 100000 thenables that answer at once, and fails in a circle of them", () => {
    const { future, host } = setUp()
    const nest = (n: number): unknown =>
      n === 0 ? "end" : { then: (ok: (x: unknown) => void) => ok(nest(n - 1)) }
    const endless = { then: (ok: (x: unknown) => void) => ok(endless) }
    const deep = future.then(() => nest(100_000))
    const circular = future.then(() => endless)
    future.setResult(0)
    host.runUntilIdle()
    expect(deep.result()).toBe("end")
    expect(circular.exception()).toBeInstanceOf(TypeError)
  })

  it("futures-058 gives a cancellation to onRejected, and to an await outside of the loop", async () => {
    const { loop } = nodeLoop()
    const future = loop.createFuture<number>()
    const before = future.then(undefined, (error: unknown) => error)
    future.cancel("why")
    const after = future.then(undefined, (error: unknown) => error)
    const awaited = (async () => await future)().catch((error: unknown) => error)
    for (const seen of [await before, await after, await awaited]) {
      expect(seen).toBeInstanceOf(CancelledError)
      expect(seen).toMatchObject({ reason: "why" })
    }
  })

  it("futures-059 never makes Node emit unhandledRejection, and counts then() as having looked", async () => {
    const script = `
      import { openNodeLoop } from ${JSON.stringify(compiledUrl("test/support/loops.ts").href)}
      process.on("unhandledRejection", () => console.log("unhandledRejection"))
      const { loop, reports } = openNodeLoop()
      loop.createFuture().setException(new Error("alone"))
      const looked = loop.createFuture()
      looked.then(() => 1).catch(() => {})
      looked.setException(new Error("looked at"))
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 1))
      loop.close()
      console.log(reports.map((r) => r.kind + " " + r.exception.message).join())`
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script])
    expect(stdout.trim()).toBe("unretrieved alone")
  })
})

describe("await and the engine's promises", () => {
  it("takes no turn of the loop for an await of what is done", async () => {
    const { loop, host } = manualLoop()
    const future = loop.createFuture<number>()
    future.setResult(1)
    host.runUntilIdle()
    expect(await future).toBe(1)
    expect(host.turns).toEqual([])
  })

  it("settles Promise.all, race, allSettled, any and resolve", async () => {
    const { loop } = nodeLoop()
    const later = <A>(value: A) => loop.sleep(1, value)
    const error = new Error("mine")
    const fails = () => {
      const future = loop.createFuture<never>()
      loop.callSoon(() => future.setException(error))
      return future
    }
    expect(await Promise.all([later(1), later(2), 3])).toEqual([1, 2, 3])
    expect(await Promise.race([loop.createFuture(), later("first")])).toBe("first")
    expect(await Promise.any([fails(), later("any")])).toBe("any")
    expect(await Promise.resolve(later(4))).toBe(4)
    expect(await Promise.allSettled([later(1), fails()])).toEqual([
      { status: "fulfilled", value: 1 },
      { status: "rejected", reason: error }
    ])
    await expect(Promise.all([loop.sleep(0), fails()])).rejects.toBe(error)
  })

  it("goes on with the chain where a promise's own functions are the handlers", async () => {
    const { loop } = nodeLoop()
    const error = new Error("mine")
    const failing = () => {
      const future = loop.createFuture<number>()
      loop.callSoon(() => future.setException(error))
      return future
    }
    const chained = new Promise<number>((resolve, reject) => void failing().then(resolve).catch(reject))
    await expect(chained).rejects.toBe(error)
    const cut = new Promise<string>(
      (resolve) =>
        void failing()
          .then(resolve as never)
          .finally(() => resolve("finally"))
          .catch(() => {})
    )
    expect(await cut).toBe("finally")
    await loop.sleep(0)
  })

  it("awaits 100000 times, one Future after the other and all of one Future", async () => {
    const { loop } = nodeLoop()
    const one = loop.createFuture<number>()
    const waits = Array.from({ length: 100_000 }, async () => await one)
    await null
    one.setResult(1)
    expect((await Promise.all(waits)).length).toBe(100_000)
    const sum = await loop.createTask(async () => {
      let total = 0
      for (let i = 0; i < 100_000; i++) {
        const future = loop.createFuture<number>()
        loop.callSoon(() => future.setResult(1))
        total += await future
      }
      return total
    })
    expect(sum).toBe(100_000)
  })

  it("works in async generators, by await, by yield and in for await", async () => {
    const { loop } = nodeLoop()
    const seen: Array<number> = []
    const numbers = async function* () {
      seen.push(await loop.sleep(0, 1))
      yield loop.sleep(0, 2)
      yield* [loop.sleep(0, 3)]
    }
    await loop.createTask(async () => {
      for await (const n of numbers()) seen.push(n)
      for await (const n of [loop.sleep(0, 4), loop.sleep(0, 5)]) seen.push(n)
    })
    expect(seen).toEqual([1, 2, 3, 4, 5])
  })
})

describe.each(kinds)("a task that waits (%s)", (_, as) => {
  it("futures-015 gets the value of one Future twice, the second time without a turn of the loop", async () => {
    const { loop, host } = trackingLoop()
    const future = loop.createFuture<number>()
    const passes: Array<number> = []
    const task = loop.createTask(
      as<number>(function* () {
        const one = (yield future) as number
        passes.push(loop.statistics().passes)
        const two: number = yield* future
        passes.push(loop.statistics().passes)
        return one + two
      })
    )
    await host.settle()
    future.setResult(42)
    await host.settle()
    expect(task.result()).toBe(84)
    expect(passes[0]).toBe(passes[1])
  })
})

describe("cancelling what then() gave", () => {
  it("cancels the Future it waits for, and tells the handlers", () => {
    const { future, host, log, say } = setUp()
    const chained = future.then(say("ok"), say("no"))
    expect(chained.cancel("why")).toBe(true)
    expect([future.cancelled(), chained.done()]).toEqual([true, false])
    host.runUntilIdle()
    expect(log).toEqual([["no", expect.objectContaining({ reason: "why" })]])
    expect(chained.result()).toBe(1)
  })

  it("cancels the Future that the handler answered with", () => {
    const { future, host, loop } = setUp()
    const inner = loop.createFuture()
    const chained = future.then(() => inner)
    future.setResult(1)
    host.runUntilIdle()
    chained.cancel()
    expect([inner.cancelled(), chained.done()]).toEqual([true, false])
    host.runUntilIdle()
    expect(chained.cancelled()).toBe(true)
  })

  it("keeps a handler that has not run from running, once the source is done", () => {
    const { future, host, log, say } = setUp()
    const chained = future.then(say("ok"))
    future.setResult(1)
    expect(chained.cancel("why")).toBe(true)
    expect(chained.cancelled()).toBe(true)
    host.runUntilIdle()
    expect(log).toEqual([])
    expect(chained.cancel()).toBe(false)
  })

  it("J4 reports a failure of the source that a cancel keeps from its handler", () => {
    const { future, host, loop, log, say } = setUp()
    const reports: Array<unknown> = []
    loop.setExceptionHandler((_, { exception, kind }) => void reports.push([kind, exception]))
    const boom = new Error("boom")
    const chained = future.then(say("ok"), say("no"))
    future.setException(boom)
    expect(chained.cancel()).toBe(true)
    host.runUntilIdle()
    expect([log, reports]).toEqual([[], [["late", boom]]])
  })

  it("does not keep a promise from its outcome, where the handlers are that promise's own", async () => {
    const { future, host } = setUp()
    let chained: Future<unknown> | undefined
    const promise = new Promise((resolve) => void (chained = future.then(resolve)))
    future.setResult(1)
    expect(chained?.cancel()).toBe(true)
    await host.settle()
    expect(await promise).toBe(1)
  })

  it("does not wait for a foreign promise that the handler answered with", async () => {
    const { future, host } = setUp()
    const chained = future.then(() => new Promise(() => {}))
    future.setResult(1)
    await host.settle()
    expect(chained.cancel()).toBe(true)
    expect(chained.cancelled()).toBe(true)
  })

  it("ends with a cancel in a circle of Futures that answer with each other", () => {
    const { future, host } = setUp()
    const one: Future<unknown> = future.then(() => two)
    const two: Future<unknown> = future.then(() => one)
    future.setResult(1)
    host.runUntilIdle()
    expect([one.done(), two.done()]).toEqual([false, false])
    one.cancel()
    host.runUntilIdle()
    expect([one.cancelled(), two.cancelled()]).toEqual([true, true])
  })

  it("settles and cancels chains of 100000 links", () => {
    const { host, loop } = setUp()
    const chain = (length: number) => {
      const first = loop.createFuture<number>()
      let last = first
      for (let i = 0; i < length; i++) last = last.then((n) => n + 1)
      return { first, last }
    }
    const settled = chain(100_000)
    settled.first.setResult(0)
    host.runUntilIdle()
    expect(settled.last.result()).toBe(100_000)
    const cancelled = chain(100_000)
    cancelled.last.cancel("why")
    expect(cancelled.first.cancelled()).toBe(true)
    host.runUntilIdle()
    expect(thrown(() => cancelled.last.result())).toBe(thrown(() => cancelled.first.result()))
  })

  it("cancels a promise loop that has answered with itself 20000 times", () => {
    const { host, loop } = setUp()
    const ready = loop.createFuture<void>()
    ready.setResult()
    const last = loop.createFuture<number>()
    const again = (n: number): Future<number> => ready.then(() => (n === 0 ? last : again(n - 1)))
    const all = again(20_000)
    host.runUntilIdle()
    all.cancel()
    expect(last.cancelled()).toBe(true)
    host.runUntilIdle()
    expect(all.cancelled()).toBe(true)
  })
})

describe("finally", () => {
  it("passes the outcome on, the same error and the same cancellation", () => {
    const { host, log, loop } = setUp()
    const error = new Error("mine")
    const sources = [
      loop.createFuture<number>(),
      loop.createFuture<number>(),
      loop.createFuture<number>()
    ] as const
    const after = sources.map((source) => source.finally(() => void log.push("finally")))
    sources[0].setResult(1)
    sources[1].setException(error)
    sources[2].cancel()
    host.runUntilIdle()
    expect(log.length).toBe(3)
    expect(after[0]?.result()).toBe(1)
    expect(after[1]?.exception()).toBe(error)
    expect(thrown(() => after[2]?.result())).toBe(thrown(() => sources[2].result()))
  })

  it("waits for what it answers with, and fails as that does or as it throws", async () => {
    const { future, host, loop } = setUp()
    const cleanup = loop.createFuture<string>()
    const waits = future.finally(() => cleanup)
    const promised = future.finally(() => Promise.reject(new Error("promised")))
    const throws = future.finally(() => {
      throw new Error("thrown")
    })
    const plain = future.finally(null)
    future.setResult(1)
    await host.settle()
    expect([waits.done(), plain.result()]).toEqual([false, 1])
    cleanup.setResult("dropped")
    await host.settle()
    expect(waits.result()).toBe(1)
    expect(promised.exception()).toMatchObject({ message: "promised" })
    expect(throws.exception()).toMatchObject({ message: "thrown" })
  })
})

describe("waits that outlive their task", () => {
  it("end with LoopClosedError when the loop closes", async () => {
    const { loop, host } = trackingLoop()
    const never = loop.createFuture()
    let helper: Promise<unknown> | undefined
    const task = loop.createTask(async () => {
      helper = (async () => {
        await null
        await null
        await loop.sleep(1)
        await never
      })().catch((error: unknown) => error)
    })
    await host.pass(10)
    expect(task.done()).toBe(true)
    loop.close()
    await host.settle()
    expect(await helper).toBeInstanceOf(LoopClosedError)
  })
})
