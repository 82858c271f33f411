/** Things to wait for. */

/** One turn of Node's own loop. */
export const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Never resolves; rejects when the signal aborts. */
export const abortable = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true })
  })

/** Runs `one` n times, one after the other; the time of each in milliseconds. */
export const oneByOne = async (n: number, one: (i: number) => Promise<void>): Promise<Float64Array> => {
  const latencies = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    const start = performance.now()
    await one(i)
    latencies[i] = performance.now() - start
  }
  return latencies
}
