// What may be watched, what callbacks get, and how the Effect forms fail.
import type * as fs from "node:fs"
import type * as net from "node:net"
import type { Effect } from "effect"
import { expectTypeOf, it } from "vitest"
import {
  type EventLoop,
  type FdError,
  type FdPollUnavailableError,
  Loop,
  type LoopClosedError,
  type QueueFullError,
  type SyncLoop,
  type Watchable,
  type WatchHandle
} from "../../src/index.js"

declare const loop: EventLoop
declare const sync: SyncLoop
declare const socket: net.Socket
declare const file: fs.promises.FileHandle

it("takes descriptors, what has one, and streams", () => {
  expectTypeOf<number>().toMatchTypeOf<Watchable>()
  expectTypeOf<net.Socket>().toMatchTypeOf<Watchable>()
  expectTypeOf<NodeJS.ReadStream>().toMatchTypeOf<Watchable>()
  expectTypeOf<NodeJS.WriteStream>().toMatchTypeOf<Watchable>()
  expectTypeOf<fs.ReadStream>().toMatchTypeOf<Watchable>()
  expectTypeOf<fs.promises.FileHandle>().toMatchTypeOf<Watchable>()
  expectTypeOf<{ fileno(): number }>().toMatchTypeOf<Watchable>()
  // @ts-expect-error a string has no descriptor
  loop.addReader("0", () => {})
  // @ts-expect-error a web stream has none either
  loop.addReader(new ReadableStream(), () => {})
})

it("gives the callback its arguments, and returns a WatchHandle", () => {
  expectTypeOf(loop.addReader(0, () => {})).toEqualTypeOf<WatchHandle>()
  expectTypeOf(sync.addWriter(socket, (a: number, b: string) => a + b, 1, "x")).toEqualTypeOf<WatchHandle>()
  // @ts-expect-error an argument is missing
  loop.addReader(0, (a: number) => a)
  // @ts-expect-error of another type
  loop.addWriter(0, (a: number) => a, "x")
  expectTypeOf(loop.removeReader(file)).toEqualTypeOf<boolean>()
  expectTypeOf(loop.removeWriter(0)).toEqualTypeOf<boolean>()
  expectTypeOf(loop.autoclose(file)).toEqualTypeOf<void>()
  expectTypeOf(loop.noAutoclose(0)).toEqualTypeOf<void>()
})

it("fails with what the system, its absence or the loop says, and nothing else", () => {
  type Wait = Effect.Effect<void, FdError | FdPollUnavailableError | LoopClosedError | QueueFullError, Loop>
  expectTypeOf(Loop.readable(0)).toEqualTypeOf<Wait>()
  expectTypeOf(Loop.writable(socket)).toEqualTypeOf<Wait>()
})
