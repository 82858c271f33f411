/**
 * How a child process is asked for, and the check of that: whatever is wrong with it is thrown before anything is
 * started or opened. `spawnChild.ts` carries the plan out.
 */
import { Stream } from "node:stream"
import { fileURLToPath } from "node:url"
import { type DurationInput, toMillis } from "../../effect.js"
import { describeValue } from "../kernel/describe.js"
import { SignalError } from "../errors.js"
import { signalNumber } from "./processGroups.js"

/**
 * Where a file descriptor of a child leads: to a pipe whose other end is the parent's, to `/dev/null`, to the parent's
 * own descriptor of the same number, or to a file, socket or terminal that is open, else the start fails with EBADF. What
 * is given away so is shared with the child, and stays the caller's to close once the child has started. A
 * pipe is a pair of sockets, which cannot be opened by name (`/dev/stdin`): see the Gotchas of `subprocessExec`.
 *
 * @category models
 * @since 0.1.0
 */
export type Redirect = "pipe" | "devnull" | "inherit" | number | Stream | { readonly fd: number }

/**
 * How a child process is started. There is no shell, no text mode and no buffer size: data are bytes. Unknown options
 * are refused.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubprocessOptions {
  readonly stdin?: Redirect | undefined
  readonly stdout?: Redirect | undefined
  /** `"stdout"` leads to where `stdout` does; a pipe then has both, in the order in which they were written. */
  readonly stderr?: Redirect | "stdout" | undefined
  /** The child's working directory: a path or a `file:` URL. Default: the parent's. */
  readonly cwd?: string | URL | undefined
  /** The child's whole environment, without anything of the parent's. Default: the parent's. `undefined` is left out. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * The program that runs, where that is not the command: the command is then what it finds as its own name, `argv[0]`.
   */
  readonly executable?: string | URL | undefined
  /**
   * More file descriptors of the child, by their number there, from 3 on. A pipe of these can be read and written by
   * both.
   */
  readonly fds?: Readonly<Record<number, Redirect>> | undefined
  /**
   * Whether the child leads a session and process group of its own, which is ended with it. On Windows there is none.
   * Default: it does where a shell runs a command line, and in `Loop.subprocess`; a program of the Exec forms does not.
   */
  readonly detached?: boolean | undefined
  /** The user whom the child runs as. Default: the parent's. */
  readonly uid?: number | undefined
  /** The group that the child runs as. Default: the parent's. */
  readonly gid?: number | undefined
  /** How long the child has between `killSignal` and SIGKILL when it is closed. Default 2 seconds. */
  readonly killGrace?: DurationInput | undefined
  /** The signal, by name or number, that tells the child to end when it is closed. Default SIGTERM. */
  readonly killSignal?: NodeJS.Signals | number | undefined
}

/** The redirects where the options say nothing. */
export interface SubprocessDefaults {
  readonly stdin: Redirect
  readonly stdout: Redirect
  readonly stderr: Redirect | "stdout"
  readonly detached: boolean
  /** The command as errors and reports show it, where that is not its words: what it is given may be secret. */
  readonly command?: string | undefined
}

/** A child that is to be started, with everything checked. */
export interface SpawnPlan {
  readonly file: string
  readonly argv0: string
  readonly args: ReadonlyArray<string>
  /** The program and its arguments, shortened, for reports. */
  readonly command: string
  /** Whether `command` shows its words: else nothing else may. */
  readonly shown: boolean
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string>> | undefined
  readonly stdin: Redirect
  readonly stdout: Redirect
  readonly stderr: Redirect | "stdout"
  readonly fds: ReadonlyMap<number, Redirect>
  readonly detached: boolean
  readonly uid: number | undefined
  readonly gid: number | undefined
  /** In milliseconds. */
  readonly killGrace: number
  /** By its number. */
  readonly killSignal: number
}

const known = new Set([
  "stdin",
  "stdout",
  "stderr",
  "cwd",
  "env",
  "executable",
  "fds",
  "detached",
  "uid",
  "gid",
  "killGrace",
  "killSignal"
])

