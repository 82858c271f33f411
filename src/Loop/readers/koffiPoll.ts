/** Watches the set of the main thread: by koffi's handle on libuv's `uv_poll`. For other threads see `pipePoll.ts`. */
import type { PollHandle } from "./FdPoller.js"

/** koffi's handle on `uv_poll`. After `close` any other call ends the process. */
export interface KoffiHandle {
  start(options: { readonly readable: boolean }, callback: () => void): void
  stop(): void
  ref(): void
  unref(): void
  close(): void
}

/**
 * `koffi.node.poll`: not documented, there since 2.15, in this form since 3. Ends the process for what cannot be polled.
 */
export type KoffiPoll = (
  fd: number,
  options: { readonly readable: boolean },
  callback: () => void
) => KoffiHandle

const readable = { readable: true }

/** The handles that are open in this thread. */
const handles = new Set<KoffiHandle>()

/** Node goes round once more while it cleans up, and koffi's callback ends the process if it is called then. */
const stopAll = (): void => {
  for (const handle of handles) handle.stop()
}

/** Starts to poll a descriptor. */
export const koffiPoll = (poll: KoffiPoll, fd: number, callback: () => void): PollHandle => {
  const handle = poll(fd, readable, callback)
  if (handles.size === 0) process.on("exit", stopAll)
  handles.add(handle)
  return {
    start: () => handle.start(readable, callback),
    stop: () => handle.stop(),
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close: () => {
      handle.close()
      handles.delete(handle)
      if (handles.size === 0) process.off("exit", stopAll)
    }
  }
}
