/** The process, as a main program has it (types only): what tells it to stop, what it writes to, and how it ends. */
import type { Cause } from "effect/Cause"
import type { Forks } from "../../effect.js"
import type { StopSignal } from "./StopSignals.js"

/** `NodeProcess.ts` is the one of Node; tests of programs have another. Each `on...` returns what takes it back. */
export interface MainProcess {
  /** Starts the program's fiber. */
  readonly fork: Forks
  /**
   * Takes it for a program, and keeps it from ending; the result gives it back. Throws `InvalidStateError` where it has one, since
   * two would each leave it while the other one is still closing; `what` is the call, for that.
   */
  take(what: string): () => void
  /** Calls `asked` for each request to stop. */
  onStop(asked: (name: StopSignal) => void): () => void
  onAccident(uncaught: (error: unknown) => void, unhandled: (error: unknown) => void): () => void
  /** Calls `broken` once for each of the two outputs, when it cannot be written any more. */
  onBrokenOutput(broken: (name: "stdout" | "stderr", error: Error) => void): () => void
  /** Calls `f` when somebody ends the process under the program. */
  onExit(f: (code: number) => void): () => void
  /** Calls `f` after so many milliseconds of a time that does not stand still. */
  after(ms: number, f: () => void): () => void
  /** Calls `f` when whoever waits for the program's Exit has it. */
  soon(f: () => void): void
  /** Writes to standard error, where there is no logger yet. */
  print(message: string, cause: Cause<unknown> | undefined): void
  /** Writes to standard error, at once. */
  lastLine(text: string): void
  /** Ends it at once. */
  exit(code: number): void
  /** Ends it after what was written to it. What would outlive it is ended at once. */
  leave(code: number): void
  /** It ends with 1, whatever else it would have ended with. */
  fail(): void
  /**
   * The program has ended with `code`: it ends when nothing else keeps it. What does after `slowJoin` is told in words, with what
   * happens then.
   */
  end(code: number, slowJoin: number, tell: (keeps: string) => void): void
}