/** Options of other libraries' functions of the same purpose, and what to do instead. */
const remedies: Readonly<Record<string, string>> = {
  shell: `run a shell by its name: "sh", ["-c", command]`,
  encoding: "data are bytes: decode them where they are read",
  text: "data are bytes: decode them where they are read",
  universalNewlines: "data are bytes: decode them where they are read",
  errors: "data are bytes: decode them where they are read",
  bufsize: "pipes have no buffer of their own size",
  stdio: "use stdin, stdout, stderr and fds",
  argv0: "use executable, with the name as the command",
  timeout: "end it with its Scope, or terminate it",
  signal: "end it with its Scope, or cancel the task that started it"
}

/** The highest number of a file descriptor that a child can be given. */
const HIGHEST = 1023

/** The highest uid and gid that Node takes. */
const HIGHEST_ID = 2 ** 31 - 1

const text = (what: string, u: unknown): string => {
  if (typeof u !== "string") throw new TypeError(`${what} is a string, not ${describeValue(u)}`)
  if (u.includes("\0")) throw new TypeError(`${what} contains a NUL byte: ${describeValue(u)}`)
  return u
}

const path = (what: string, u: unknown): string => {
  if (u instanceof URL) {
    if (u.protocol !== "file:") throw new TypeError(`${what} is a path or a file: URL, not ${u.href}`)
    return text(what, fileURLToPath(u))
  }
  if (typeof u !== "string")
    throw new TypeError(`${what} is a string or a file: URL, not ${describeValue(u)}`)
  if (u === "") throw new RangeError(`${what} is empty`)
  return text(what, u)
}

const whole = (what: string, u: unknown): number | undefined => {
  if (u === undefined) return undefined
  if (typeof u !== "number") throw new TypeError(`${what} is a number, not ${describeValue(u)}`)
  if (!Number.isInteger(u) || u < 0 || u > HIGHEST_ID)
    throw new RangeError(`${what} is a whole number from 0 to ${HIGHEST_ID}, not ${u}`)
  return u
}

/** A stream or object in place of a file descriptor's number. */
const opened = (what: string, u: object): Redirect => {
  if ("fd" in u) {
    const { fd } = u
    if (typeof fd === "number" && fd >= 0) return fd
    throw new TypeError(
      `${what} is not open: wait until it is, or open it again (its fd is ${describeValue(fd)})`
    )
  }
  // A socket of Node: it has no `fd`, and is given to the child as it is.
  if (u instanceof Stream && "_handle" in u) {
    if (u._handle !== null && u._handle !== undefined) return u
    throw new TypeError(`${what} is a socket that is not connected, or closed`)
  }
  throw new TypeError(`${what} has no file descriptor: ${describeValue(u)}`)
}

const redirect = (what: string, u: unknown): Redirect => {
  if (u === "pipe" || u === "devnull" || u === "inherit") return u
  if (typeof u === "number") {
    if (!Number.isInteger(u) || u < 0) throw new RangeError(`${what} is a file descriptor, not ${u}`)
    return u
  }
  if (typeof u === "object" && u !== null) return opened(what, u)
  if (typeof u === "string") {
    throw new RangeError(
      `${what} is "pipe", "devnull", "inherit", or something that is open, not ${describeValue(u)}`
    )
  }
  throw new TypeError(
    `${what} is "pipe", "devnull", "inherit", or something that is open, not ${describeValue(u)}`
  )
}

const environment = (env: unknown): Record<string, string> | undefined => {
  if (env === undefined) return undefined
  if (typeof env !== "object" || env === null || Symbol.iterator in env)
    throw new TypeError(`env is an object of strings, not ${describeValue(env)}`)
  const checked: Record<string, string> = {}
  for (const [key, value] of Object.entries(env)) {
    if (value === undefined) continue
    if (key === "" || key.includes("="))
      throw new RangeError(`env: ${describeValue(key)} cannot be the name of a variable`)
    checked[text("a name in env", key)] = text(`env.${key}`, value)
  }
  return checked
}

