/**
 * The set of watched descriptors on macOS and FreeBSD: kqueue, level-triggered, through calls of the C library.
 *
 * Untested on these systems: it was written from their manuals, and only its layout and its calls are tested. What
 * differs from Linux: regular files are accepted, and are ready unless they are read at their end.
 */
import { fdError, type FdSet } from "./FdPoller.js"
import { READ, WRITE } from "./Readiness.js"

/** The C library. What fails gives -1, and then `errno()` the reason. */
export interface KqueueCalls {
  create(): number
  kevent(
    set: number,
    changes: Uint8Array,
    changeCount: number,
    events: Uint8Array,
    eventCount: number,
    timeout: Uint8Array
  ): number
  close(fd: number): number
  errno(): number
}

/**
 * `struct kevent` of 64-bit systems, which are the only ones: ident (8 bytes), filter (2), flags (2), fflags (4), data
 * (8), udata (8). FreeBSD has four more words after it.
 */
export interface KqueueLayout {
  readonly size: number
}

export const layoutOf = (platform: string): KqueueLayout => ({ size: platform === "freebsd" ? 64 : 32 })

const FILTER = 8
const FLAGS = 10
const DATA = 16
const UDATA = 24
const ADD = 0x1
const DELETE = 0x2
/** Every change is answered with an event, whose data is its error: 0 where there is none. */
const RECEIPT = 0x40
const ERROR = 0x4000
const MANY = 256

/** The filters of kqueue: each side has one of its own. */
const filters = [
  { event: READ, filter: -1 },
  { event: WRITE, filter: -2 }
] as const

export class KqueueSet implements FdSet {
  readonly syscall = "kevent"
  readonly fd: number
  readonly #calls: KqueueCalls
  readonly #size: number
  readonly #change: DataView
  readonly #receipt: DataView
  readonly #ready: DataView
  /** A `struct timespec` of zeros: waits for nothing. */
  readonly #now = new Uint8Array(16)

  /** Throws `FdError` where there is no descriptor left; `fd` is what the set is for. */
  constructor(calls: KqueueCalls, fd: number, { size }: KqueueLayout) {
    this.#calls = calls
    this.#size = size
    this.#change = new DataView(new ArrayBuffer(size))
    this.#receipt = new DataView(new ArrayBuffer(size))
    this.#ready = new DataView(new ArrayBuffer(size * MANY))
    this.fd = calls.create()
    if (this.fd < 0) throw fdError(fd, calls.errno(), "kqueue")
  }

  add(fd: number, events: number, generation: number): number {
    return this.#set(fd, 0, events, generation)
  }

  /**
   * The system forgets what is closed, and adding is changing: so whether the number belongs to another file by now shows
   * in the filters that were there before, which can be taken back only if they are the old ones.
   */
  change(fd: number, before: number, events: number, generation: number): number {
    for (const { event, filter } of filters) {
      if ((before & event) === 0) continue
      const errno = this.#control(fd, filter, DELETE, 0)
      if (errno !== 0) return errno
    }
    return this.#set(fd, 0, events, generation)
  }

  remove(fd: number, events: number): void {
    this.#set(fd, events, 0, 0)
  }

  owns(fd: number): boolean {
    return fd === this.fd
  }

  nestable(): number {
    return 0
  }

  wait(ready: (fd: number, events: number, generation: number) => void): void {
    const view = this.#ready
    const found = this.#calls.kevent(this.fd, none, 0, bytes(view), MANY, this.#now)
    // One descriptor may be there twice, once for each filter.
    const both = new Map<number, { events: number; readonly generation: number }>()
    for (let i = 0, at = 0; i < found; i++, at += this.#size) {
      const fd = Number(view.getBigUint64(at, true))
      const event = view.getInt16(at + FILTER, true) === -1 ? READ : WRITE
      const known = both.get(fd)
      if (known === undefined) both.set(fd, { events: event, generation: view.getInt32(at + UDATA, true) })
      else known.events |= event
    }
    for (const [fd, { events, generation }] of both) ready(fd, events, generation)
  }

  close(): void {
    this.#calls.close(this.fd)
  }

  /** Adds the filters of `events` and removes those of `before`; what is not added when one fails is taken back. */
  #set(fd: number, before: number, events: number, generation: number): number {
    let added = 0
    for (const { event, filter } of filters) {
      if ((events & event) !== 0) {
        const errno = this.#control(fd, filter, ADD, generation)
        if (errno !== 0) {
          this.#set(fd, added, 0, 0)
          return errno
        }
        added |= event
      } else if ((before & event) !== 0) this.#control(fd, filter, DELETE, 0)
    }
    return 0
  }

  #control(fd: number, filter: number, flags: number, generation: number): number {
    const change = this.#change
    change.setBigUint64(0, BigInt(fd), true)
    change.setInt16(FILTER, filter, true)
    change.setUint16(FLAGS, flags | RECEIPT, true)
    change.setInt32(UDATA, generation, true)
    const answers = this.#calls.kevent(this.fd, bytes(change), 1, bytes(this.#receipt), 1, this.#now)
    if (answers < 0) return this.#calls.errno()
    const isError = (this.#receipt.getUint16(FLAGS, true) & ERROR) !== 0
    return answers > 0 && isError ? Number(this.#receipt.getBigInt64(DATA, true)) : 0
  }
}

const none = new Uint8Array(0)

const bytes = (view: DataView): Uint8Array => new Uint8Array(view.buffer)
