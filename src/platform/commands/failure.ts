/** What the platform says of errors of commands: the fields of its `SystemError`, which both lines have. */
import { accessSync } from "node:fs"
import { SpawnError } from "../../Loop/errors.js"
import { LoopClosedError, QueueFullError } from "../../Loop/kernel/errors.js"

/** The platform's reasons, by the system's code. */
const reasons = {
  ENOENT: "NotFound",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied",
  EEXIST: "AlreadyExists",
  EISDIR: "BadResource",
  ENOTDIR: "BadResource",
  ELOOP: "BadResource",
  EBUSY: "Busy"
} as const

/** Why, in the platform's words. */
export type Reason = (typeof reasons)[keyof typeof reasons] | "Unknown"

/** What went wrong, as far as it does not depend on the command. */
export interface Failure {
  readonly reason: Reason
  readonly syscall: string | undefined
  /** What Node says, which the platform takes over. */
  readonly description: string
  /** What the library says. */
  readonly cause: unknown
}

const isReason = (code: string): code is keyof typeof reasons => Object.hasOwn(reasons, code)

const reasonOf = (error: unknown): Reason => {
  // Whoever asks a closed loop for a process holds what is of no use any more.
  if (error instanceof LoopClosedError) return "BadResource"
  if (error instanceof QueueFullError) return "Busy"
  const code = error instanceof Error && "code" in error ? error.code : undefined
  return typeof code === "string" && isReason(code) ? reasons[code] : "Unknown"
}

/** The fields for any error of the loop or of Node. */
export const failureOf = (error: unknown): Failure => {
  const system: unknown = error instanceof SpawnError ? (error.cause ?? error) : error
  return {
    reason: reasonOf(error),
    syscall:
      system instanceof Error && "syscall" in system && typeof system.syscall === "string"
        ? system.syscall
        : undefined,
    description: system instanceof Error ? system.message : String(system),
    cause: error
  }
}

/** What the system says of a working directory that is not there, of which the platform tells as of a file. */
export const missingFolder = (cwd: string | undefined): Error | undefined => {
  if (cwd === undefined) return undefined
  try {
    accessSync(cwd)
    return undefined
  } catch (error) {
    return error as Error
  }
}
