/** What tells that one may read or write: `FdPoller.ts` for file descriptors, `StreamReadiness.ts` for Node's streams. */

/** The target may be read from: there is data, an end or an error. */
export const READ = 1
/** The target may be written to. */
export const WRITE = 2

/**
 * Watches targets for READ and WRITE, or both. Level-triggered: it tells of what is ready once in a turn, for as long as
 * that is ready and watched. Made paused: it tells of nothing, and holds no process.
 */
export interface Readiness<Target> {
  /** Watches for exactly these events. Throws where that is refused; nothing has changed then. */
  watch(target: Target, events: number): void
  /** Watches for these events only, which are fewer than before; for 0 it is done with the target. Never throws. */
  keep(target: Target, events: number): void
  /** Begins to tell of what is ready, or goes on. */
  resume(): void
  /** Tells of nothing, and holds no process, until it is resumed. */
  pause(): void
  /** Whether watching keeps the process alive, while it is not paused. It begins so. */
  hold(process: boolean): void
  /** Done with all targets. Idempotent. */
  close(): void
}

/** Is told which target is ready for what. Never from inside a call of a Readiness, whose methods it may call. */
export type OnReady<Target> = (target: Target, events: number) => void
