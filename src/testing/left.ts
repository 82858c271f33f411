/** What is left on a loop, and how it is shown. */
import { blamedIn, leftoversOf } from "../Loop/closing/Leftovers.js"
import { tableOf } from "../Loop/closing/table.js"
import type { EventLoop } from "../Loop/EventLoop.js"
import type { Leftover } from "../Loop/ports.js"
import { followed } from "./Replacements.js"

/** Everything that is left on a loop, timers that would keep a process alive with it. */
export const leftOn = (loop: EventLoop): ReadonlyArray<Leftover> => [
  ...leftoversOf(loop),
  ...(followed(loop)?.held() ?? [])
]

/** The same for people: a line, and the table. */
export const textOfLeft = (loop: string, leftovers: ReadonlyArray<Leftover>): string => {
  const blamed = blamedIn(leftovers)
  const watched = leftovers.length - blamed
  return `${blamed} left on ${loop}${watched === 0 ? "" : `, and ${watched} watched`}:\n${tableOf(leftovers)}`
}
