/** How functions, values and errors read in texts for people. */

/** A function's name; bound functions show the inner one, anonymous ones the start of their source. Never throws. */
export const functionName = (f: unknown): string => {
  if (typeof f !== "function") return describeValue(f)
  // A class may have a static `name` of any type, and a proxy may throw.
  let own: unknown
  try {
    own = f.name
  } catch {
    own = undefined
  }
  const name = typeof own === "string" ? own.replace(/^(bound )+/, "") : ""
  if (name !== "") return name
  const source = Function.prototype.toString.call(f).replace(/\s+/g, " ")
  return `<anonymous ${source.length > 40 ? source.slice(0, 40) + "…" : source}>`
}

/** A value, short and never throwing. */
export const describeValue = (u: unknown): string => {
  try {
    if (typeof u === "string") return JSON.stringify(u.length > 60 ? u.slice(0, 60) + "…" : u)
    if (typeof u === "function") return functionName(u)
    if (u instanceof Error) return `${u.name}(${JSON.stringify(u.message)})`
    if (typeof u === "object" && u !== null) {
      const name = (Object.getPrototypeOf(u) as { constructor?: { name?: string } } | null)?.constructor?.name
      return Array.isArray(u) ? `[${u.length} items]` : `<${name ?? "object"}>`
    }
    return typeof u === "bigint" ? `${u}n` : String(u)
  } catch {
    return "<unprintable>"
  }
}

/** `name(arg, arg)`. */
export const describeCall = (f: unknown, args: ReadonlyArray<unknown>): string =>
  `${functionName(f)}(${args.map(describeValue).join(", ")})`

/** A message and the first four causes below it, for one line of a report; circular causes end. Never throws. */
export const errorText = (error: unknown): string => {
  if (!(error instanceof Error)) return describeValue(error)
  try {
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
  /^\[object (Async|Generator|AsyncGenerator)Function\]$/.test(Object.prototype.toString.call(f))
