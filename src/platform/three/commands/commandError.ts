/** The errors of commands as @effect/platform has them. */
import type * as Command from "@effect/platform/Command"
import { BadArgument, type PlatformError, SystemError } from "@effect/platform/Error"
import * as Option from "effect/Option"
import { failureOf, missingFolder } from "../../commands/failure.js"
import type { Fail } from "../../commands/RunningCommand.js"

/** Makes the errors of a command. */
export const commandError =
  ({ args, command, cwd }: Command.StandardCommand): Fail<PlatformError> =>
  (method, error) => {
    const missing = method === "spawn" ? missingFolder(Option.getOrUndefined(cwd)) : undefined
    if (missing !== undefined) {
      const failure = failureOf(missing)
      const at = {
        module: "FileSystem",
        method: "access",
        pathOrDescriptor: Option.getOrElse(cwd, () => "")
      } as const
      return new SystemError({ ...failure, ...at, cause: error })
    }
    if (error instanceof TypeError || error instanceof RangeError)
      return new BadArgument({ module: "Command", method, description: error.message, cause: error })
    const line = `${command} ${args.join(" ")}`
    return new SystemError({ ...failureOf(error), module: "Command", method, pathOrDescriptor: line })
  }
