/** A child process that the helper has started, as `Child` sees one: what Node's ChildProcess is of those that it has started. */
import { EventEmitter } from "node:events"

/** What `Child` takes of a process that has been started. */
export interface StartedProcess {
  readonly pid: number
  stdin: unknown
  once(event: "exit", f: (code: number | null, signal: NodeJS.Signals | null) => void): unknown
  ref(): void
  unref(): void
}

/** Legal states: running, and keeping this process or not; exited. */
export class HelpedChild
  extends EventEmitter<{ exit: [code: number | null, signal: NodeJS.Signals | null] }>
  implements StartedProcess
{
  stdin: unknown = null
  #keeps = true
  #exited = false

  constructor(
    readonly pid: number,
    /** Whether it leads a group of its own. */
    readonly leads: boolean,
    /** Called when it is to keep this process, and to end with it, from now on, or no longer. It does at first. */
    private readonly keep: (keeps: boolean) => void
  ) {
    super()
  }

  get keeps(): boolean {
    return this.#keeps
  }

  ref(): void {
    this.#keep(true)
  }

  unref(): void {
    this.#keep(false)
  }

  exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.#keep(false)
    this.#exited = true
    this.emit("exit", code, signal)
  }

  #keep(keeps: boolean): void {
    if (this.#keeps === keeps || this.#exited) return
    this.#keeps = keeps
    this.keep(keeps)
  }
}
