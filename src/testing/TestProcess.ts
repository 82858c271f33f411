/** A process for a main program in a test: it hears of what the test does to it, keeps what is written, and ends without an end. */
import { Console } from "node:console"
import { Writable } from "node:stream"
import * as Cause from "effect/Cause"
import type { Forks, LoopClock } from "../effect.js"
import type { MainProcess } from "../Loop/closing/MainProcess.js"
import type { StopSignal } from "../Loop/closing/StopSignals.js"
import type { TestSignals } from "./TestSignals.js"

const { setImmediate } = globalThis

/** Keeps what is written to it. */
const collecting = (write: (text: string) => void): Writable =>
  new Writable({
    decodeStrings: false,
    write: (text: unknown, _encoding, done) => {
      write(String(text))
      done()
    }
  })

const nothing = (): void => {}

/**
 * Legal states: running; ended, with a code, once. What comes after the end does nothing.
 */
export class TestProcess implements MainProcess {
  #output = ""
  #code: number | undefined
  #failed = false
  #stop: StopSignal | undefined
  /** What Effect's Console and loggers of the program write to. */
  readonly console: Console

  /** `ended` is called with the code when it ends. */
  constructor(
    readonly fork: Forks,
    private readonly clock: LoopClock,
    private readonly signals: TestSignals,
    private readonly ended: () => void
  ) {
    const output = collecting((text) => {
      this.#output += text
    })
    this.console = new Console({ stdout: output, stderr: output })
  }

  /** What was written to it, to either output. */
  get output(): string {
    return this.#output
  }

  /** From its end on. */
  get code(): number | undefined {
    return this.#code
  }

  /** The signal that has told it to stop. */
  get stoppedBy(): StopSignal | undefined {
    return this.#stop
  }

  take(): () => void {
    return nothing
  }

  /** The same signal counts once within 200 ms in a process, since a runner may pass it on; a test means what it delivers. */
  onStop(asked: (name: StopSignal) => void): () => void {
    const offs = (["SIGINT", "SIGTERM"] as const).map((name) =>
      this.signals.add(name, () => {
        this.#stop ??= name
        asked(name)
      })
    )
    return () => {
      for (const off of offs) off()
    }
  }

  /** Accidents of the process are the runner's. */
  onAccident(): () => void {
    return nothing
  }

  onBrokenOutput(): () => void {
    return nothing
  }

  onExit(): () => void {
    return nothing
  }

  after(ms: number, f: () => void): () => void {
    return this.clock.after(ms, f)
  }

  soon(f: () => void): void {
    setImmediate(f)
  }

  print(message: string, cause: Cause.Cause<unknown> | undefined): void {
    this.lastLine(cause === undefined ? message : `${message} ${Cause.pretty(cause)}`)
  }

  lastLine(text: string): void {
    this.#output += `${text}\n`
  }

  exit(code: number): void {
    if (this.#code !== undefined) return
    this.#code = this.#failed ? 1 : code
    this.ended()
  }

  leave(code: number): void {
    this.exit(code)
  }

  fail(): void {
    this.#failed = true
  }

  /** What keeps the test's own process is none of the program's business. */
  end(code: number): void {
    this.exit(code)
  }
}
