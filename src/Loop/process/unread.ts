/**
 * Waits that may last for ever, because the child waits as well: for somebody to read what it writes. Nobody can know
 * that for certain, but it is told.
 */
import type { Socket } from "node:net"
import { after, tellSlow } from "../fiber/SlowJoin.js"
import type { Home } from "../ports.js"

const names = ["stdin", "stdout", "stderr"] as const

/** What a person calls the file descriptor of a child. */
export const fdName = (fd: number): string => names[fd] ?? `fd ${fd}`

/** Whether Node takes no more from a pipe: what the child writes fills the system's buffer now, and then it waits. */
export const isFull = (pipe: Socket): boolean =>
  pipe.readable && pipe.readableLength >= pipe.readableHighWaterMark

/**
 * Asks each time the loop would call a wait slow, until `told` says that there is no more to ask; the result ends that.
 */
export const askNowAndThen = (loop: Home, told: () => boolean): (() => void) => {
  let stop: () => void = () => {}
  const again = (): void => {
    stop = after(loop, loop._slowJoin, () => {
      if (!told()) again()
    })
  }
  if (Number.isFinite(loop._slowJoin)) again()
  return () => stop()
}

/** Tells that `waiting` may wait for a reader of these pipes. */
export const tellUnread = (
  loop: Home,
  waiting: string,
  process: string,
  fds: ReadonlyArray<number>,
  remedy: string
): void => {
  tellSlow(loop, {
    message:
      `${waiting} waits for ${process}, whose ${fds.map(fdName).join(" and ")} is full, with nobody to read it: ` +
      `the process may be waiting for that. ${remedy}, or lead it to "devnull"`
  })
}
