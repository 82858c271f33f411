// @ts-check
/**
 * An error on its way to another thread. A structured clone keeps the name and message of the language's own classes and
 * loses the rest, or fails: so what is sent is a plain object, which `unpackError.ts` turns back. Plain JavaScript,
 * because worker threads load this file without a compiler. This folder is what `executor/` and `thread/` share, which
 * know nothing of each other.
 */

/**
 * A thrown value as plain data that can be cloned.
 *
 * @typedef {{ readonly kind: "value", readonly value: unknown }} PackedValue
 * @typedef {object} PackedObject
 * @property {"error"} kind
 * @property {string} builtin The language's own class it is an instance of, or `CancelledError`.
 * @property {string} name
 * @property {string} message
 * @property {string | undefined} stack
 * @property {PackedError | undefined} cause
 * @property {ReadonlyArray<PackedError> | undefined} errors Of an AggregateError.
 * @property {PackedError | undefined} reason Of a CancelledError.
 * @property {ReadonlyArray<readonly [name: string, value: PackedError]>} fields Its own other fields.
 * @typedef {PackedValue | PackedObject} PackedError
 */

/** Causes deeper than this are told as text: somebody made them by accident. */
const DEEPEST = 16

/** The most derived first. */
const builtins = [
  AggregateError,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError
].map((builtin) => /** @type {const} */ ([builtin.name, builtin]))

const apart = new Set(["name", "message", "stack", "cause", "errors", "reason"])

/** @type {(value: unknown) => string} */
const text = (value) => {
  try {
    return String(value)
  } catch {
    return "<unprintable>"
  }
}

/** Reading a thrown value may throw: it can be anything, also a proxy. @type {<A>(read: () => A) => A | undefined} */
const tried = (read) => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** @type {(error: Error) => boolean} */
const isCancelled = (error) =>
  tried(() => "_tag" in error && error._tag === "CancelledError" && error.name === "AbortError") === true

/** @type {(value: unknown) => PackedValue} */
const packValue = (value) => {
  try {
    return { kind: "value", value: structuredClone(value) }
  } catch {
    return { kind: "value", value: text(value) }
  }
}

/**
 * @param {unknown} thrown
 * @param {ReadonlyArray<unknown>} [inside] The errors around it: a cause may lead back to one of them.
 * @returns {PackedError}
 */
export const packError = (thrown, inside = []) => {
  if (tried(() => thrown instanceof Error) !== true) return packValue(thrown)
  const error = /** @type {Error} */ (thrown)
  if (inside.includes(error) || inside.length >= DEEPEST) return packValue(text(error))
  /** @type {(value: unknown) => PackedError} */
  const pack = (value) => packError(value, [...inside, error])
  /** @type {(name: string) => unknown} */
  const read = (name) => tried(() => Reflect.get(error, name))
  const cancelled = isCancelled(error)
  const errors = read("errors")
  const stack = read("stack")
  const names = (tried(() => Object.keys(error)) ?? []).filter((name) => !apart.has(name))
  // `code` of a DOMException is its class's; everybody looks at it.
  if (!names.includes("code") && read("code") !== undefined) names.push("code")
  return {
    kind: "error",
    builtin: cancelled
      ? "CancelledError"
      : (tried(() => builtins.find(([, builtin]) => error instanceof builtin))?.[0] ?? "Error"),
    name: text(read("name") ?? "Error"),
    message: text(read("message") ?? ""),
    stack: typeof stack === "string" ? stack : undefined,
    cause: tried(() => "cause" in error) === true ? pack(read("cause")) : undefined,
    errors:
      Array.isArray(errors) && tried(() => error instanceof AggregateError) ? errors.map(pack) : undefined,
    reason: cancelled ? pack(read("reason")) : undefined,
    fields: names.map((name) => /** @type {const} */ ([name, pack(read(name))]))
  }
}
