/**
 * Who waits for what: the callback and the waits of each side of each target, on one Readiness. Targets are file
 * descriptors or streams.
 *
 * Legal states: paused (as the loop stands still), running, released. A side is watched as long as it has a callback or a
 * wait; each of them comes and goes without the other.
 */
import { type NodeStream, type Side, targetName } from "./fdOf.js"
import { programFrame } from "../kernel/sites.js"
import { functionName } from "../kernel/describe.js"
import type { Future } from "../kernel/Future.js"
import { WatchHandle } from "../kernel/WatchHandle.js"
import { READ, type Readiness, WRITE } from "./Readiness.js"
import type { Home, Leftover } from "../ports.js"

/** The callback and the waits of one side of a target. */
class Waiters {
  handle: WatchHandle | undefined
  /** The object or number that was given to `addReader`, and its callback, for reports. */
  source: unknown
  callback: unknown
  since = 0
  /** Whether the callback's registration is counted among those that hold the process. */
  holds = false
  /** The waits, each done when the side is ready once; when each began, on the loop's clock. */
  readonly waits = new Map<Future<void>, number>()

  get used(): boolean {
    return this.handle !== undefined || this.waits.size > 0
  }
}

/** A target, and who waits for either side of it. */
class WatchedTarget {
  readonly reader = new Waiters()
  readonly writer = new Waiters()

  get events(): number {
    return (this.reader.used ? READ : 0) | (this.writer.used ? WRITE : 0)
  }
}

const eventOf = (side: Side): number => (side === "reader" ? READ : WRITE)

export class Registrations<Target extends number | NodeStream> {
  readonly #loop: Home
  readonly #readiness: Readiness<Target>
  readonly #entries = new Map<Target, WatchedTarget>()
  /** How many registrations hold the process. */
  #holding = 0
  #readers = 0
  #writers = 0

  constructor(loop: Home, make: (onReady: (target: Target, events: number) => void) => Readiness<Target>) {
    this.#loop = loop
    this.#readiness = make((target, events) => this.#ready(target, events))
  }

  get readers(): number {
    return this.#readers
  }

  get writers(): number {
    return this.#writers
  }

