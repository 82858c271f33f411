/** Starting a command on a loop, for both lines of the platform. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Home } from "../../Loop/ports.js"
import { spawnPlanned } from "../../Loop/process/spawnChild.js"
import { startScoped } from "../../Loop/process/ScopedChild.js"
import {
  commandText,
  spawnPlan,
  type SpawnPlan,
  type SubprocessOptions
} from "../../Loop/process/SubprocessOptions.js"
import { killOnError } from "./killing.js"
import { type Fail, RunningCommand } from "./RunningCommand.js"
import { shellWords } from "./shell.js"

/** A command that is to be started. */
export interface CommandPlan<E> {
  /** Whose process it is, for reports. */
  readonly what: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** The words, as they may be shown. */
  readonly shown: ReadonlyArray<string>
  /** The shell that runs the words, or none. */
  readonly shell: boolean | string
  readonly options: SubprocessOptions
  /** What the rest of its group gets at once where it exits with an error. Default: nothing, before it is ended. */
  readonly killsOnError?: NodeJS.Signals | undefined
  readonly fail: Fail<E>
}

const defaults = { stdin: "pipe", stdout: "pipe", stderr: "pipe", detached: true } as const

/** Throws `TypeError` and `RangeError` for what is wrong with it. */
export const checkedPlan = <E>({ args, command, options, shell, shown }: CommandPlan<E>): SpawnPlan => {
  const [program, words] =
    shell === false || shell === "" ? [command, args] : shellWords(shell, [command, ...args].join(" "))
  return spawnPlan(program, words, options, { ...defaults, command: commandText(shown) })
}

/** Starts it; its Scope ends it. Fails with what is wrong with it before anything is started. */
export const startCommand = <E>(
  loop: Home,
  plan: CommandPlan<E>
): Effect.Effect<RunningCommand<E>, E, Scope.Scope> =>
  Effect.suspend(() => {
    let spawn: SpawnPlan
    try {
      spawn = checkedPlan(plan)
    } catch (error) {
      return Effect.fail(plan.fail("spawn", error))
    }
    return Effect.mapBoth(
      startScoped(loop, () => spawnPlanned(loop, plan.what, spawn)),
      {
        onFailure: (error) => plan.fail("spawn", error),
        onSuccess: (started) => {
          // Whoever waits for it may have let it go: nobody else ends what it has started.
          if (plan.killsOnError !== undefined) killOnError(started.child, plan.killsOnError)
          return new RunningCommand(started, plan.fail)
        }
      }
    )
  })
