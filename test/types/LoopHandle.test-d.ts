// The types of handles for other threads: names, arguments and results come from the functions that are offered.
import type { MessagePort } from "node:worker_threads"
import { describe, expectTypeOf, it } from "vitest"
import { type EventLoop, type Future, LoopHandle, type OfferedHandle } from "../../src/index.js"

declare const loop: EventLoop
declare const port: MessagePort

const functions = {
  log: (_line: string) => {},
  add: async (a: number, b: number) => a + b,
  *steps(n: number) {
    yield* loop.sleep(0)
    return String(n)
  },
  optional: (_a: number, _b?: string) => true
}

/** What another module may declare, without the functions. */
interface Api {
  log(line: string): void
  add(a: number, b: number): Promise<number>
}

describe("LoopHandle", () => {
  const handle = LoopHandle.from<typeof functions>(port)

  it("offers functions, and nothing else", () => {
    expectTypeOf(loop.threadHandle(functions)).toEqualTypeOf<OfferedHandle>()
    expectTypeOf(loop.threadHandle(functions).port).toEqualTypeOf<MessagePort>()
    // @ts-expect-error no function
    loop.threadHandle({ log: 1 })
  })

  it("knows names, arguments and results", () => {
    expectTypeOf(handle.runCoroutineThreadsafe("add", 1, 2)).toEqualTypeOf<Future<number>>()
    expectTypeOf(handle.runCoroutineThreadsafe("steps", 1)).toEqualTypeOf<Future<string>>()
    expectTypeOf(handle.runCoroutineThreadsafe("log", "a")).toEqualTypeOf<Future<void>>()
    expectTypeOf(handle.callSoonThreadsafe("log", "a")).toEqualTypeOf<void>()
    expectTypeOf(handle.callSoonThreadsafe("optional", 1)).toEqualTypeOf<void>()
    expectTypeOf(handle.with({}).runCoroutineThreadsafe("add", 1, 2)).toEqualTypeOf<Future<number>>()
    // @ts-expect-error not offered
    handle.callSoonThreadsafe("nope")
    // @ts-expect-error wrong type
    handle.callSoonThreadsafe("log", 1)
    // @ts-expect-error too few
    handle.runCoroutineThreadsafe("add", 1)
    // @ts-expect-error too many
    handle.runCoroutineThreadsafe("add", 1, 2, 3)
    // @ts-expect-error no port
    LoopHandle.from<typeof functions>("port")
  })

  it("takes an interface as well", () => {
    const other = LoopHandle.from<Api>(port)
    expectTypeOf(other.runCoroutineThreadsafe("add", 1, 2)).toEqualTypeOf<Future<number>>()
    // @ts-expect-error wrong type
    other.callSoonThreadsafe("log", 1)
  })
})
