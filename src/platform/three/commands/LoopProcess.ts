/** The platform's view of a command that runs. */
import type * as Command from "@effect/platform/Command"
import * as CommandExecutor from "@effect/platform/CommandExecutor"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import type * as Sink from "effect/Sink"
import { signalName } from "../../../Loop/process/processGroups.js"
import { commandError } from "./commandError.js"
import type { Bytes } from "./Part.js"
import type { Pipeline } from "./Pipeline.js"

export class LoopProcess extends Inspectable.Class implements CommandExecutor.Process {
  readonly [CommandExecutor.ProcessTypeId]: CommandExecutor.ProcessTypeId = CommandExecutor.ProcessTypeId
  readonly pid: CommandExecutor.ProcessId
  readonly exitCode: Effect.Effect<CommandExecutor.ExitCode, PlatformError>
  readonly isRunning: Effect.Effect<boolean, PlatformError>
  readonly stdin: Sink.Sink<void, Uint8Array, never, PlatformError>
  readonly stdout: Bytes
  readonly stderr: Bytes
  readonly #pipeline: Pipeline

  constructor(pipeline: Pipeline) {
    super()
    const {
      last,
      parts: [first]
    } = pipeline
    this.#pipeline = pipeline
    this.pid = CommandExecutor.ProcessId(last.running.pid)
    this.isRunning = last.running.isRunning
    this.exitCode = exitCodeOf(pipeline)
    this.stdin = first.running.write(0, "toWritable")
    this.stdout = last.output("stdout")
    this.stderr = last.output("stderr")
  }

  readonly kill = (signal: CommandExecutor.Signal = "SIGTERM"): Effect.Effect<void, PlatformError> => {
    const { last, parts } = this.#pipeline
    const others = parts
      .filter((part) => part !== last)
      .map(({ running }) => Effect.ignore(running.kill(signal)))
    return Effect.zipRight(
      Effect.all([last.running.kill(signal), ...others], { concurrency: "unbounded", discard: true }),
      Effect.void
    )
  }

  override toJSON(): unknown {
    return { _id: "@effect/platform/CommandExecutor/Process", pid: this.pid }
  }
}

/** The exit code for the return code of a command; a signal that has ended it is a failure. */
export const exitCode = (
  command: Command.StandardCommand,
  returncode: Effect.Effect<number, PlatformError>
): Effect.Effect<CommandExecutor.ExitCode, PlatformError> =>
  Effect.flatMap(returncode, (code) => {
    if (code >= 0) return Effect.succeed(CommandExecutor.ExitCode(code))
    const message = `Process interrupted due to receipt of signal: ${signalName(-code)}`
    return Effect.fail(commandError(command)("exitCode", new Error(message)))
  })

/** That of the last command. */
export const exitCodeOf = ({
  last: { command, running }
}: Pipeline): Effect.Effect<CommandExecutor.ExitCode, PlatformError> => exitCode(command, running.exitCode)
