/** One command of a pipeline, which runs: what of its output is read, and by whom. */
import type * as Command from "@effect/platform/Command"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { DurationInput } from "../../../effect.js"
import type { EventLoop } from "../../../Loop/EventLoop.js"
import type { RunningCommand } from "../../commands/RunningCommand.js"
import { type CommandPlan, startCommand } from "../../commands/startCommand.js"
import { commandError } from "./commandError.js"

export type Bytes = Stream.Stream<Uint8Array, PlatformError>

const redirect = (to: Command.Command.Input | Command.Command.Output): "inherit" | "pipe" =>
  to === "inherit" ? to : "pipe"

const numbers = { stdout: 1, stderr: 2 } as const

export class Part {
  constructor(
    readonly command: Command.StandardCommand,
    readonly running: RunningCommand<PlatformError>
  ) {}

  /** What it writes, or what the Sink of the command makes of that. */
  output(name: "stdout" | "stderr"): Bytes {
    const to = this.command[name]
    const bytes = this.running.read(numbers[name], `fromReadable(${name})`)
    return typeof to === "string" ? bytes : Stream.transduce(bytes, to)
  }

  /** Nobody reads it: it goes to the command's Sink, or nowhere. */
  drop(name: "stdout" | "stderr"): Effect.Effect<void, never, Scope.Scope> {
    return typeof this.command[name] === "string"
      ? Effect.sync(() => this.running.drop(numbers[name]))
      : Effect.asVoid(
          Effect.forkScoped(Effect.interruptible(Effect.ignore(Stream.runDrain(this.output(name)))))
        )
  }
}

/** The environment of a command; `undefined` is this process's own. */
const environment = ({
  env,
  extendEnv
}: Command.StandardCommand): Record<string, string | undefined> | undefined =>
  extendEnv && HashMap.isEmpty(env)
    ? undefined
    : { ...(extendEnv ? process.env : {}), ...Object.fromEntries(HashMap.entries(env)) }

/**
 * How a command runs that reads `input`. Where it is `quiet`, nobody but a Sink of its own reads its stderr: without one, it has no
 * pipe there.
 */
export const planOf = (
  killGrace: DurationInput | undefined,
  command: Command.StandardCommand,
  input: Command.Command.Input,
  quiet: boolean
): CommandPlan<PlatformError> => {
  const { args, cwd, gid, shell, stderr, stdout, uid } = command
  return {
    what: "LoopCommandExecutor",
    command: command.command,
    args,
    shown: [command.command, ...args],
    shell,
    fail: commandError(command),
    options: {
      stdin: redirect(input),
      stdout: redirect(stdout),
      stderr: quiet && stderr === "pipe" ? "devnull" : redirect(stderr),
      env: environment(command),
      cwd: Option.getOrUndefined(cwd),
      uid: Option.getOrUndefined(uid),
      gid: Option.getOrUndefined(gid),
      killGrace
    }
  }
}

/** Starts it; see `planOf`. */
export const startPart = (
  loop: EventLoop,
  killGrace: DurationInput | undefined,
  command: Command.StandardCommand,
  input: Command.Command.Input,
  quiet: boolean
): Effect.Effect<Part, PlatformError, Scope.Scope> =>
  Effect.suspend(() =>
    Effect.flatMap(startCommand(loop, planOf(killGrace, command, input, quiet)), (running) =>
      Effect.as(typeof input === "string" ? Effect.void : running.feed(0, input), new Part(command, running))
    )
  )
