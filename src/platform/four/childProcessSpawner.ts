/** Effect 4: the ChildProcessSpawner whose processes are the loop's. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner, type ExitCode } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EventLoop } from "../../Loop/EventLoop.js"
import { Loop } from "../../Loop/Loop.js"
import { atMostASecond } from "../commands/atMostASecond.js"
import type { CommandOptions } from "../commands/CommandOptions.js"
import { runForExit, runForOutput } from "../commands/runToEnd.js"
import { exitCode as exitCodeOfRun, exitCodeOf, handleOf } from "./commands/handleOf.js"
import { checkedFirst, planOf } from "./commands/Part.js"
import { type Pipeline, startPipeline } from "./commands/Pipeline.js"

type Service = ChildProcessSpawner["Service"]

/** One command, which is given nothing, and has nothing but its stdout to give. */
const isPlain = (command: ChildProcess.Command): command is ChildProcess.StandardCommand => {
  if (command._tag !== "StandardCommand") return false
  const { additionalFds, stderr, stdin, stdout = "pipe" } = command.options
  const isText = (u: unknown): boolean => u === undefined || typeof u === "string"
  return isText(stdin) && stdout === "pipe" && isText(stderr) && additionalFds === undefined
}

/** What the platform's helpers of a command do. What they do not give is dropped, so that the command never waits for a reader. */
const make = (loop: EventLoop, { killGrace }: CommandOptions): Service => {
  const start = (command: ChildProcess.Command, quiet: boolean) =>
    startPipeline(loop, killGrace, command, quiet)

  const streamString: Service["streamString"] = (command, { includeStderr = false } = {}) =>
    Stream.unwrap(
      Effect.flatMap(start(command, !includeStderr), ({ last }) => {
        if (includeStderr) return Effect.succeed(Stream.decodeText(last.all))
        const stdout = last.output("stdout")
        if (last.hasSink("stderr"))
          return Effect.succeed(Stream.decodeText(Stream.merge(stdout, Stream.drain(last.output("stderr")))))
        return Effect.as(last.drop("stderr"), Stream.decodeText(stdout))
      })
    )

  const streamLines: Service["streamLines"] = (command, options) =>
    Stream.splitLines(streamString(command, options))

  const exitCode: Service["exitCode"] = (command) =>
    isPlain(command)
      ? exitCodeOfRun(
          command,
          checkedFirst(command, () => runForExit(loop, planOf(killGrace, command, true)))
        )
      : Effect.scoped(
          Effect.flatMap(start(command, true), (pipeline) => {
            const { last } = pipeline
            if (last.hasSink("stdout") || last.hasSink("stderr")) return drainedExit(pipeline)
            return Effect.andThen(last.drop("stdout"), exitCodeOf(pipeline))
          })
        )

  const string: Service["string"] = (command, options) =>
    isPlain(command) && options?.includeStderr !== true
      ? Effect.map(
          checkedFirst(command, () => runForOutput(loop, planOf(killGrace, command, true))),
          (bytes) => new TextDecoder().decode(bytes)
        )
      : Stream.mkString(streamString(command, options))

  return ChildProcessSpawner.of({
    spawn: (command) => Effect.map(start(command, false), handleOf),
    exitCode,
    streamString,
    streamLines,
    lines: (command, options) => Stream.runCollect(streamLines(command, options)),
    string
  })
}

/** Waits for the exit while the output is read into its Sinks; then they have a second for the rest. It fails as they do. */
const drainedExit = (pipeline: Pipeline): Effect.Effect<ExitCode, PlatformError, Scope.Scope> =>
  Effect.flatMap(Effect.forkScoped(Stream.runDrain(pipeline.last.all)), (draining) => {
    const drained = Fiber.join(draining)
    return Effect.flatMap(
      Effect.raceFirst(exitCodeOf(pipeline), Effect.andThen(drained, Effect.never)),
      (code) => Effect.as(atMostASecond(drained), code)
    )
  })

/** The Layer, for options that were checked. */
export const layer = (options: CommandOptions): Layer.Layer<ChildProcessSpawner, never, Loop> =>
  Layer.effect(
    ChildProcessSpawner,
    Effect.map(Loop, (loop) => make(loop, options))
  )
