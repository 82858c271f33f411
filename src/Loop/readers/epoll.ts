/** The set of watched descriptors on Linux: epoll, level-triggered, through calls of the C library. */
import { constants } from "node:os"
import { fdError, type FdSet } from "./FdPoller.js"
import { READ, WRITE } from "./Readiness.js"

/** The C library. What fails gives -1, and then `errno()` the reason. */
export interface EpollCalls {
  create(flags: number): number
  control(set: number, operation: number, fd: number, event: Int32Array): number
  wait(set: number, events: Int32Array, max: number, timeout: number): number
  close(fd: number): number
  errno(): number
}

const CLOSE_ON_EXEC = 0o2000000
const ADD = 1
const DELETE = 2
const MODIFY = 3
const IN = 1
const OUT = 4
/** The most events that are taken in one turn; the system comes to the others in the next. */
const MANY = 256

/** `struct epoll_event` in words: events, then 64 bits of data, which are aligned on some machines. */
const layoutOf = (arch: string): { readonly words: number; readonly data: number } =>
  arch === "x64" || arch === "ia32" ? { words: 3, data: 1 } : { words: 4, data: 2 }

const bitsOf = (events: number): number =>
  ((events & READ) !== 0 ? IN : 0) | ((events & WRITE) !== 0 ? OUT : 0)

/**
 * The events in epoll's bits. An end or an error wakes both sides, whatever was asked for: as Python's `selectors` does.
 */
const eventsOf = (bits: number): number => ((bits & ~OUT) !== 0 ? READ : 0) | ((bits & ~IN) !== 0 ? WRITE : 0)

export class EpollSet implements FdSet {
  readonly syscall = "epoll_ctl"
  readonly fd: number
  /** Another set, which takes this one in for a moment. */
  readonly #probe: number
  readonly #calls: EpollCalls
  readonly #words: number
  readonly #data: number
  readonly #event: Int32Array
  readonly #ready: Int32Array

  /** Throws `FdError` where there is no descriptor left; `fd` is what the set is for. */
  constructor(calls: EpollCalls, fd: number, arch: string = process.arch) {
    const { data, words } = layoutOf(arch)
    this.#calls = calls
    this.#words = words
    this.#data = data
    this.#event = new Int32Array(words)
    this.#ready = new Int32Array(words * MANY)
    this.fd = calls.create(CLOSE_ON_EXEC)
    if (this.fd < 0) throw fdError(fd, calls.errno(), "epoll_create1")
    this.#probe = calls.create(CLOSE_ON_EXEC)
    if (this.#probe < 0) {
      const errno = calls.errno()
      calls.close(this.fd)
      throw fdError(fd, errno, "epoll_create1")
    }
  }

  add(fd: number, events: number, generation: number): number {
    const errno = this.#control(ADD, fd, events, generation)
    // Closed, and opened again as a dup of the same file: the old registration has come back to life.
    return errno === constants.errno.EEXIST ? this.#control(MODIFY, fd, events, generation) : errno
  }

  change(fd: number, _before: number, events: number, generation: number): number {
    return this.#control(MODIFY, fd, events, generation)
  }

  remove(fd: number, _events: number): void {
    this.#control(DELETE, fd, 0, 0)
  }

  owns(fd: number): boolean {
    return fd === this.fd || fd === this.#probe
  }

  nestable(): number {
    this.#event.fill(0)
    if (this.#calls.control(this.#probe, ADD, this.fd, this.#event) !== 0) return this.#calls.errno()
    this.#calls.control(this.#probe, DELETE, this.fd, this.#event)
    return 0
  }

  wait(ready: (fd: number, events: number, generation: number) => void): void {
    const found = this.#calls.wait(this.fd, this.#ready, MANY, 0)
    for (let i = 0, at = 0; i < found; i++, at += this.#words) {
      const data = at + this.#data
      ready(this.#ready[data] as number, eventsOf(this.#ready[at] as number), this.#ready[data + 1] as number)
    }
  }

  close(): void {
    this.#calls.close(this.#probe)
    this.#calls.close(this.fd)
  }

  #control(operation: number, fd: number, events: number, generation: number): number {
    this.#event[0] = bitsOf(events)
    this.#event[this.#data] = fd
    this.#event[this.#data + 1] = generation
    return this.#calls.control(this.fd, operation, fd, this.#event) === 0 ? 0 : this.#calls.errno()
  }
}
