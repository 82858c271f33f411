// What Loop.subprocess infers.
import type { Effect, Scope, Sink, Stream } from "effect"
import type { WriteStream } from "node:fs"
import type { FileHandle } from "node:fs/promises"
import type { Socket } from "node:net"
import { describe, expectTypeOf, it } from "vitest"
import {
  type BrokenPipeError,
  Loop,
  type LoopClosedError,
  type ProcessLookupError,
  type QueueFullError,
  type SignalError,
  type SpawnError,
  type Subprocess
} from "../../src/index.js"

declare const child: Subprocess
declare const socket: Socket
declare const file: WriteStream
declare const handle: FileHandle

describe("Loop.subprocess", () => {
  it("needs a loop and a Scope, and fails with what the system refuses", () => {
    expectTypeOf(Loop.subprocess("ls", ["-l"], { cwd: "/" })).toEqualTypeOf<
      Effect.Effect<Subprocess, SpawnError | LoopClosedError | QueueFullError, Loop | Scope.Scope>
    >()
    Loop.subprocess(new URL("file:///bin/ls"), [new URL("file:///")])
    Loop.subprocess("ls", [], {
      stdin: socket,
      stdout: file,
      stderr: "stdout",
      fds: { 3: handle, 4: 1, 5: "pipe" },
      env: { A: "1", B: undefined },
      killGrace: "5 seconds",
      killSignal: "SIGINT"
    })
  })

  it("refuses what it does not know", () => {
    // @ts-expect-error no shell
    Loop.subprocess("ls", [], { shell: true })
    // @ts-expect-error bytes only
    Loop.subprocess("ls", [], { encoding: "utf8" })
    // @ts-expect-error no numbers among the arguments
    Loop.subprocess("ls", [1])
    // @ts-expect-error only stderr leads to stdout
    Loop.subprocess("ls", [], { stdin: "stdout" })
  })

  it("has Streams, Sinks and Effects with their errors", () => {
    expectTypeOf(child.stdout).toEqualTypeOf<Stream.Stream<Uint8Array, LoopClosedError>>()
    expectTypeOf(child.stdin).toEqualTypeOf<
      Sink.Sink<void, Uint8Array | string, never, BrokenPipeError | LoopClosedError>
    >()
    expectTypeOf(child.fd(3).stream).toEqualTypeOf<Stream.Stream<Uint8Array, LoopClosedError>>()
    expectTypeOf(child.exitCode).toEqualTypeOf<Effect.Effect<number, LoopClosedError>>()
    expectTypeOf(child.isRunning).toEqualTypeOf<Effect.Effect<boolean>>()
    expectTypeOf(child.sendSignal("SIGTERM")).toEqualTypeOf<
      Effect.Effect<void, ProcessLookupError | SignalError>
    >()
    // @ts-expect-error no such signal
    child.sendSignal("SIGNOPE")
  })
})
