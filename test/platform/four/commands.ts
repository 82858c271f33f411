/** Programs of `effect/process` on a loop, for tests. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Loop, type LoopOptions } from "../../../src/index.js"
import { LoopChildProcessSpawner } from "../../../src/platform/index.js"
import { watchPid } from "../../fixtures/child/children.js"
import { track } from "../../support/platform/checked.js"

export type Program<A, E> = Effect.Effect<
  A,
  E,
  ChildProcessSpawner | NodeServices.NodeServices | Loop | Scope.Scope
>

/** Runs it in a Scope and a loop of its own, over the platform's other services. */
export const onLoop = <A, E>(
  program: Program<A, E>,
  { killGrace = "300 millis", ...options }: LoopOptions & LoopChildProcessSpawner.CommandOptions = {}
): Promise<A> =>
  Effect.runPromise(
    Loop.scoped(
      Effect.flatMap(Loop, (loop) => {
        track(loop)
        return Effect.scoped(program).pipe(
          Effect.provide(LoopChildProcessSpawner.layer({ killGrace })),
          Effect.provide(NodeServices.layer)
        )
      }),
      options
    )
  )

type Options = ChildProcess.CommandOptions

export const sh = (script: string, options?: Options, ...args: Array<string>) =>
  ChildProcess.make("sh", ["-c", script, "sh", ...args], options)

/** A command that must be gone at the end of the test. */
export const start = (command: ChildProcess.Command) =>
  Effect.tap(command, ({ pid }) => Effect.sync(() => watchPid(pid)))

export const string = (command: ChildProcess.Command, options?: { readonly includeStderr?: boolean }) =>
  Effect.flatMap(ChildProcessSpawner, (spawner) => spawner.string(command, options))

export const lines = (command: ChildProcess.Command, options?: { readonly includeStderr?: boolean }) =>
  Effect.flatMap(ChildProcessSpawner, (spawner) => spawner.lines(command, options))

export const exitCode = (command: ChildProcess.Command) =>
  Effect.flatMap(ChildProcessSpawner, (spawner) => spawner.exitCode(command))

export const streamLines = (command: ChildProcess.Command) =>
  Stream.unwrap(Effect.map(ChildProcessSpawner, (spawner) => spawner.streamLines(command)))

export const text = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Stream.mkString(Stream.decodeText(stream))

export const bytes = (...texts: ReadonlyArray<string>) => Stream.encodeText(Stream.fromIterable(texts))
