/** Debug mode: where handles, Futures and tasks were created. */

/** `Error` as V8 has it. */
const V8Error = Error as ErrorConstructor & { captureStackTrace?: (holder: object, above: unknown) => void }

const sites = new WeakMap<object, string>()

/**
 * Debug mode: remembers where `object` was created. `above` is the function whose caller counts as the creator.
 * The stack is kept beside the object, not in it, so that the normal mode pays nothing.
 */
export const rememberSite = (object: object, above: object): void => {
  const holder: { stack?: string } = {}
  V8Error.captureStackTrace?.(holder, above)
  if (holder.stack !== undefined) sites.set(object, holder.stack.split("\n").slice(1).join("\n"))
}

/** The creation stack, innermost frame first, if it was remembered. */
export const siteOf = (object: object): string | undefined => sites.get(object)

/** The creation point, ` created at file:line`, or nothing. */
export const createdAt = (object: object): string => {
  const frame = sites.get(object)?.split("\n")[0]
  if (frame === undefined) return ""
  const place = /\(?((?:file:\/\/)?[^()\s]+:\d+):\d+\)?$/.exec(frame)
  return ` created at ${(place?.[1] ?? frame.trim()).replace(/^file:\/\//, "")}`
}
