/** The options of a layer whose commands are the loop's processes, and their check. */
import type { DurationInput } from "../../effect.js"
import { describeValue } from "../../Loop/kernel/describe.js"
import { grace } from "../../Loop/process/SubprocessOptions.js"

/**
 * How the commands of a layer end.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommandOptions {
  /**
   * How long a command and all that it has started have between SIGTERM and SIGKILL, when its Scope or the loop closes.
   * Default 2 seconds. On Effect 4 a command's own `forceKillAfter` comes first.
   */
  readonly killGrace?: DurationInput | undefined
}

/** Throws `TypeError` or `RangeError` for options that are none. */
export const checkCommandOptions = (what: string, options: unknown): CommandOptions => {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`the options of ${what} are an object, not ${describeValue(options)}`)
  for (const key of Object.keys(options)) {
    if (key !== "killGrace") throw new RangeError(`${what} has no option ${describeValue(key)}`)
  }
  const { killGrace } = options as CommandOptions
  grace(killGrace)
  return { killGrace }
}
