/** Effect 3: the CommandExecutor of @effect/platform whose processes are the loop's. */
import type * as Command from "@effect/platform/Command"
import * as CommandExecutor from "@effect/platform/CommandExecutor"
import type { PlatformError } from "@effect/platform/Error"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EventLoop } from "../../Loop/EventLoop.js"
import { Loop } from "../../Loop/Loop.js"
import { atMostASecond } from "../commands/atMostASecond.js"
import type { CommandOptions } from "../commands/CommandOptions.js"
import { exitCodeOf, LoopProcess } from "./commands/LoopProcess.js"
import type { Bytes } from "./commands/Part.js"
import { type Pipeline, startPipeline } from "./commands/Pipeline.js"

/** Waits for the exit while `drained` reads the output; then that has a second for the rest. It fails as its Sink does. */
const drainedExit = (
  pipeline: Pipeline,
  drained: Fiber.Fiber<void, PlatformError>
): Effect.Effect<CommandExecutor.ExitCode, PlatformError> =>
  Effect.zipLeft(
    Effect.raceFirst(exitCodeOf(pipeline), Effect.zipRight(Fiber.join(drained), Effect.never)),
    atMostASecond(Fiber.join(drained))
  )

/** What the platform's helpers of a command do. What they do not give is dropped, so that the command never waits for a reader. */
const make = (loop: EventLoop, { killGrace }: CommandOptions): CommandExecutor.CommandExecutor => {
  const quietly = (command: Command.Command) => startPipeline(loop, killGrace, command, true)

  const stdoutOf = (command: Command.Command): Effect.Effect<Bytes, PlatformError, Scope.Scope> =>
    Effect.flatMap(quietly(command), ({ last }) => Effect.as(last.drop("stderr"), last.output("stdout")))

  const exitCode: CommandExecutor.CommandExecutor["exitCode"] = (command) =>
    Effect.scoped(
      Effect.flatMap(quietly(command), (pipeline) => {
        const { last } = pipeline
        if (typeof last.command.stdout === "string")
          return Effect.zipRight(Effect.all([last.drop("stdout"), last.drop("stderr")]), exitCodeOf(pipeline))
        return Effect.zipRight(
          last.drop("stderr"),
          Effect.flatMap(Effect.forkScoped(Stream.runDrain(last.output("stdout"))), (drained) =>
            drainedExit(pipeline, drained)
          )
        )
      })
    )

  const string: CommandExecutor.CommandExecutor["string"] = (command, encoding = "utf-8") =>
    Effect.suspend(() => {
      const decoder = new TextDecoder(encoding)
      const bytes = Effect.scoped(Effect.flatMap(stdoutOf(command), Stream.runCollect))
      return Effect.map(bytes, (chunks) => decoder.decode(Buffer.concat(Chunk.toReadonlyArray(chunks))))
    })

  const stream: CommandExecutor.CommandExecutor["stream"] = (command) =>
    Stream.unwrapScoped(stdoutOf(command))

  const streamLines: CommandExecutor.CommandExecutor["streamLines"] = (command, encoding) =>
    Stream.splitLines(Stream.decodeText(stream(command), encoding))

  return {
    [CommandExecutor.TypeId]: CommandExecutor.TypeId,
    start: (command) =>
      Effect.map(startPipeline(loop, killGrace, command, false), (pipeline) => new LoopProcess(pipeline)),
    exitCode,
    string,
    stream,
    streamLines,
    lines: (command, encoding) => Effect.map(Stream.runCollect(streamLines(command, encoding)), Chunk.toArray)
  }
}

/** The Layer, for options that were checked. */
export const layer = (options: CommandOptions): Layer.Layer<CommandExecutor.CommandExecutor, never, Loop> =>
  Layer.effect(
    CommandExecutor.CommandExecutor,
    Effect.map(Loop, (loop) => make(loop, options))
  )
