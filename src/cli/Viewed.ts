/** A process that is looked at, once or again and again. */
import type { SeenDump } from "../Loop/inspect/SeenDump.js"

/** One thread's loops. */
export interface ThreadDumps {
  readonly thread: number
  readonly dumps: ReadonlyArray<SeenDump>
  /** Whether the library is there; where it is not, there is no loop. */
  readonly library: boolean
  /** Where the thread is, if it gives Node no turn. */
  readonly busy: ReadonlyArray<string> | undefined
}

/** Each of its methods fails with CliError where the process has ended, or does not answer in time. */
export interface Viewed {
  readonly pid: number
  /** By what it is seen, in words. */
  readonly by: string
  /** The loops of all threads, the main thread's first, with so many rows of each at most. */
  look(most: number): Promise<ReadonlyArray<ThreadDumps>>
  /** Cancels what has this key in that thread, and says what was done. */
  cancel(thread: number, key: number): Promise<string>
  /** The process is left as it was found. */
  close(): Promise<void>
}
