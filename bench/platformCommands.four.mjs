/** `platformCommands.ts` for Effect 4. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { Loop } from "effect-aio"
import { LoopChildProcessSpawner } from "effect-aio/platform"

const make = ([program, ...args]) => ChildProcess.make(program, args)

const commandsOf = async (layer) => {
  const runtime = ManagedRuntime.make(layer)
  const spawner = await runtime.runPromise(ChildProcessSpawner)
  return {
    string: (words) => runtime.runPromise(spawner.string(make(words))),
    exitCode: (words) => runtime.runPromise(spawner.exitCode(make(words))),
    bytes: (first, ...rest) => {
      const command = rest.map(make).reduce((all, next) => ChildProcess.pipeTo(all, next), make(first))
      const count = ({ stdout }) =>
        Stream.runFold(
          stdout,
          () => 0,
          (bytes, chunk) => bytes + chunk.length
        )
      return runtime.runPromise(Effect.scoped(Effect.flatMap(command, count)))
    },
    close: () => runtime.dispose()
  }
}

export const platform = () => commandsOf(NodeServices.layer)

export const onLoop = (loop) =>
  commandsOf(Layer.provide(LoopChildProcessSpawner.layer(), Layer.succeed(Loop, loop)))