const extra = (fds: unknown): ReadonlyMap<number, Redirect> => {
  const checked = new Map<number, Redirect>()
  if (fds === undefined) return checked
  if (typeof fds !== "object" || fds === null || Symbol.iterator in fds)
    throw new TypeError(`fds is an object by the child's numbers, not ${describeValue(fds)}`)
  for (const [key, to] of Object.entries(fds)) {
    const fd = Number(key)
    if (!Number.isInteger(fd) || fd < 3 || fd > HIGHEST) {
      throw new RangeError(
        `fds: ${describeValue(key)} is no number from 3 to ${HIGHEST}; 0, 1 and 2 are stdin, stdout and stderr`
      )
    }
    if (to !== undefined) checked.set(fd, redirect(`fds[${fd}]`, to))
  }
  return checked
}

/** Milliseconds of a `killGrace`. Throws `TypeError` and `RangeError`. */
export const grace = (input: unknown): number => {
  if (input === undefined) return 2_000
  const negative = typeof input === "string" ? input.trim().startsWith("-") : Number(input) < 0
  if (negative || Number.isNaN(input))
    throw new RangeError(`killGrace is a duration from 0 on, not ${describeValue(input)}`)
  try {
    return toMillis("killGrace", input as DurationInput)
  } catch {
    throw new TypeError(`killGrace takes milliseconds or a Duration, not ${describeValue(input)}`)
  }
}

/** The signal that ends it, which 0 cannot be. */
const ending = (input: unknown): number => {
  const what = 'killSignal is a name like "SIGTERM" or a number from 1 to 64, not'
  if (input === undefined) return signalNumber("SIGTERM")
  if (typeof input !== "string" && typeof input !== "number")
    throw new TypeError(`${what} ${describeValue(input)}`)
  try {
    const number = signalNumber(input)
    if (number > 0) return number
  } catch (error) {
    if (!(error instanceof SignalError)) throw error
  }
  throw new RangeError(`${what} ${describeValue(input)}`)
}

/** A command as a person would type it, shortened. */
export const commandText = (words: ReadonlyArray<string>): string => {
  let line = ""
  for (const word of words) {
    // Words of megabytes are looked at no further than they are shown.
    const shown = word.slice(0, 100)
    const quoted = shown === "" || /[^\w@%+=:,./-]/.test(shown) ? JSON.stringify(shown) : shown
    line += (line === "" ? "" : " ") + quoted
    if (line.length > 80) return `${line.slice(0, 79)}…`
  }
  return line
}

/** Checks all of it. Throws a `TypeError` or `RangeError` that names the argument or option; nothing is started then. */
export const spawnPlan = (
  program: unknown,
  args: unknown,
  options: unknown,
  defaults: SubprocessDefaults
): SpawnPlan => {
  const command = path("the program", program)
  if (!Array.isArray(args)) throw new TypeError(`the arguments are an array, not ${describeValue(args)}`)
  // Not `map`, which leaves holes out.
  const words = Array.from(args, (arg: unknown, i) =>
    arg instanceof URL ? path(`argument ${i}`, arg) : text(`argument ${i}`, arg)
  )
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`the options of a subprocess are an object, not ${describeValue(options)}`)
  for (const key of Object.keys(options)) {
    if (known.has(key)) continue
    const remedy = remedies[key]
    throw new RangeError(
      `a subprocess has no option ${describeValue(key)}` + (remedy === undefined ? "" : `: ${remedy}`)
    )
  }
  const given = options as SubprocessOptions
  const { detached = defaults.detached } = given
  if (typeof detached !== "boolean")
    throw new TypeError(`detached is a boolean, not ${describeValue(detached)}`)
  const { stderr = defaults.stderr, stdin = defaults.stdin, stdout = defaults.stdout } = given
  return {
    file: given.executable === undefined ? command : path("executable", given.executable),
    argv0: command,
    args: words,
    command: defaults.command ?? commandText([command, ...words]),
    shown: defaults.command === undefined,
    cwd: given.cwd === undefined ? undefined : path("cwd", given.cwd),
    env: environment(given.env),
    stdin: redirect("stdin", stdin),
    stdout: redirect("stdout", stdout),
    stderr: stderr === "stdout" ? stderr : redirect("stderr", stderr),
    fds: extra(given.fds),
    detached,
    uid: whole("uid", given.uid),
    gid: whole("gid", given.gid),
    killGrace: grace(given.killGrace),
    killSignal: ending(given.killSignal)
  }
}
