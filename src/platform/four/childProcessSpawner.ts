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
import { exitCodeOf, handleOf } from "./commands/handleOf.js"
import { type Pipeline, startPipeline } from "./commands/Pipeline.js"

type Service = ChildProcessSpawner["Service"]

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
          return Effect.succeed(Stream.decodeText(Stream.drainFork(stdout, last.output("stderr"))))
        return Effect.as(last.drop("stderr"), Stream.decodeText(stdout))
      })
    )

  const streamLines: Service["streamLines"] = (command, options) =>
    Stream.splitLines(streamString(command, options))

  const exitCode: Service["exitCode"] = (command) =>
    Effect.scoped(
      Effect.flatMap(start(command, true), (pipeline) => {
        const { last } = pipeline
        if (last.hasSink("stdout") || last.hasSink("stderr")) return drainedExit(pipeline)
        return Effect.andThen(Effect.all([last.drop("stdout"), last.drop("stderr")]), exitCodeOf(pipeline))
      })
    )

  return ChildProcessSpawner.of({
    spawn: (command) => Effect.map(start(command, false), handleOf),
    exitCode,
    streamString,
    streamLines,
    lines: (command, options) => Stream.runCollect(streamLines(command, options)),
    string: (command, options) => Stream.mkString(streamString(command, options))
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
