/** The platform's commands of Effect 3, on its own processes and on a loop's. `platformCommands.four.mjs` has those of Effect 4. */
import * as Command from "@effect/platform/Command"
import type { CommandExecutor } from "@effect/platform/CommandExecutor"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { type EventLoop, Loop } from "effect-aio"
import { LoopCommandExecutor } from "effect-aio/platform"

/** A program, and what it is given. */
export type Words = readonly [program: string, ...args: ReadonlyArray<string>]

/** What the cases do with commands. */
export interface Commands {
  readonly string: (words: Words) => Promise<string>
  readonly exitCode: (words: Words) => Promise<number>
  /** How many bytes the last of them writes, each of which reads what the one before writes. */
  readonly bytes: (first: Words, ...rest: ReadonlyArray<Words>) => Promise<number>
  readonly close: () => Promise<void>
}

const make = ([program, ...args]: Words): Command.Command => Command.make(program, ...args)

const commandsOf = async (layer: Layer.Layer<CommandExecutor>): Promise<Commands> => {
  const runtime = ManagedRuntime.make(layer)
  // Building the layer is no part of what is measured.
  await runtime.runPromise(Effect.void)
  return {
    string: (words) => runtime.runPromise(Command.string(make(words))),
    exitCode: (words) => runtime.runPromise(Command.exitCode(make(words))),
    bytes: (first, ...rest) =>
      runtime.runPromise(
        Stream.runFold(
          Command.stream(rest.map(make).reduce((all, next) => Command.pipeTo(all, next), make(first))),
          0,
          (bytes, chunk) => bytes + chunk.length
        )
      ),
    close: () => runtime.dispose()
  }
}

/** The platform's own. */
export const platform = (): Promise<Commands> => commandsOf(NodeContext.layer)

/** Those of a loop. */
export const onLoop = (loop: EventLoop): Promise<Commands> =>
  commandsOf(Layer.provide(LoopCommandExecutor.layer(), Layer.succeed(Loop, loop)))
