/** What the timer of a sleep does: a timer that has it waits for nobody else than its Future. */
import type { Future } from "./Future.js"

export function awake(future: Future<unknown>, value: unknown): void {
  if (!future.done()) future._settleValue(value)
}
