/** What a row tells of is cancelled by somebody who looks on. */
import { interruptFork, lookAt } from "../../effect.js"
import { Future } from "../kernel/Future.js"
import type { DumpRow } from "./DumpRow.js"

/** Says what was done. A Future and a task are cancelled, a fiber is interrupted: nobody waits here for its end. */
export const cancelRow = ({ name, what }: DumpRow, of: ReadonlyArray<object>): string => {
  const future = of.find((one) => one instanceof Future)
  if (future !== undefined)
    return future.cancel("cancelled from outside")
      ? `cancelled ${what} ${name}`
      : `${what} ${name} has settled`
  const view = of.map(lookAt).find((one) => one !== undefined)
  if (view === undefined) return `a ${what} cannot be cancelled from outside: cancel who waits for it`
  interruptFork(view.fiber)
  return `interrupted ${what} ${name}`
}
