/**
 * Readiness of file descriptors: a set of the system's own (`epoll.ts`, `kqueue.ts`) that knows them all, and one poll
 * handle of libuv on that set.
 *
 * The descriptors themselves are never given to libuv. It registers them late, and ends the process if one of them was
 * closed meanwhile; and if the number of a closed one comes back as a socket of Node, that socket stays deaf.
 */
import { constants } from "node:os"
import { FdError } from "../errors.js"
import type { OnReady, Readiness } from "./Readiness.js"

/** The system's set of descriptors. Methods give 0, or the number of the system's error. */
export interface FdSet {
  /** The set's own descriptor: readable while something in the set is ready. */
  readonly fd: number
  /** The system call behind `add` and `change`, for errors. */
  readonly syscall: string
  /** Adds a descriptor, also where the very same file is known under this number already. */
  add(fd: number, events: number, generation: number): number
  /** Changes what it is watched for. ENOENT or EBADF: what was added under this number has been closed since. */
  change(fd: number, before: number, events: number, generation: number): number
  remove(fd: number, events: number): void
  /** Whether this is a descriptor of the set's own. */
  owns(fd: number): boolean
  /** Whether libuv, which ends the process where it cannot take a set in, could do that now. 0, or an error. */
  nestable(): number
  /** Tells of every descriptor that is ready now, as it was added. Waits for nothing. */
  wait(ready: (fd: number, events: number, generation: number) => void): void
  close(): void
}

/** libuv's watch over one descriptor: calls back as long as that is readable. No call may follow `close`. */
export interface PollHandle {
  start(): void
  stop(): void
  ref(): void
  unref(): void
  close(): void
}

/** The system, as a poller needs it. */
export interface FdBackend {
  /** Makes a set. Throws {@link FdError} where the system gives none; `fd` is what it is for. */
  open(fd: number): FdSet
  /** Starts a watch over `fd`. Throws as `open` does; `target` is what it is for. */
  poll(fd: number, callback: () => void, target: number): PollHandle
}

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

const reasons: Readonly<Record<string, string>> = {
  EBADF: "the file descriptor is not open",
  EPERM: "what is behind it cannot be waited for: it is a regular file, a directory or the like",
  ENOSPC: "the system's limit of watched file descriptors is reached",
  EMFILE: "the process has no file descriptor left to watch it with",
  ENFILE: "the system has no file descriptor left to watch it with",
  EINVAL: "the same file is watched too often (500 times, by the system's limits)",
  ELOOP: "it is a set of descriptors, of sets of sets, or of this one"
}

/** The error for a number that the system gave. */
export const fdError = (fd: number, errno: number, syscall: string): FdError => {
  const code = names.get(errno) ?? `E${errno}`
  return new FdError({ fd, code, syscall, why: reasons[code] ?? "it cannot be watched" })
}

/** A descriptor that is in the set. */
interface WatchedFd {
  readonly fd: number
  events: number
  /** Tells this registration from older ones of the same number that the system still knows. */
  generation: number
}

/**
 * Legal states: paused, empty (nothing is watched), armed (libuv looks at the set, and wakes us once), busy (something
 * was ready a moment ago: we look ourselves, turn after turn, until nothing is), closed.
 *
 * While it is busy libuv does not look, for two reasons. What is ready all the time costs less so. And koffi's callback
 * ends the process if it is called in a worker thread that is being terminated; so it is called as rarely as can be.
 */
export class FdPoller implements Readiness<number> {
  readonly #backend: FdBackend
  readonly #onReady: OnReady<number>
  readonly #entries = new Map<number, WatchedFd>()
  #set: FdSet | undefined
  #handle: PollHandle | undefined
  #armed = false
  #paused = true
  #holds = true
  #generation = 0
  /** The next turn in which we look at the set ourselves, while it is busy. */
  #nextTake: NodeJS.Immediate | undefined
  /** The turn in which libuv is told that nothing is watched any more, if that stays as it is. */
  #letGo: NodeJS.Immediate | undefined

  constructor(backend: FdBackend, onReady: OnReady<number>) {
    this.#backend = backend
    this.#onReady = onReady
  }

