/** The loop's method for other threads, and its documentation. `Offers.ts` is what it does. */
import type { OfferedHandle } from "./OfferedHandle.js"
import type { OfferOptions } from "./Offers.js"
import type { ThreadFunctions } from "./threadMessages.js"

/**
 * Functions that other threads may call on the loop.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadMethods {
  /**
   * Offers functions to one other thread, which calls them by name through the `LoopHandle` that it makes of the
   * result's `port`: as callbacks of this loop, and as its tasks. It is open until `close()`, until the other thread
   * ends, or until the loop closes; what that thread has asked for is then cancelled. Calls for a SyncLoop at rest wait
   * for its next run. asyncio: `call_soon_threadsafe` and `run_coroutine_threadsafe`.
   *
   * Throws `TypeError` for what is no object of functions, and {@link LoopClosedError}.
   *
   * **Gotchas**
   * - It keeps the process alive while it is open, unless it is `unref()`ed.
   * - A thread that is to call this loop needs a handle of its own.
   * - Functions of the prototype are not offered.
   *
   * @example
   * import { Worker } from "node:worker_threads"
   *
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const offered = loop.threadHandle({ add: async (a: number, b: number) => a + b })
   *   const { port } = offered
   *   // In its file, the worker makes a LoopHandle of workerData.port.
   *   const worker = new Worker("", { eval: true, workerData: { port }, transferList: [port] })
   *   await new Promise((resolve) => worker.once("exit", resolve))
   *   offered.close()
   * })
   * await loop.close()
   */
  threadHandle<F extends ThreadFunctions<F>>(functions: F, options?: OfferOptions): OfferedHandle
}
