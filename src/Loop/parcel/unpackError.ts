/** An error that came from another thread, as an error again: what `packError.mjs` made of it there. */
import { CancelledError } from "../kernel/errors.js"
import type { PackedError } from "./packError.mjs"

type Packed = PackedError & { readonly kind: "error" }

/**
 * The language's own classes of errors. What is not listed arrives as an Error with the name that it had: its class is
 * in the other thread.
 */
const classes: Readonly<Record<string, new (message: string) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError
}

const made = ({ builtin, errors, message, reason }: Packed): Error => {
  if (builtin === "CancelledError") return new CancelledError(reason && unpackError(reason))
  if (builtin === "AggregateError") return new AggregateError((errors ?? []).map(unpackError), message)
  return new (classes[builtin] ?? Error)(message)
}

/**
 * The thrown value: an error with the name, message, stack, cause and own fields that it had in its thread, and of its
 * class if that is one of the language's own or CancelledError; other values as their clones. What could not be cloned is
 * there as text.
 */
export const unpackError = (packed: PackedError): unknown => {
  if (packed.kind === "value") return packed.value
  const error = made(packed)
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false })
  }
  if (error.name !== packed.name) define("name", packed.name)
  if (error.message !== packed.message) define("message", packed.message)
  if (packed.stack !== undefined) define("stack", packed.stack)
  if (packed.cause !== undefined) define("cause", unpackError(packed.cause))
  for (const [name, value] of packed.fields) {
    Object.defineProperty(error, name, {
      value: unpackError(value),
      writable: true,
      configurable: true,
      enumerable: true
    })
  }
  return error
}
