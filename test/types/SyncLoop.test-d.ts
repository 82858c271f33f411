import { Data, Effect } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import { Tag } from "../../src/effect.js"
import {
  type AioError,
  type Event,
  type EventLoop,
  fromAio,
  type Future,
  type Loop,
  type LoopOptions,
  SyncLoop,
  type SyncRunOptions,
  type Task
} from "../../src/index.js"

class Db extends Tag<Db, { readonly rows: number }>()("types/SyncDb") {}
class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}

declare const loop: SyncLoop
declare const future: Future<string>

describe("SyncLoop", () => {
  it("is made without an Effect, and is an EventLoop", () => {
    expectTypeOf(SyncLoop.make).parameters.toEqualTypeOf<Parameters<(options?: LoopOptions) => void>>()
    expectTypeOf(SyncLoop.make()).toEqualTypeOf<SyncLoop>()
    expectTypeOf<SyncLoop>().toExtend<EventLoop>()
    expectTypeOf(loop.stop()).toEqualTypeOf<Event>()
    expectTypeOf(loop.close()).toEqualTypeOf<Promise<void>>()
    expectTypeOf<SyncLoop>().toExtend<AsyncDisposable>()
    expectTypeOf(loop.createTask(async () => 1)).toEqualTypeOf<Task<number>>()
  })

  it("runs Futures, promises and thenables, and gives their value", () => {
    expectTypeOf(loop.runUntilComplete(future)).toEqualTypeOf<Promise<string>>()
    expectTypeOf(loop.runUntilComplete(Promise.resolve(1))).toEqualTypeOf<Promise<number>>()
    expectTypeOf(loop.runUntilComplete(loop.sleep(1, "a"))).toEqualTypeOf<Promise<string>>()
    expectTypeOf(loop.runUntilComplete({} as PromiseLike<boolean>)).toEqualTypeOf<Promise<boolean>>()
  })

  it("runs coroutines of each kind, which get their task", () => {
    expectTypeOf(loop.runUntilComplete(async () => 1)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(loop.runUntilComplete(async ({ signal }) => signal)).toEqualTypeOf<Promise<AbortSignal>>()
    expectTypeOf(loop.runUntilComplete(() => "plain")).toEqualTypeOf<Promise<string>>()
    expectTypeOf(
      loop.runUntilComplete(function* (task) {
        expectTypeOf(task).toEqualTypeOf<Task<unknown>>()
        return (yield* loop.sleep(1, 1)) + 1
      })
    ).toEqualTypeOf<Promise<number>>()
    expectTypeOf(loop.runUntilComplete(() => future)).toEqualTypeOf<Promise<string>>()
  })

  it("runs Effects that need nothing but the Loop, whatever they fail with", () => {
    expectTypeOf(loop.runUntilComplete(Effect.succeed(1))).toEqualTypeOf<Promise<number>>()
    expectTypeOf(
      loop.runUntilComplete(Effect.succeed(1) as Effect.Effect<number, NotFound | AioError, Loop>)
    ).toEqualTypeOf<Promise<number>>()
    expectTypeOf(loop.runUntilComplete(fromAio(async (n: number) => n)(1))).toEqualTypeOf<Promise<number>>()
    expectTypeOf(loop.runUntilComplete(fromAio(async () => "no parameters"))).toEqualTypeOf<Promise<string>>()
    // @ts-expect-error nobody provides Db
    void loop.runUntilComplete(Db)
    // @ts-expect-error nobody provides Db
    void loop.runUntilComplete(Effect.map(Db, ({ rows }) => rows))
  })

  it("takes a signal, and nothing that cannot be awaited", () => {
    expectTypeOf<SyncRunOptions>().toEqualTypeOf<{ readonly signal?: AbortSignal | undefined }>()
    void loop.runUntilComplete(future, { signal: AbortSignal.timeout(1) })
    expectTypeOf(loop.runForever({ signal: undefined })).toEqualTypeOf<Promise<void>>()
    // @ts-expect-error a text
    void loop.runUntilComplete("blah")
    // @ts-expect-error a controller is not its signal
    void loop.runForever({ signal: new AbortController() })
  })

  it("an open loop gives no value for what it refuses", () => {
    const open = {} as EventLoop
    expectTypeOf(open.runForever).returns.toEqualTypeOf<unknown>()
    expectTypeOf(open.runUntilComplete).returns.toEqualTypeOf<unknown>()
  })
})
