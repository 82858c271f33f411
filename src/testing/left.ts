/** What is left on a loop, and how it is shown. */
import { currentFiber, lookAt, rootFibers, type FiberView } from "../effect.js"
import { blamedIn, leftoversOf } from "../Loop/closing/Leftovers.js"
import { tableOf } from "../Loop/closing/table.js"
import type { EventLoop } from "../Loop/EventLoop.js"
import { LoopDump } from "../Loop/inspect/LoopDump.js"
import type { Leftover } from "../Loop/ports.js"
import { followed } from "./Replacements.js"

/** The fibers that were there when a loop was opened. */
const before = new WeakMap<EventLoop, WeakSet<object>>()

/** The loop was just opened: fibers that are nobody's children and come from now on are to end before it does. */
export const noteFibers = (loop: EventLoop): void => {
  const fiber = currentFiber()
  before.set(loop, new WeakSet(fiber === undefined ? rootFibers() : [...rootFibers(), fiber]))
}

const isOf = (loop: EventLoop, fiber: FiberView): boolean => {
  for (const service of fiber.services.values()) if (service === loop) return true
  return false
}

/** Fibers that were given the loop, belong to nobody, and have not ended. Effect 4 does not know them (E16). */
const fibersLeft = (loop: EventLoop): ReadonlyArray<Leftover> => {
  const known = before.get(loop)
  if (known === undefined) return []
  return rootFibers().flatMap((fiber) => {
    const view = known.has(fiber) || fiber === currentFiber() ? undefined : lookAt(fiber)
    if (view === undefined || view.ended || !isOf(loop, view)) return []
    return [
      {
        what: "fiber",
        name: view.span === undefined ? view.id : `${view.id}, in span ${view.span}`,
        age: view.startedAt === undefined ? 0 : Math.max(0, Date.now() - view.startedAt),
        state: view.told ? "interrupting" : "running",
        waitingOn: "",
        createdAt: "",
        blamed: true
      }
    ]
  })
}

/** Everything that is left on a loop, with timers that would keep a process alive, and fibers that outlive it. */
export const leftOn = (loop: EventLoop): ReadonlyArray<Leftover> => [
  ...leftoversOf(loop),
  ...fibersLeft(loop),
  ...(followed(loop)?.held() ?? [])
]

/** How many are left where, in words. */
export const headOf = (where: string, leftovers: ReadonlyArray<Leftover>): string => {
  const blamed = blamedIn(leftovers)
  const watched = leftovers.length - blamed
  if (blamed === 0) return `${watched} watched on ${where}`
  return `${blamed} left on ${where}${watched === 0 ? "" : `, and ${watched} watched`}`
}

/** The same with a table of it; below it who waits for whom, where somebody does. */
export const textOfLeft = (loop: EventLoop, leftovers: ReadonlyArray<Leftover>): string => {
  const dump = new LoopDump(loop)
  const tree = dump.rows.some(({ waitsFor }) => waitsFor.length > 0) ? `\n\n${dump.tree()}` : ""
  return `${headOf(loop.name, leftovers)}:\n${tableOf(leftovers)}${tree}`
}

/** All that is there on a loop that does not go on: what is left on it first. */
export const textOfHang = (loop: EventLoop): string => {
  const left = leftOn(loop)
  const head = left.length === 0 ? `nothing is left on ${loop.name}` : headOf(loop.name, left)
  // The first line of a dump is the loop's numbers.
  return `${head}:\n${String(new LoopDump(loop)).split("\n").slice(1).join("\n")}`
}
