// A library that knows promises only: a client with a connection, as the SDK of some service is.
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason as Error)), {
      once: true
    })
  })

export class RatingsClient {
  #open = true
  #asked = 0

  /** How many stars something has, from 1 to 5. */
  async stars(id: number, signal: AbortSignal): Promise<number> {
    if (!this.#open) throw new Error("the client is closed")
    this.#asked++
    await pause(5, signal)
    return (id % 5) + 1
  }

  async close(): Promise<void> {
    this.#open = false
    await Promise.resolve()
    console.log(`ratings closed after ${this.#asked} questions`)
  }
}
