// @ts-check
/**
 * Closing what was moved to a job that never ran: nobody else has it any more. Plain JavaScript, because worker threads
 * load this file without a compiler.
 */

/** How a readable stream, a writable one, and a FileHandle or MessagePort are closed without waiting for anything. */
const methods = ["cancel", "abort", "close"]

/** @type {(one: object) => void} */
const closeOne = (one) => {
  // What is open of a transform are its two sides.
  if ("readable" in one && "writable" in one) return closeMoved([one.writable, one.readable])
  for (const name of methods) {
    const method = /** @type {Readonly<Record<string, unknown>>} */ (one)[name]
    if (typeof method !== "function") continue
    // What has moved on refuses, or does nothing: it is somebody else's.
    Promise.resolve(method.call(one)).catch(() => {})
    return
  }
}

/**
 * Closes all of it, and does not wait. What holds nothing (an ArrayBuffer) is left alone.
 *
 * @type {(moved: ReadonlyArray<unknown>) => void}
 */
export const closeMoved = (moved) => {
  for (const one of moved) {
    try {
      if (typeof one === "object" && one !== null) closeOne(one)
    } catch {
      // It is closed already, or has moved on.
    }
  }
}
