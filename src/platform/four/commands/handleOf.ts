/** The platform's view of a command that runs. */
import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import { type ChildProcessHandle, ExitCode, makeHandle, ProcessId } from "effect/process/ChildProcessSpawner"
import { grace } from "../../../Loop/process/SubprocessOptions.js"
import { signalName } from "../../../Loop/process/processGroups.js"
import { badArgument, commandError } from "./commandError.js"
import type { Part } from "./Part.js"
import type { Pipeline } from "./Pipeline.js"

/** The exit code for the return code of a command; a signal that has ended it is a failure. */
export const exitCode = (
  command: ChildProcess.StandardCommand,
  returncode: Effect.Effect<number, PlatformError>
): Effect.Effect<ExitCode, PlatformError> =>
  Effect.flatMap(returncode, (code) => {
    if (code >= 0) return Effect.succeed(ExitCode(code))
    const message = `Process interrupted due to receipt of signal: '${signalName(-code)}'`
    return Effect.fail(commandError(command)("exitCode", new Error(message)))
  })

/** That of the last command. */
export const exitCodeOf = ({
  last: { command, running }
}: Pipeline): Effect.Effect<ExitCode, PlatformError> => exitCode(command, running.exitCode)

const kill = (
  { running }: Part,
  { forceKillAfter, killSignal = "SIGTERM" }: ChildProcess.KillOptions
): Effect.Effect<void, PlatformError> =>
  Effect.suspend(() => {
    let insistAfter: number | undefined
    try {
      insistAfter = forceKillAfter === undefined ? undefined : grace(forceKillAfter)
    } catch (error) {
      return Effect.fail(badArgument("kill", String(error), error))
    }
    return running.kill(killSignal, insistAfter)
  })

/** The handle of a pipeline: its input is the first command's, the rest the last one's; what ends it or lets it go, does so with all. */
export const handleOf = (pipeline: Pipeline): ChildProcessHandle => {
  const { last, parts } = pipeline
  const [first] = parts
  const all = parts.map(({ running }) => running)
  return makeHandle({
    pid: ProcessId(last.running.pid),
    exitCode: exitCodeOf(pipeline),
    isRunning: last.running.isRunning,
    kill: (options = {}) =>
      parts.length === 1
        ? kill(last, options)
        : Effect.forEach(parts, (part) => Effect.ignore(kill(part, options)), {
            concurrency: "unbounded",
            discard: true
          }),
    stdin: first.stdin,
    stdout: last.output("stdout"),
    stderr: last.output("stderr"),
    all: last.all,
    getInputFd: (fd) => last.inputFd(fd),
    getOutputFd: (fd) => last.outputFd(fd),
    unref: Effect.sync(() => {
      for (const running of all) running.unref()
      return Effect.sync(() => {
        for (const running of all) running.ref()
      })
    })
  })
}
