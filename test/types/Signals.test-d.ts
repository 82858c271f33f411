// The types of signal handlers and Streams of signals.
import type { Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import {
  type EventLoop,
  Loop,
  type LoopClosedError,
  type SignalError,
  type WatchHandle
} from "../../src/index.js"

declare const loop: EventLoop

describe("signals", () => {
  it("handlers take what they are given", () => {
    expectTypeOf(loop.addSignalHandler("SIGHUP", () => {})).toEqualTypeOf<WatchHandle>()
    expectTypeOf(
      loop.addSignalHandler(1, (a: number, b: string) => a + b, 1, "b")
    ).toEqualTypeOf<WatchHandle>()
    expectTypeOf(loop.removeSignalHandler("SIGHUP")).toEqualTypeOf<boolean>()
    // @ts-expect-error no signal
    loop.addSignalHandler("SIGNOPE", () => {})
    // @ts-expect-error the argument is missing
    loop.addSignalHandler("SIGHUP", (_a: number) => {})
    // @ts-expect-error of another type
    loop.addSignalHandler("SIGHUP", (_a: number) => {}, "a")
  })

  it("a Stream of names, its failures and the loop it needs", () => {
    expectTypeOf(Loop.signal("SIGHUP")).toEqualTypeOf<
      Stream.Stream<NodeJS.Signals, SignalError | LoopClosedError, Loop>
    >()
    // @ts-expect-error no signal
    Loop.signal("SIGNOPE")
  })
})
