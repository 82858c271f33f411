/**
 * The two signals that tell a program to stop, each counted as somebody meant it: a runner that passes a signal on which
 * the terminal has delivered as well (`tsx main.ts` and Ctrl-C) sends it twice, within milliseconds.
 */

/** Within so many milliseconds the same signal is the same request. */
const SAME = 200

export type StopSignal = "SIGINT" | "SIGTERM"

/** The exit code that says which one it was. */
export const codes: Record<StopSignal, number> = { SIGINT: 130, SIGTERM: 143 }

const names: ReadonlyArray<StopSignal> = ["SIGINT", "SIGTERM"]

export class StopSignals {
  #last: StopSignal | undefined
  #until = 0

  /** Calls `asked` for each request, from now on. */
  constructor(private readonly asked: (name: StopSignal) => void) {
    for (const name of names) process.on(name, this.#listener)
  }

  close(): void {
    for (const name of names) process.off(name, this.#listener)
  }

  readonly #listener = (signal: NodeJS.Signals): void => {
    const name = signal as StopSignal
    if (name === this.#last && performance.now() < this.#until) return
    this.#last = name
    // What has arrived while the first one is being served is delivered in the next turns: the time counts from there.
    this.#until = Infinity
    setImmediate(() => setImmediate(() => (this.#until = performance.now() + SAME)))
    this.asked(name)
  }
}
