/** What a command is given: words and variables that may be secret. */
import type * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"

export type Word = string | Redacted.Redacted<string>

/** What the process gets. */
export const plain = (word: Word): string => (Redacted.isRedacted(word) ? Redacted.value(word) : word)

/** What may be shown. */
export const shown = (word: Word): string => (Redacted.isRedacted(word) ? "<redacted>" : word)

/** The environment of a command; `undefined` is the parent's. */
export const environment = ({
  env,
  extendEnv
}: ChildProcess.CommandOptions): Record<string, string | undefined> | undefined => {
  if (env === undefined) return undefined
  const variables = Object.entries(env).map(([name, value]) => [name, value && plain(value)] as const)
  return { ...(extendEnv === true ? process.env : {}), ...Object.fromEntries(variables) }
}

/** What is wrong with the words of a command, without the words. Nothing of what follows a NUL would reach the process. */
export const wrong = ({ args, command, options }: ChildProcess.StandardCommand): string | undefined => {
  if (options.shell !== undefined && options.shell !== false && args.length > 0)
    return "The shell option cannot be combined with arguments; pass the whole script as the command"
  if (command.includes("\0")) return "The command contains a NUL character"
  const at = args.findIndex((word) => plain(word).includes("\0"))
  if (at !== -1) return `Argument ${at + 1} contains a NUL character`
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (value !== undefined && plain(value).includes("\0"))
      return `The environment variable ${name} contains a NUL character`
  }
  return undefined
}
