/** One command of a pipeline, which runs: its descriptors, and who reads and writes them. */
import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { DurationInput } from "../../../effect.js"
import type { EventLoop } from "../../../Loop/EventLoop.js"
import type { RunningCommand } from "../../commands/RunningCommand.js"
import { type CommandPlan, startCommand } from "../../commands/startCommand.js"
import { badArgument, commandError } from "./commandError.js"
import {
  type Bytes,
  type Extras,
  extrasOf,
  type Input,
  inputOf,
  outputOf,
  redirect,
  type Taker
} from "./redirects.js"
import { environment, plain, shown, wrong } from "./words.js"

const numbers = { stdout: 1, stderr: 2 } as const

/** What a Sink makes of it. */
const taken = (bytes: Bytes, sink: Taker | undefined): Bytes =>
  sink === undefined ? bytes : Stream.transduce(bytes, sink)

export class Part {
  constructor(
    readonly command: ChildProcess.StandardCommand,
    readonly running: RunningCommand<PlatformError>,
    readonly input: Input,
    readonly extras: Extras
  ) {}

  get stdin(): Sink.Sink<void, Uint8Array, never, PlatformError> {
    return this.running.write(0, "fromWritable(stdin)", this.input)
  }

  /** What it writes, or what the Sink of the command makes of that. */
  output(name: "stdout" | "stderr"): Bytes {
    const to = outputOf(this.command.options, name)
    return taken(this.running.read(numbers[name], `fromReadable(${name})`), Sink.isSink(to) ? to : undefined)
  }

  /** Both, as they come. */
  get all(): Bytes {
    return Stream.merge(this.output("stdout"), this.output("stderr"))
  }

  inputFd(fd: number): Sink.Sink<void, Uint8Array, never, PlatformError> {
    const config = this.extras.get(fd)
    return config === undefined || config.type === "output"
      ? Sink.drain
      : this.running.write(fd, `fromWritable(fd${fd})`)
  }

  outputFd(fd: number): Bytes {
    const config = this.extras.get(fd)
    if (config === undefined || config.type === "input") return Stream.empty
    return taken(this.running.read(fd, `fromReadable(fd${fd})`), config.sink)
  }

  /** What leads to a Sink of the command. */
  hasSink(name: "stdout" | "stderr"): boolean {
    return Sink.isSink(outputOf(this.command.options, name))
  }

  /** Nobody reads it: it goes to the command's Sink, or nowhere. */
  drop(name: "stdout" | "stderr"): Effect.Effect<void, never, Scope.Scope> {
    return this.hasSink(name)
      ? Effect.asVoid(
          Effect.forkScoped(Effect.interruptible(Effect.ignore(Stream.runDrain(this.output(name)))))
        )
      : Effect.sync(() => this.running.drop(numbers[name]))
  }

  /** Nobody but the next command of a pipeline reads it, and that only `from` here. */
  dropAllBut(from: ChildProcess.PipeFromOption): Effect.Effect<void, never, Scope.Scope> {
    const unread = (["stdout", "stderr"] as const).filter((name) => from !== name && from !== "all")
    const others = [...this.extras.keys()].filter((fd) => from !== `fd${fd}`)
    return Effect.andThen(
      Effect.forEach(unread, (name) => this.drop(name)),
      Effect.sync(() => others.forEach((fd) => this.running.drop(fd)))
    )
  }
}

/** Writes what the options of the command say. */
const feedAll = ({ extras, input, running }: Part): Effect.Effect<void, never, Scope.Scope> => {
  const feeds = [...extras].flatMap(([fd, config]) => {
    if (config.type === "output") return []
    if (config.type === "input") running.drop(fd)
    else running.keepHalfOpen(fd)
    return config.stream === undefined ? [] : [running.feed(fd, config.stream)]
  })
  if (typeof input.from !== "string") feeds.push(running.feed(0, input.from, input))
  return Effect.all(feeds, { discard: true })
}

/**
 * How a command runs. Where it is `quiet`, nobody but a Sink of its own reads its stderr: without one, it has no pipe there.
 */
export const planOf = (
  killGrace: DurationInput | undefined,
  command: ChildProcess.StandardCommand,
  quiet: boolean
): CommandPlan<PlatformError> => {
  const { args, options } = command
  const { cwd, detached, forceKillAfter, killSignal = "SIGTERM", shell = false } = options
  const stderr = outputOf(options, "stderr")
  const noPipe = quiet && typeof stderr === "string" && stderr !== "inherit"
  return {
    what: "LoopChildProcessSpawner",
    command: command.command,
    args: args.map(plain),
    shown: [command.command, ...args.map(shown)],
    shell,
    fail: commandError(command),
    killsOnError: detached === false ? undefined : killSignal,
    options: {
      stdin: redirect(inputOf(options).from),
      stdout: redirect(outputOf(options, "stdout")),
      stderr: noPipe ? "devnull" : redirect(stderr),
      fds: Object.fromEntries([...extrasOf(options).keys()].map((fd) => [fd, "pipe" as const])),
      env: environment(options),
      cwd,
      detached,
      killSignal,
      killGrace: forceKillAfter ?? killGrace
    }
  }
}

/** `use` of a command, or what is wrong with its words. */
export const checkedFirst = <A, R>(
  command: ChildProcess.StandardCommand,
  use: () => Effect.Effect<A, PlatformError, R>
): Effect.Effect<A, PlatformError, R> =>
  Effect.suspend(() => {
    const problem = wrong(command)
    return problem === undefined ? use() : Effect.fail(badArgument("spawn", problem))
  })

/** Starts it; see `planOf`. */
export const startPart = (
  loop: EventLoop,
  killGrace: DurationInput | undefined,
  command: ChildProcess.StandardCommand,
  quiet: boolean
): Effect.Effect<Part, PlatformError, Scope.Scope> =>
  checkedFirst(command, () =>
    Effect.flatMap(startCommand(loop, planOf(killGrace, command, quiet)), (running) => {
      const part = new Part(command, running, inputOf(command.options), extrasOf(command.options))
      return Effect.as(feedAll(part), part)
    })
  )