  watch(fd: number, events: number): void {
    const set = (this.#set ??= this.#backend.open(fd))
    this.#handle ??= this.#poll(set, fd)
    const known = this.#entries.get(fd)
    const { EBADF, ENOENT } = constants.errno
    // The numbers of the set itself were free until it was opened.
    if (set.owns(fd)) throw fdError(fd, EBADF, set.syscall)
    let errno: number = known === undefined ? ENOENT : set.change(fd, known.events, events, known.generation)
    // Not known, or closed since: then the number belongs to another file by now.
    const fresh = errno === ENOENT
    const generation = fresh ? this.#next() : (known as WatchedFd).generation
    if (fresh) errno = this.#add(set, fd, events, generation)
    if (errno !== 0) throw fdError(fd, errno, set.syscall)
    if (known === undefined) this.#entries.set(fd, { fd, events, generation })
    else Object.assign(known, { events, generation })
    this.#update()
  }

  keep(fd: number, events: number): void {
    const known = this.#entries.get(fd)
    if (known === undefined || this.#set === undefined) return
    // What fails was closed, and the system knows it no more.
    if (events === 0) {
      this.#set.remove(fd, known.events)
      this.#entries.delete(fd)
    } else {
      this.#set.change(fd, known.events, events, known.generation)
      known.events = events
    }
    this.#update()
  }

  resume(): void {
    this.#paused = false
    this.#update()
  }

  pause(): void {
    this.#paused = true
    this.#stop()
  }

  hold(process: boolean): void {
    if (this.#holds === process) return
    this.#holds = process
    if (process) {
      this.#handle?.ref()
      this.#nextTake?.ref()
    } else {
      this.#handle?.unref()
      // From here on only libuv can tell: it does not go round for this.
      this.#nextTake?.unref()
      if (this.#nextTake !== undefined) this.#arm()
    }
  }

  close(): void {
    this.#entries.clear()
    this.#stop()
    this.#dropHandle()
    this.#set?.close()
    this.#set = undefined
  }

  /** Adds to the set, if libuv can take that in afterwards: it does so late, and could refuse no more. */
  #add(set: FdSet, fd: number, events: number, generation: number): number {
    const errno = set.add(fd, events, generation)
    if (errno !== 0) return errno
    const nested = set.nestable()
    if (nested !== 0) set.remove(fd, events)
    return nested
  }

  #next(): number {
    return (this.#generation = (this.#generation + 1) | 0)
  }

  /** Something is watched, or nothing any more. */
  #update(): void {
    if (this.#paused) return
    if (this.#entries.size > 0) {
      if (this.#nextTake === undefined) this.#arm()
    } else if (this.#letGo === undefined) {
      // Not at once: whoever removes one often adds another.
      this.#letGo = setImmediate(() => {
        this.#letGo = undefined
        if (this.#entries.size === 0) this.#stop()
      })
      if (!this.#holds) this.#letGo.unref()
    }
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    this.#handle?.start()
  }

  /** The watch over a set, stopped. Made with the set and not when it is armed: then it could be refused no more. */
  #poll({ fd }: FdSet, target: number): PollHandle {
    const handle = this.#backend.poll(fd, this.#wake, target)
    handle.stop()
    if (!this.#holds) handle.unref()
    return handle
  }

  #disarm(): void {
    if (!this.#armed) return
    this.#armed = false
    this.#handle?.stop()
  }

  #stop(): void {
    clearImmediate(this.#nextTake)
    clearImmediate(this.#letGo)
    this.#nextTake = this.#letGo = undefined
    this.#disarm()
  }

  #takeSoon(): void {
    this.#nextTake = setImmediate(this.#take)
    if (!this.#holds) this.#nextTake.unref()
  }

  /**
   * libuv calls this without a callback scope: nothing that has promises may run here (from Node 26 on they would not
   * go on), and nothing may throw.
   */
  readonly #wake = (): void => {
    if (!this.#armed) return
    this.#disarm()
    if (this.#nextTake === undefined) this.#takeSoon()
  }

  /** Tells of what is ready now; what was ready when libuv woke us may have been read by others. */
  readonly #take = (): void => {
    this.#nextTake = undefined
    const ready: Array<{ readonly entry: WatchedFd; readonly events: number }> = []
    let phantoms = false
    this.#set?.wait((fd, events, generation) => {
      const entry = this.#entries.get(fd)
      if (entry?.generation === generation) ready.push({ entry, events })
      else phantoms = true
    })
    if (phantoms) this.#renew()
    // What holds no process cannot go round for it either: an immediate that is unref'd waits until something else comes.
    if (ready.length > 0 && this.#holds) this.#takeSoon()
    else if (this.#entries.size > 0) this.#arm()
    for (const { entry, events } of ready) {
      if (this.#entries.get(entry.fd) === entry) this.#onReady(entry.fd, events)
    }
  }

  /**
   * The set knows a file that was closed under its number and lives on under another (a dup, a child): it cannot be
   * removed any more and would be ready for ever. So everything else moves to a new set.
   */
  #renew(): void {
    const old = this.#set as FdSet
    let set: FdSet | undefined
    let handle: PollHandle
    try {
      set = this.#backend.open(old.fd)
      handle = this.#poll(set, old.fd)
    } catch {
      // No descriptor is left for it: the next wake-up tries again.
      set?.close()
      return
    }
    for (const { events, fd, generation } of this.#entries.values()) {
      // What the old set has lost stays behind: its number may be somebody else's by now.
      if (old.change(fd, events, events, generation) === 0) set.add(fd, events, generation)
    }
    this.#dropHandle()
    old.close()
    this.#set = set
    this.#handle = handle
  }

  #dropHandle(): void {
    this.#armed = false
    const handle = this.#handle
    this.#handle = undefined
    handle?.close()
  }
}
