/** Numbers and rows in words. */
import type { PageRow } from "../ui/messages.js"

export const lasting = (ms: number): string => {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1_000)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export const titleOf = ({ name, what }: PageRow): string => `${what} ${name}`

/** What state a row is in, for how long it is there, and what it waits for, where that has no line of its own. */
export const saying = ({ born, state, waitingOn, waitsFor }: PageRow, now: number): string =>
  [state, ...(born === undefined ? [] : [lasting(now - born)]), ...(waitsFor.length > 0 ? [] : [waitingOn])]
    .filter((word) => word !== "")
    .join(", ")

/** running: it does something, or waits. stopping: it was told to stop, and has not. */
export type Look = "running" | "stopping"

const stopping: ReadonlySet<string> = new Set([
  "cancelling",
  "interrupting",
  "terminating",
  "killed",
  "ending",
  "closing",
  "lameDuck",
  "draining",
  "answering"
])

export const lookOf = (state: string): Look => (stopping.has(state) ? "stopping" : "running")
