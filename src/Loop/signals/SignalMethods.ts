/** The loop's methods for signals, and their documentation. `Signals.ts` is what they do. */
import type { WatchHandle } from "../kernel/WatchHandle.js"

/**
 * Callbacks that run when the process gets a signal.
 *
 * @category models
 * @since 0.1.0
 */
export interface SignalMethods {
  /**
   * Runs `callback(...args)` as a callback of the loop for every delivery of a signal, in the async-local state of this
   * call, until the Handle is cancelled. A second handler for the signal on this loop replaces the first; handlers of
   * other loops, Streams of `Loop.signal` and listeners of the process get it too. When nobody is left, the signal does
   * what it did before. asyncio: `add_signal_handler`.
   *
   * Throws {@link SignalError} for what is no signal here, for SIGKILL and SIGSTOP, for faults of the machine (SIGSEGV,
   * SIGBUS, SIGFPE, SIGILL), and in worker threads, where no signal arrives; `TypeError` for coroutine functions;
   * {@link LoopClosedError}.
   *
   * **Gotchas**
   * - A handler does not keep the process alive, unless the Handle's `ref()` asks for that.
   * - Deliveries that come at the same time may be one, as everywhere in Unix; those that come while a SyncLoop is at
   *   rest run in its next run.
   * - `Loop.run` still ends the program at SIGINT and SIGTERM: the handler runs first.
   * - Node opens its debugger at SIGUSR1, which it does no more once that had a handler, and profiles with SIGPROF.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const reloaded = loop.createFuture<string>()
   *   loop.addSignalHandler("SIGHUP", (file: string) => reloaded.setResult(file), "config.json")
   *   process.kill(process.pid, "SIGHUP")
   *   console.log(await reloaded) // => config.json
   * })
   * await loop.close()
   */
  addSignalHandler<Args extends ReadonlyArray<unknown>>(
    signal: NodeJS.Signals | number,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle

  /**
   * Takes the handler of this loop for a signal back, and what is queued of it. False where it has none, and for what
   * never has one (SIGKILL, a closed loop). Throws for what is no signal.
   */
  removeSignalHandler(signal: NodeJS.Signals | number): boolean
}
