/** Starting a child process with streams: asyncio's `create_subprocess_exec` and `create_subprocess_shell`. */
import { describeValue } from "../kernel/describe.js"
import type { Future } from "../kernel/Future.js"
import { Process } from "./Process.js"
import { ProcessStreams } from "./ProcessStreams.js"
import { type Command, startFor } from "./startSubprocess.js"
import { checkLimit, defaultLimit, type StreamReader } from "../stream/StreamReader.js"
import type { StreamWriter } from "../stream/StreamWriter.js"
import type { SubprocessTransport } from "./SubprocessTransport.js"
import type { SubprocessOptions } from "./SubprocessOptions.js"
import type { Home } from "../ports.js"

/**
 * How a child process with streams is started.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessOptions extends SubprocessOptions {
  /** How many bytes its streams let wait, and how long a line may be. Default 65536. */
  readonly limit?: number | undefined
}

/** `S` where the option `K` of `O` is a pipe, `null` where it is not, both where that is not known. */
type IfPipe<O, K extends string, S> = K extends keyof O
  ? "pipe" extends O[K]
    ? O[K] extends "pipe"
      ? S
      : S | null
    : null
  : null

/**
 * The process that options of type `O` give.
 *
 * @category models
 * @since 0.1.0
 */
export type ProcessOf<O> = Process<
  IfPipe<O, "stdin", StreamWriter>,
  IfPipe<O, "stdout", StreamReader>,
  IfPipe<O, "stderr", StreamReader>
>

/** Options, without those that do not exist, which an inferred type would let in. */
export type Known<O> = O & { readonly [K in Exclude<keyof O, keyof ProcessOptions>]: never }

/** Where the options of `createSubprocessExec` and `createSubprocessShell` say nothing. */
const inherited = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const

/** What `createSubprocessExec` and `createSubprocessShell` do. */
export const createSubprocess = <O extends ProcessOptions>(
  loop: Home,
  what: string,
  command: Command,
  options: ProcessOptions = {}
): Future<ProcessOf<O>> => {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`the options of ${what} are an object, not ${describeValue(options)}`)
  const { limit = defaultLimit, ...rest } = options
  const streams = new ProcessStreams(loop, checkLimit(what, limit))
  const make = (transport: SubprocessTransport): ProcessOf<O> => new Process(loop, transport, streams)
  return startFor(loop, what, streams, command, rest, inherited, make)
}
