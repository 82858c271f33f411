/** What `node:timers/promises` has, on timers of a loop. What Node refuses, Node itself is given, and says so in its own words. */

/** The options of each of them, once `isRefused` has looked. */
interface Options {
  readonly signal?: AbortSignal
  readonly ref?: boolean
}

/** A timer, as these use it. */
interface Timer {
  unref(): unknown
  close(): unknown
}

/** Starts a timer for the code that calls now. */
export type Start = (f: () => void, delay: unknown, repeats: boolean) => Timer

/** Node's own `setTimeout`. */
export type Promised = (
  delay: number,
  value: undefined,
  options: { readonly signal: AbortSignal }
) => Promise<undefined>

/** Whether Node fails at once: for what is no argument, and for a signal that has aborted. */
export const isRefused = (delay: unknown, options: unknown): boolean => {
  if (delay !== undefined && typeof delay !== "number") return true
  if (options === undefined) return false
  if (typeof options !== "object" || options === null || Array.isArray(options)) return true
  const { ref, signal } = options as { readonly ref?: unknown; readonly signal?: unknown }
  if (ref !== undefined && typeof ref !== "boolean") return true
  return signal !== undefined && (!(signal instanceof AbortSignal) || signal.aborted)
}

/** The error of Node's for a signal that has aborted. */
const aborted = (real: Promised, signal: AbortSignal): Promise<undefined> => real(0, undefined, { signal })

export const followedTimeout = (
  start: Start,
  real: Promised,
  delay: unknown,
  value: unknown,
  options: unknown
): Promise<unknown> =>
  new Promise((resolve) => {
    const { ref, signal } = (options ?? {}) as Options
    const timer = start(
      () => {
        signal?.removeEventListener("abort", onAbort)
        resolve(value)
      },
      delay,
      false
    )
    const onAbort = (): void => {
      timer.close()
      if (signal !== undefined) resolve(aborted(real, signal))
    }
    if (ref === false) timer.unref()
    signal?.addEventListener("abort", onAbort, { once: true })
  })

/** Begins when it is first asked. Ticks that nobody has taken yet are kept. */
export async function* followedInterval(
  start: Start,
  real: Promised,
  delay: unknown,
  value: unknown,
  options: unknown
): AsyncGenerator<unknown, void> {
  const { ref, signal } = (options ?? {}) as Options
  if (signal?.aborted === true) await aborted(real, signal)
  let ticks = 0
  let wake: () => void = () => {}
  const timer = start(
    () => {
      ticks++
      wake()
    },
    delay,
    true
  )
  const onAbort = (): void => {
    timer.close()
    wake()
  }
  if (ref === false) timer.unref()
  signal?.addEventListener("abort", onAbort, { once: true })
  try {
    for (;;) {
      if (signal?.aborted === true) await aborted(real, signal)
      if (ticks === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      } else {
        ticks--
        yield value
      }
    }
  } finally {
    timer.close()
    signal?.removeEventListener("abort", onAbort)
  }
}
