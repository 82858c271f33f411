/** The errors of commands as `effect/process` has them. */
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as Processes from "effect/process"
import { failureOf, missingFolder } from "../../commands/failure.js"
import type { Fail } from "../../commands/RunningCommand.js"
import { shown, type Word } from "./words.js"

/** As people write it. Effect 4.0.6 has no CommandLine yet. */
const lineOf = (words: ReadonlyArray<Word>): string => {
  const { CommandLine } = Processes as Partial<typeof Processes>
  return CommandLine === undefined
    ? words.map(shown).join(" ")
    : CommandLine.display(words, { format: process.platform === "win32" ? "windows" : "posix" })
}

/** What a command is given cannot be given to any. */
export const badArgument = (
  method: string,
  description: string,
  cause?: unknown
): PlatformError.PlatformError =>
  PlatformError.badArgument({ module: "ChildProcess", method, description, cause })

/** Makes the errors of a command. */
export const commandError =
  ({ args, command, options: { cwd } }: ChildProcess.StandardCommand): Fail<PlatformError.PlatformError> =>
  (method, error) => {
    const missing = method === "spawn" ? missingFolder(cwd) : undefined
    if (missing !== undefined) {
      const { reason, syscall } = failureOf(missing)
      return PlatformError.systemError({
        _tag: reason,
        module: "FileSystem",
        method: "access",
        pathOrDescriptor: cwd,
        syscall,
        cause: error
      })
    }
    if (error instanceof TypeError || error instanceof RangeError)
      return badArgument(method, error.message, error)
    const { description, reason, syscall } = failureOf(error)
    return PlatformError.systemError({
      _tag: reason,
      module: "ChildProcess",
      method,
      pathOrDescriptor: lineOf([command, ...args]),
      syscall,
      description,
      cause: error
    })
  }
