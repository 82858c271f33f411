/** One row of a dump: what is on a loop at a moment, and whom it waits for. */

/**
 * One thing that is on a loop: a task, a fiber, a Future, a timer, a job, a child process, a descriptor, a server, a request.
 *
 * @category models
 * @since 0.2.0
 */
export interface DumpRow {
  /** Its number in the dump. */
  readonly id: number
  /** Its kind, in a word: a task, a fiber, a job, a reader. */
  readonly what: string
  readonly name: string
  /** Milliseconds since it was created, where that is known. */
  readonly age: number | undefined
  readonly state: string
  /** In words. What of it has a row, is in `waitsFor` too. */
  readonly waitingOn: string
  /** The rows that it waits for, by their numbers. */
  readonly waitsFor: ReadonlyArray<number>
  /** The row of the fiber that has forked it, by its number. */
  readonly parent: number | undefined
  /** Where in the program that was, as far as it is known. */
  readonly createdAt: string
  /** The annotations of a fiber's log lines. */
  readonly annotations: Readonly<Record<string, string>>
}
