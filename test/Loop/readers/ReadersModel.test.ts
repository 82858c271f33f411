/** Readers and writers against poll(2): whatever was added, removed, closed, dup'ed and written before. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Effect } from "effect"
import { type EventLoop, Loop, type WatchHandle } from "../../../src/index.js"
import * as fds from "../../support/fds.js"
import { settled, watched, withLoop } from "../../support/readerLoops.js"

type Side = "reader" | "writer"

/** One slot for a descriptor: a socket whose other end is the test's. */
interface Slot {
  fd: number
  peer: number
  open: boolean
  peerOpen: boolean
}

interface Registration {
  readonly handle: WatchHandle
  /** The slot's file when it was added; a later one is not its business. */
  readonly file: number
}

/** The loop, and beside it what should be registered. */
class Model {
  readonly slots: Array<Slot> = []
  /** By descriptor and side. */
  readonly registered = new Map<string, Registration>()
  /** Which file a descriptor stands for; a dup is the same one. */
  readonly files = new Map<number, number>()
  readonly called = new Map<string, number>()
  #files = 0

  constructor(readonly loop: EventLoop) {
    for (let i = 0; i < 4; i++) this.reopen(i)
  }

  reopen(i: number): void {
    const slot = this.slots[i]
    if (slot?.open === true) return
    if (slot !== undefined) this.closePeer(i)
    const [fd, peer] = this.#pairFor(i)
    this.slots[i] = { fd, peer, open: true, peerOpen: true }
    this.files.set(fd, ++this.#files)
    this.files.set(peer, ++this.#files)
  }

  /** Under no number of another slot that is closed: nothing may be there for it. Its own old number it may get again. */
  #pairFor(i: number): readonly [number, number] {
    const others = this.slots.filter((slot, at) => at !== i && !slot.open).map(({ fd }) => fd)
    const refused: Array<number> = []
    let pair = fds.socketPair()
    while (pair.some((fd) => others.includes(fd))) {
      refused.push(...pair)
      pair = fds.socketPair()
    }
    refused.forEach(fds.close)
    return pair
  }

  add(i: number, side: Side): void {
    const { fd, open } = this.slots[i]!
    const key = `${fd} ${side}`
    const before = this.registered.get(key)
    const add = side === "reader" ? this.loop.addReader : this.loop.addWriter
    const called = (): void => void this.called.set(key, (this.called.get(key) ?? 0) + 1)
    if (!open) {
      expect(() => add.call(this.loop, fd, called)).toThrow(expect.objectContaining({ code: "EBADF" }))
      expect(before?.handle.cancelled() ?? false).toBe(false)
      return
    }
    const handle = add.call(this.loop, fd, called)
    expect(before?.handle.cancelled() ?? true).toBe(true)
    this.registered.set(key, { handle, file: this.files.get(fd)! })
    // The other side comes along to the new file.
    const other = `${fd} ${side === "reader" ? "writer" : "reader"}`
    const beside = this.registered.get(other)
    if (beside !== undefined) this.registered.set(other, { ...beside, file: this.files.get(fd)! })
  }

  remove(i: number, side: Side, how: "remove" | "cancel"): void {
    const { fd } = this.slots[i]!
    const key = `${fd} ${side}`
    const was = this.registered.get(key)
    if (how === "cancel") was?.handle.cancel()
    else {
      const remove = side === "reader" ? this.loop.removeReader : this.loop.removeWriter
      expect(remove.call(this.loop, fd)).toBe(was !== undefined)
    }
    this.registered.delete(key)
  }

  close(i: number): void {
    const slot = this.slots[i]!
    if (!slot.open) return
    slot.open = false
    fds.close(slot.fd)
    this.files.delete(slot.fd)
  }

  closePeer(i: number): void {
    const slot = this.slots[i]!
    if (slot.peerOpen) fds.close(slot.peer)
    slot.peerOpen = false
  }

  send(i: number): void {
    const { peer, peerOpen } = this.slots[i]!
    if (peerOpen) fds.write(peer, "x")
  }

  /** What every registration should do now: be called, or not. */
  async check(): Promise<void> {
    // First what is queued already is out of the way.
    await settled()
    this.called.clear()
    await settled()
    const ready = fds.polled(this.slots.map(({ fd }) => fd))
    const readers = [...this.registered.keys()].filter((key) => key.endsWith("reader")).length
    expect(watched(this.loop)).toEqual([readers, this.registered.size - readers])
    for (const [i, { fd, open }] of this.slots.entries()) {
      for (const side of ["reader", "writer"] as const) {
        const key = `${fd} ${side}`
        const registration = this.registered.get(key)
        const live = open && registration?.file === this.files.get(fd)
        const should = live && (side === "reader" ? ready[i]!.read : ready[i]!.write)
        expect([key, (this.called.get(key) ?? 0) > 0]).toEqual([key, should])
        if (registration !== undefined) expect(registration.handle.cancelled()).toBe(false)
      }
    }
  }
}

const slot = fc.nat(3)
const side = fc.constantFrom<Side>("reader", "writer")

type Step = (model: Model) => void | Promise<void>

const steps: fc.Arbitrary<readonly [string, Step]> = fc.oneof(
  fc.tuple(slot, side).map(([i, s]) => [`add ${s} ${i}`, (m: Model) => m.add(i, s)] as const),
  fc.tuple(slot, side).map(([i, s]) => [`remove ${s} ${i}`, (m: Model) => m.remove(i, s, "remove")] as const),
  fc.tuple(slot, side).map(([i, s]) => [`cancel ${s} ${i}`, (m: Model) => m.remove(i, s, "cancel")] as const),
  slot.map((i) => [`send ${i}`, (m: Model) => m.send(i)] as const),
  slot.map((i) => [`take ${i}`, (m: Model) => void (m.slots[i]!.open && fds.read(m.slots[i]!.fd))] as const),
  slot.map((i) => [`fill ${i}`, (m: Model) => void (m.slots[i]!.open && fds.fill(m.slots[i]!.fd))] as const),
  slot.map((i) => [`peer gone ${i}`, (m: Model) => m.closePeer(i)] as const),
  slot.map((i) => [`close ${i}`, (m: Model) => m.close(i)] as const),
  slot.map((i) => [`reopen ${i}`, (m: Model) => m.reopen(i)] as const),
  fc.constant(["turn", () => new Promise<void>((resolve) => setImmediate(resolve))] as const)
)

describe("readers and writers, against poll(2)", () => {
  it(
    "are called when poll says so, and only then; closes of what is registered included",
    { timeout: 60_000 },
    () =>
      fc.assert(
        fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 40 }), (program) =>
          withLoop(async (loop, reports) => {
            const model = new Model(loop)
            for (const [i, [, step]] of program.entries()) {
              await step(model)
              if (i % 8 === 7) await model.check()
            }
            await model.check()
            expect(reports).toEqual([])
            for (const [key] of model.registered) {
              const [fd = "", s] = key.split(" ")
              const remove = s === "reader" ? loop.removeReader : loop.removeWriter
              expect(remove.call(loop, Number(fd))).toBe(true)
            }
            expect(watched(loop)).toEqual([0, 0])
            for (const { fd, open, peer } of model.slots) {
              fds.close(peer)
              if (open) fds.close(fd)
            }
          })
        ),
        { numRuns: 60 }
      )
  )

  it(
    "with dups alive, nothing that was removed is called, and what is registered is",
    { timeout: 60_000 },
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              dup: fc.boolean(),
              closes: fc.boolean(),
              removes: fc.boolean(),
              waits: fc.boolean()
            }),
            { minLength: 1, maxLength: 12 }
          ),
          (all) =>
            withLoop(async (loop) => {
              const opened: Array<number> = []
              const expected: Array<string> = []
              const called = new Set<string>()
              for (const [i, { closes, dup, removes, waits }] of all.entries()) {
                const [r, w] = fds.pipe()
                opened.push(w)
                loop.addReader(r, () => called.add(`${i}`))
                if (waits) await new Promise<void>((resolve) => setImmediate(resolve))
                if (dup) opened.push(fds.dup(r))
                if (closes) fds.close(r)
                else opened.push(r)
                if (removes) loop.removeReader(r)
                fds.write(w, "x")
                if (!closes && !removes) expected.push(`${i}`)
                // What is closed and not removed speaks as long as a dup does, unless its number was used again.
                if (closes && !removes) loop.removeReader(r)
              }
              await settled()
              called.clear()
              await settled()
              expect([...called].sort()).toEqual(expected.sort())
              for (const fd of opened) fds.close(fd)
            })
        ),
        { numRuns: 60 }
      )
  )

  it("waits of Effect end when poll says so, whatever is registered beside them", { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(slot, fc.constantFrom("wait", "interrupt", "add", "remove", "send", "take")), {
          minLength: 1,
          maxLength: 30
        }),
        (program) =>
          withLoop(async (loop) => {
            const pipes = [0, 1, 2, 3].map(() => fds.pipe())
            const waits: Array<{ i: number; done: boolean; stop: AbortController; end: Promise<unknown> }> =
              []
            for (const [i, what] of program) {
              const [r, w] = pipes[i]!
              if (what === "wait") {
                const stop = new AbortController()
                const wait = { i, done: false, stop, end: Promise.resolve() as Promise<unknown> }
                wait.end = Effect.runPromiseExit(Effect.provideService(Loop.readable(r), Loop, loop), {
                  signal: stop.signal
                }).then(() => (wait.done = true))
                waits.push(wait)
              } else if (what === "interrupt") {
                const wait = waits.find((other) => other.i === i && !other.done)
                wait?.stop.abort()
                await wait?.end
              } else if (what === "add") loop.addReader(r, () => {})
              else if (what === "remove") loop.removeReader(r)
              else if (what === "send") fds.write(w, "x")
              else fds.read(r)
              await settled()
              const ready = fds.polled(pipes.map(([fd]) => fd))
              for (const wait of waits) if (ready[wait.i]!.read) expect(wait.done).toBe(true)
            }
            for (const { end, stop } of waits) {
              stop.abort()
              await end
            }
            for (const [r] of pipes) loop.removeReader(r)
            expect(watched(loop)).toEqual([0, 0])
            for (const [r, w] of pipes) {
              fds.close(r)
              fds.close(w)
            }
          })
      ),
      { numRuns: 40 }
    )
  )
})
