// What of the ready queue may run next, under each order.
import { describe, expect, it } from "vitest"
import { SyncLoop } from "effect-aio"
import { Choices } from "../../../src/testing/explore/Choices.js"
import { ReadyOrder } from "../../../src/testing/explore/ReadyOrder.js"
import type { Order } from "../../../src/testing/explore/options.js"
import type { Runnable } from "../../../src/Loop/kernel/ports.js"
import { Handle, Plain } from "../../../src/Loop/kernel/Handle.js"
import { enter } from "../../../src/Loop/kernel/current.js"

const loop = SyncLoop.make()

/** A queue that chooses what is asked of it, and what it may choose from. */
const queueOf = (
  order: Order,
  wanted: ReadonlyArray<number> = []
): { queue: ReadyOrder; could: Array<number> } => {
  const could: Array<number> = []
  const next = [...wanted]
  const choices = new Choices((_kind, n) => {
    could.push(n)
    return next.shift() ?? 0
  })
  return { queue: new ReadyOrder(choices, order, () => {}), could }
}

const sources = [{}, {}]
/** A callback that one of two tasks has queued. */
const by = (queue: ReadyOrder, source: number): Handle => {
  const handle = new Handle(loop, () => {}, undefined, undefined)
  enter(loop, sources[source], undefined, (one: Runnable) => queue.push(one), handle)
  return handle
}

describe("ReadyOrder", () => {
  it("fifo: there is nothing to choose (L1)", () => {
    const { could, queue } = queueOf("fifo")
    const [a, b] = [by(queue, 0), by(queue, 1)]
    expect([queue.size, queue.peek(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
      2,
      a,
      a,
      b,
      undefined
    ])
    expect(could).toEqual([])
  })

  it("fifo-per-source: any source, and of each the first", () => {
    const { could, queue } = queueOf("fifo-per-source", [1, 1])
    const [a1, a2, b1, b2] = [by(queue, 0), by(queue, 0), by(queue, 1), by(queue, 1)]
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([b1, b2, a1, a2])
    expect(could).toEqual([2, 2])
  })

  it("any: everything", () => {
    const { could, queue } = queueOf("any", [1])
    const [a1, a2] = [by(queue, 0), by(queue, 0)]
    expect([queue.shift(), queue.shift()]).toEqual([a2, a1])
    expect(could).toEqual([2])
  })

  it("what the library has queued keeps its place, under every order", () => {
    for (const order of ["fifo", "fifo-per-source", "any"] as const) {
      const { queue } = queueOf(order, [1, 1, 1, 1])
      const a = by(queue, 0)
      const own = new Plain(() => {})
      queue.push(own)
      const b = by(queue, 1)
      expect([queue.shift(), queue.shift(), queue.shift()]).toEqual([a, own, b])
    }
  })

  it("shows what it will give, counts, and gives everything up", () => {
    const { could, queue } = queueOf("fifo-per-source", [1])
    const [a, b] = [by(queue, 0), by(queue, 1)]
    expect([queue.peek(), queue.peek(), queue.shift()]).toEqual([b, b, b])
    expect(could).toEqual([2])
    expect(queue.count((one) => one === a)).toBe(1)
    expect([queue.clear(), queue.size]).toEqual([[a], 0])
  })
})
