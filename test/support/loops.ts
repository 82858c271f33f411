/** Loops for tests of the kernel, without Effect: on Node, and on a host that moves only when told to. */
import { NodeHost } from "../../src/Loop/host/NodeHost.js"
import { BaseEventLoop, type EventLoopOptions } from "../../src/Loop/kernel/BaseEventLoop.js"
import type { Abort, Contexts, Host } from "../../src/Loop/kernel/ports.js"
import { enter, enterHandle } from "../../src/Loop/kernel/current.js"
import type { Report } from "../../src/Loop/kernel/Report.js"

const liveClock = { live: true, now: () => performance.now(), after: () => () => {} }

/** A running loop on Node, and what its default exception handler was given. */
export const openNodeLoop = (
  options: EventLoopOptions & { readonly asyncContext?: boolean } = {}
): { readonly loop: BaseEventLoop; readonly reports: Array<Report> } => {
  const reports: Array<Report> = []
  const host = new NodeHost(liveClock, options.asyncContext ?? true, (report) => void reports.push(report))
  const loop = new BaseEventLoop(host, options)
  loop._start()
  return { loop, reports }
}

/** A host whose clock and turns are in the test's hands. Microtasks are real: `await` lets them run. */
export class ManualHost implements Host {
  time = 0
  /** What the loop has asked for, oldest first. */
  turns: Array<{ readonly how: "wake" | "hop" | "drain" | "yield"; readonly turn: () => void }> = []
  armed: { readonly when: number; readonly fire: () => void } | undefined
  /** Every `arm` and `disarm`, in order. */
  readonly arming: Array<number | "disarm"> = []
  readonly reports: Array<Report> = []
  closed = false
  readonly contexts: Contexts = {
    tracks: false,
    capture: () => undefined,
    call: (_context, loop, task, f, x) => enter(loop, task, undefined, f, x),
    callHandle: (_context, handle) => enterHandle(undefined, handle)
  }
  now(): number {
    return this.time
  }
  wake(turn: () => void): void {
    this.turns.push({ how: "wake", turn })
  }
  hop(turn: () => void): void {
    this.turns.push({ how: "hop", turn })
  }
  drain(turn: () => void): void {
    this.turns.push({ how: "drain", turn })
  }
  yield(turn: () => void): void {
    this.turns.push({ how: "yield", turn })
  }
  arm(when: number, fire: () => void): void {
    this.arming.push(when)
    this.armed = { when, fire }
  }
  disarm(): void {
    this.arming.push("disarm")
    this.armed = undefined
  }
  abort(): Abort {
    return new AbortController()
  }
  report(report: Report): void {
    this.reports.push(report)
  }
  inFiber(): boolean {
    return false
  }
  outsideFibers<X>(f: (x: X) => void, x: X): void {
    f(x)
  }
  isInside(): boolean {
    return true
  }
  close(): void {
    this.closed = true
  }
  /** Gives the loop one of the turns it asked for: at most one pass, or a part of one. */
  turn(): boolean {
    const next = this.turns.shift()
    next?.turn()
    return next !== undefined
  }
  /** Gives turns until nothing is asked for. For code without promises. */
  runUntilIdle(): void {
    while (this.turn());
  }
  /** The same with real microtasks between the turns. */
  async settle(): Promise<void> {
    do for (let i = 0; i < 20; i++) await null
    while (this.turn())
  }
  /** Moves the clock, firing what was armed on the way, and runs until idle. */
  advance(ms: number): void {
    const end = this.time + ms
    this.runUntilIdle()
    while (this.armed !== undefined && this.armed.when <= end) {
      const { fire, when } = this.armed
      this.time = Math.max(this.time, when)
      this.armed = undefined
      fire()
      this.runUntilIdle()
    }
    this.time = end
  }
}

/** A running loop on a manual host. */
export const openManualLoop = (
  options: EventLoopOptions = {}
): { readonly loop: BaseEventLoop; readonly host: ManualHost } => {
  const host = new ManualHost()
  const loop = new BaseEventLoop(host, options)
  loop._start()
  return { loop, host }
}
