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
import { runForExit, runForOutput } from "../commands/runToEnd.js"
import { exitCode as exitCodeOfRun, exitCodeOf, LoopProcess } from "./commands/LoopProcess.js"
import { type Bytes, planOf } from "./commands/Part.js"
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

/** One command, which is given nothing, and whose output is a pipe. */
const isPlain = (
  command: Command.Command
): command is Command.StandardCommand & { readonly stdin: "inherit" | "pipe" } =>
  command._tag === "StandardCommand" &&
  typeof command.stdin === "string" &&
  command.stdout === "pipe" &&
  typeof command.stderr === "string"

/** What the platform's helpers of a command do. What they do not give is dropped, so that the command never waits for a reader. */
const make = (loop: EventLoop, { killGrace }: CommandOptions): CommandExecutor.CommandExecutor => {
  const quietly = (command: Command.Command) => startPipeline(loop, killGrace, command, true)

  const stdoutOf = (command: Command.Command): Effect.Effect<Bytes, PlatformError, Scope.Scope> =>
    Effect.map(quietly(command), ({ last }) =>
      typeof last.command.stderr === "string"
        ? last.output("stdout")
        : Stream.merge(last.output("stdout"), Stream.drain(last.output("stderr")))
    )

  const exitCode: CommandExecutor.CommandExecutor["exitCode"] = (command) =>
    isPlain(command)
      ? exitCodeOfRun(command, runForExit(loop, planOf(killGrace, command, command.stdin, true)))
      : Effect.scoped(
          Effect.flatMap(quietly(command), (pipeline) => {
            const { last } = pipeline
            return Effect.zipRight(
              last.drop("stderr"),
              typeof last.command.stdout === "string"
                ? Effect.zipRight(last.drop("stdout"), exitCodeOf(pipeline))
                : Effect.flatMap(Effect.forkScoped(Stream.runDrain(last.output("stdout"))), (drained) =>
                    drainedExit(pipeline, drained)
                  )
            )
          })
        )

  const bytesOf = (command: Command.Command): Effect.Effect<Uint8Array, PlatformError> =>
    isPlain(command)
      ? runForOutput(loop, planOf(killGrace, command, command.stdin, true))
      : Effect.map(Effect.scoped(Effect.flatMap(stdoutOf(command), Stream.runCollect)), (chunks) =>
          Buffer.concat(Chunk.toReadonlyArray(chunks))
        )

  const string: CommandExecutor.CommandExecutor["string"] = (command, encoding = "utf-8") =>
    Effect.suspend(() => {
      const decoder = new TextDecoder(encoding)
      return Effect.map(bytesOf(command), (bytes) => decoder.decode(bytes))
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