  /** Registers the callback in place of the one before it. Throws what the Readiness refuses with. */
  add(
    target: Target,
    side: Side,
    source: unknown,
    callback: (...args: Array<never>) => unknown,
    args: ReadonlyArray<unknown>
  ): WatchHandle {
    const loop = this.#loop
    const entry = this.#watch(target, side)
    const waiters = entry[side]
    const before = waiters.handle
    const handle: WatchHandle = new WatchHandle(
      loop,
      `${side} of ${targetName(target)}`,
      callback,
      args,
      loop.host.contexts.capture(),
      () => {
        if (waiters.handle === handle) this.#change(target, entry, side, () => this.#forget(waiters))
      },
      () => {
        if (waiters.handle === handle) this.#hold(waiters, handle.hasRef())
      }
    )
    this.#change(target, entry, side, () => {
      this.#forget(waiters)
      Object.assign(waiters, { handle, source, callback, since: loop.time() })
      this.#hold(waiters, true)
    })
    before?.cancel()
    return handle
  }

  /** Takes the callback back; false if there was none. */
  remove(target: Target, side: Side): boolean {
    const handle = this.#entries.get(target)?.[side].handle
    handle?.cancel()
    return handle !== undefined
  }

  /** Settles the Future, unless it is done by then, when the side is ready. Throws what the Readiness refuses with. */
  wait(target: Target, side: Side, future: Future<void>): void {
    const entry = this.#watch(target, side)
    this.#change(target, entry, side, () => {
      entry[side].waits.set(future, this.#loop.time())
      this.#count(1)
    })
  }

  /** Takes a wait back. */
  forgo(target: Target, side: Side, future: Future<void>): void {
    const entry = this.#entries.get(target)
    if (entry?.[side].waits.has(future) !== true) return
    this.#change(target, entry, side, () => {
      entry[side].waits.delete(future)
      this.#count(-1)
    })
  }

  /** The target for which an object was registered that says no longer what it stands for. */
  targetOf(source: unknown, side: Side): Target | undefined {
    for (const [target, entry] of this.#entries) if (entry[side].source === source) return target
    return undefined
  }

  resume(): void {
    this.#readiness.resume()
  }

  pause(): void {
    this.#readiness.pause()
  }

  /** Drops everything. Waits that are pending are settled by their loop. */
  release(): void {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    this.#readers = this.#writers = 0
    this.#readiness.close()
    for (const { reader, writer } of entries) {
      for (const waiters of [reader, writer]) {
        const { handle } = waiters
        waiters.handle = undefined
        handle?.cancel()
      }
    }
  }

  held(): ReadonlyArray<Leftover> {
    return [...this.#entries].flatMap(([target, { reader, writer }]) => [
      ...this.#heldBy(target, "reader", reader),
      ...this.#heldBy(target, "writer", writer)
    ])
  }

  #heldBy(target: Target, side: Side, { callback, handle, since, waits }: Waiters): ReadonlyArray<Leftover> {
    const row = (name: string, began: number, createdAt: string): Leftover => ({
      what: side,
      name: `${targetName(target)}: ${name}`,
      age: this.#loop.time() - began,
      state: "watching",
      waitingOn: side === "reader" ? "readability" : "writability",
      createdAt,
      blamed: false
    })
    return [
      ...(handle === undefined ? [] : [row(functionName(callback), since, addedAt(handle, callback))]),
      ...[...waits.values()].map((began) =>
        row(side === "reader" ? "Loop.readable" : "Loop.writable", began, "a fiber")
      )
    ]
  }

  /** The entry of the target, which is watched for this side from now on, beside what it was watched for. */
  #watch(target: Target, side: Side): WatchedTarget {
    const entry = this.#entries.get(target) ?? new WatchedTarget()
    this.#readiness.watch(target, entry.events | eventOf(side))
    this.#entries.set(target, entry)
    return entry
  }

  /** The only place where a side gets used or unused. Lets go of what nobody waits for any more. */
  #change(target: Target, entry: WatchedTarget, side: Side, change: () => void): void {
    const before = entry.events
    const was = entry[side].used
    change()
    const is = entry[side].used
    if (is !== was) {
      if (side === "reader") this.#readers += is ? 1 : -1
      else this.#writers += is ? 1 : -1
    }
    const { events } = entry
    if (this.#entries.get(target) !== entry || (before & ~events) === 0) return
    if (events === 0) this.#entries.delete(target)
    this.#readiness.keep(target, events)
  }

  #forget(waiters: Waiters): void {
    this.#hold(waiters, false)
    waiters.handle = waiters.source = waiters.callback = undefined
  }

  #hold(waiters: Waiters, holds: boolean): void {
    if (waiters.holds === holds) return
    waiters.holds = holds
    this.#count(holds ? 1 : -1)
  }

  #count(by: number): void {
    this.#holding += by
    this.#readiness.hold(this.#holding > 0)
  }

  /** A target is ready. Only queues: what runs then does so in the loop's pass. */
  #ready(target: Target, events: number): void {
    const entry = this.#entries.get(target)
    if (entry === undefined) return
    if ((events & READ) !== 0) this.#fire(target, entry, "reader")
    if ((events & WRITE) !== 0) this.#fire(target, entry, "writer")
  }

  #fire(target: Target, entry: WatchedTarget, side: Side): void {
    const { handle, waits } = entry[side]
    // What is queued and has not run is not queued again.
    if (handle?._queued === false) handle._fire()
    if (waits.size === 0) return
    const ready = [...waits.keys()]
    this.#change(target, entry, side, () => {
      waits.clear()
      this.#count(-ready.length)
    })
    for (const future of ready) if (!future.done()) future._settleValue(undefined)
  }
}

/** Where a callback was added, as far as it is known. */
const addedAt = (handle: WatchHandle, callback: unknown): string =>
  programFrame(handle.sourceTraceback) ??
  `${functionName(callback)} (open the loop with debug: true to see where)`
