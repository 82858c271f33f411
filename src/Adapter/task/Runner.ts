/** How the tasks of one wrapped function are made, named and understood. */
import { textOf } from "../../Loop/kernel/describe.js"
import type { Future } from "../../Loop/kernel/Future.js"
import { Task } from "../../Loop/kernel/Task.js"
import type { OnInterrupt, Stops } from "./options.js"

/** A function of the program, of whatever parameters. */
export type AioFunction = (this: unknown, ...args: Array<unknown>) => unknown

/** How the tasks of one wrapped function are made, and what their ends mean. */
export interface Runner<E> {
  /** The name of the tasks, where the program or the function has one. */
  readonly name: string | undefined
  /** The program's own function, for reports. */
  readonly body: unknown
  /** The typed failure for what the function threw. */
  readonly mapError: (error: unknown) => E
  readonly onInterrupt: OnInterrupt
  readonly stops: Stops
}

/** What a Future is called in reports: a task by its name. */
export const reportNameOf = (future: Future<unknown>): string =>
  future instanceof Task ? future._name : textOf(future)
