/** Where the file descriptors of a command lead, from what its options say. */
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { WriteOptions } from "../../commands/commandPipes.js"

export type Bytes = Stream.Stream<Uint8Array, PlatformError.PlatformError>
export type Taker = Sink.Sink<Uint8Array, Uint8Array, never, PlatformError.PlatformError>

/** What goes in. */
export interface Input extends WriteOptions {
  readonly from: ChildProcess.CommandInput
}

/** The file descriptors beyond the first three, by their numbers. */
export type Extras = ReadonlyMap<number, ChildProcess.AdditionalFdConfig>

const isInputConfig = (
  input: ChildProcess.CommandInput | ChildProcess.StdinConfig
): input is ChildProcess.StdinConfig => typeof input === "object" && !Stream.isStream(input)

/** What a command's stdin is. */
export const inputOf = ({ stdin = "pipe" }: ChildProcess.CommandOptions): Input => {
  if (!isInputConfig(stdin)) return { from: stdin }
  const { encoding, endOnDone, stream } = stdin
  return { from: stream, encoding, endOnDone }
}

/** What a command's stdout or stderr is. */
export const outputOf = (
  options: ChildProcess.CommandOptions,
  name: "stdout" | "stderr"
): ChildProcess.CommandOutput => {
  const output = options[name] ?? "pipe"
  return typeof output === "string" || Sink.isSink(output) ? output : (output.stream ?? "pipe")
}

/** What a command has beyond the first three. What has no name like `fd3` is none. */
export const extrasOf = ({ additionalFds = {} }: ChildProcess.CommandOptions): Extras =>
  new Map(
    Object.entries(additionalFds).flatMap(([name, config]) => {
      const fd = ChildProcess.parseFdName(name)
      return fd === undefined ? [] : [[fd, config] as const]
    })
  )

/** What the loop's processes call it. */
export const redirect = (
  to: ChildProcess.CommandInput | ChildProcess.CommandOutput
): "pipe" | "inherit" | "devnull" => {
  if (to === "ignore") return "devnull"
  return to === "inherit" ? to : "pipe"
}
