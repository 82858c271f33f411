/** How functions, values and errors read in texts for people. Nothing here throws, whatever it is given. */

/** How long one cell of a report, one name in it, may be. */
const LONGEST = 200

/** How many arguments of a call are shown. */
const MOST = 10

/** Escape sequences of terminals, what has begun as one and has no end, control characters, line and paragraph ends. */
const unprintable =
  // eslint-disable-next-line no-control-regex -- these are what is to be taken out
  /\u001b\[[0-?]*[ -/]*[@-~]?|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

/** The program's own text as a part of one line of a report: nothing a terminal obeys, no line ends, no megabytes. */
export const oneLine = (text: string, longest = LONGEST): string => {
  // What is cut off is never looked at.
  const clean = text.slice(0, longest * 4).replace(unprintable, " ")
  return clean.length <= longest && text.length <= longest * 4 ? clean : `${clean.slice(0, longest)}…`
}

/** How long a whole message may be: some hundred lines. */
const LONGEST_MESSAGE = 40_000

/** A message of several lines as it may be printed: no megabytes, and nothing but line ends and tabs that a terminal obeys. */
export const bounded = (message: string): string => {
  // A program's own report may have anything there.
  if (typeof message !== "string") return message
  const text =
    message.length <= LONGEST_MESSAGE
      ? message
      : `${message.slice(0, LONGEST_MESSAGE)}… (${message.length} characters)`
  return text.replace(unprintable, (found) => (/^[\n\t]+$/.test(found) ? found : " "))
}

/** The text form of a Future, a task or a handle. A program may have given its class a `toString` of its own, which throws. */
export const textOf = (thing: { toString(): string }): string => {
  try {
    return String(thing)
  } catch {
    return "<unprintable>"
  }
}

/** Options of this library that are functions. What is written in their place is called so by JavaScript, which says nothing. */
const slots = new Set(["try", "open", "close", "default", "anonymous"])

const sourceOf = (f: (...args: never) => unknown): string => Function.prototype.toString.call(f).slice(0, 400)

/** The name that a function has of its own; bound functions have the inner one's. */
export const ownName = (f: unknown): string | undefined => {
  if (typeof f !== "function") return undefined
  // A class may have a static `name` of any type, and a proxy may throw.
  let own: unknown
  try {
    own = f.name
  } catch {
    own = undefined
  }
  if (typeof own !== "string" || own === "") return undefined
  const name = oneLine(own.replace(/^(bound )+/, ""))
  if (name === "") return undefined
  if (!slots.has(name)) return name
  // A function that was declared by such a name, as those of node:fs were, has it for what it does.
  const declared = /^(?:async )?function\b[ *]*([\w$]+)|^function .*\[native code\]/.exec(
    sourceOf(f as () => unknown)
  )
  return declared === null || name === "anonymous" || name === "default" ? undefined : name
}

/** Of the anonymous function that was asked for last: a dump asks for those of thousands that were written in one place. */
let lastAnonymous = ""
let lastShown = ""

/** A function's name; anonymous ones show the start of their source. */
export const functionName = (f: unknown): string => {
  if (typeof f !== "function") return describeValue(f)
  const name = ownName(f)
  if (name !== undefined) return name
  const source = sourceOf(f as () => unknown)
  if (source !== lastAnonymous) {
    lastShown = `<anonymous ${spaced(source, 40)}>`
    lastAnonymous = source
  }
  return lastShown
}

/** What a function does first, from its source: what its arrow gives, or the first line of its block. */
const firstStep = (source: string): string => {
  const arrow = source.indexOf("=>")
  const isArrow = arrow !== -1 && !/^(?:async )?function\b/.test(source)
  const rest = (isArrow ? source.slice(arrow + 2) : source.slice(Math.max(0, source.indexOf("{")))).trim()
  if (!rest.startsWith("{")) return rest
  const block = rest
    .slice(1)
    .trimStart()
    .replace(/^(?:try \{\s*)+/, "")
  const end = block.indexOf("\n")
  const line = (end === -1 ? block.replace(/\}\s*$/, "") : block.slice(0, end)).trim()
  return (line.endsWith(";") ? line.slice(0, -1) : line).replace(/^return\b\s*/, "")
}

/** `text` on one line, no longer than `longest`. */
const spaced = (text: string, longest: number): string => {
  // What is cut off is not looked at, unless there is much white space in what is not.
  const start = text.slice(0, longest * 3).replace(/\s+/g, " ")
  const enough = start.length > longest || text.length <= longest * 3
  return oneLine(enough ? start : text.replace(/\s+/g, " "), longest)
}

/** Of the function that was asked for last: who cancels work is named each time, and the next one is often written in the same place. */
let lastSource = ""
let lastStep = ""

/** What work is called that nobody has named: by its function's name, or by what that does. */
export const workName = (f: unknown): string => {
  const name = ownName(f)
  if (name !== undefined || typeof f !== "function") return name ?? describeValue(f)
  const source = sourceOf(f as () => unknown)
  if (source !== lastSource) {
    lastStep = spaced(firstStep(source) || source, 60)
    lastSource = source
  }
  return lastStep
}

const short = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)

/** A value, short. */
export const describeValue = (u: unknown): string => {
  try {
    if (typeof u === "string") return JSON.stringify(u.length > 60 ? u.slice(0, 60) + "…" : u)
    if (typeof u === "function") return functionName(u)
    if (u instanceof Error) return `${oneLine(u.name)}(${JSON.stringify(short(u.message))})`
    if (typeof u === "object" && u !== null) {
      const name = (Object.getPrototypeOf(u) as { constructor?: { name?: string } } | null)?.constructor?.name
      return Array.isArray(u)
        ? `[${u.length} items]`
        : `<${typeof name === "string" ? oneLine(name) : "object"}>`
    }
    return oneLine(typeof u === "bigint" ? `${u}n` : String(u))
  } catch {
    return "<unprintable>"
  }
}

/** `name(arg, arg)`. */
export const describeCall = (f: unknown, args: ReadonlyArray<unknown>): string =>
  `${functionName(f)}(${args.slice(0, MOST).map(describeValue).join(", ")}${args.length > MOST ? ", …" : ""})`

/** A message and the first four causes below it, for one line of a report; circular causes end. */
export const errorText = (error: unknown): string => {
  try {
    if (!(error instanceof Error)) return describeValue(error)
    const seen = new Set<unknown>()
    let text = `${error.name}: ${error.message}`
    for (
      let cause = error.cause;
      cause instanceof Error && !seen.has(cause) && seen.size < 4;
      cause = cause.cause
    ) {
      seen.add(cause)
      text += ` (cause: ${cause.name}: ${cause.message})`
    }
    return text
  } catch {
    return "<unprintable>"
  }
}

/** Whether a function is declared as a coroutine: called as a callback, nobody would wait for it. */
export const isCoroutineFunction = (f: unknown): boolean =>
  /^\[object (Async|Generator|AsyncGenerator)Function\]$/.test(tagOf(f))

/** What `Object.prototype.toString` says; nothing where the value does not let itself be asked. */
export const tagOf = (u: unknown): string => {
  try {
    return Object.prototype.toString.call(u)
  } catch {
    return ""
  }
}

/** Whether a function can only be called with `new`: a class, of the program or of the engine. Its `prototype` is fixed. */
export const isClass = (f: unknown): boolean => {
  try {
    return (
      typeof f === "function" &&
      Object.getOwnPropertyDescriptor(f, "prototype")?.writable === false &&
      /^class\b|\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(f))
    )
  } catch {
    return false
  }
}
