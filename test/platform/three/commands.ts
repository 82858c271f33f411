/** Programs of @effect/platform's commands on a loop, for tests. */
import * as Command from "@effect/platform/Command"
import type * as CommandExecutor from "@effect/platform/CommandExecutor"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Loop, type LoopOptions } from "../../../src/index.js"
import { LoopCommandExecutor } from "../../../src/platform/index.js"
import { watchPid } from "../../fixtures/child/children.js"
import { track } from "../../support/platform/checked.js"

export type Program<A, E> = Effect.Effect<
  A,
  E,
  CommandExecutor.CommandExecutor | NodeContext.NodeContext | Loop | Scope.Scope
>

/** Runs it in a Scope and a loop of its own, over the platform's other services. */
export const onLoop = <A, E>(
  program: Program<A, E>,
  { killGrace = "300 millis", ...options }: LoopOptions & LoopCommandExecutor.CommandOptions = {}
): Promise<A> =>
  Effect.runPromise(
    Loop.scoped(
      Effect.flatMap(Loop, (loop) => {
        track(loop)
        return Effect.scoped(program).pipe(
          Effect.provide(LoopCommandExecutor.layer({ killGrace })),
          Effect.provide(NodeContext.layer)
        )
      }),
      options
    )
  )

export const sh = (script: string, ...args: Array<string>) => Command.make("sh", "-c", script, "sh", ...args)

/** A command that must be gone at the end of the test. */
export const start = (command: Command.Command) =>
  Effect.tap(Command.start(command), ({ pid }) => Effect.sync(() => watchPid(pid)))

export const text = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Stream.mkString(Stream.decodeText(stream))

export const bytes = (...texts: ReadonlyArray<string>) => Stream.encodeText(Stream.fromIterable(texts))
