import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Queue } from "../../../src/Loop/kernel/Queue.js"
import { collect } from "../../support/closedLoops.js"

describe("Queue", () => {
  it("gives items back in the order they came", () => {
    const queue = new Queue<number>()
    for (let i = 0; i < 1000; i++) queue.push(i)
    expect(queue.size).toBe(1000)
    expect(queue.clear()).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(queue.size).toBe(0)
  })

  it("is empty at first: shift and peek give undefined", () => {
    const queue = new Queue<number>()
    expect([queue.size, queue.shift(), queue.peek(), queue.clear()]).toEqual([0, undefined, undefined, []])
    queue.push(1)
    queue.shift()
    expect([queue.size, queue.shift(), queue.peek()]).toEqual([0, undefined, undefined])
  })

  it("behaves as an array does, whatever the order of calls", () => {
    const command = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ op: fc.constant("push" as const), n: fc.integer({ min: 1, max: 90 }) })
      },
      {
        weight: 4,
        arbitrary: fc.record({ op: fc.constant("shift" as const), n: fc.integer({ min: 1, max: 90 }) })
      },
      { weight: 1, arbitrary: fc.record({ op: fc.constant("peek" as const), n: fc.constant(1) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant("clear" as const), n: fc.constant(1) }) }
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const queue = new Queue<number>()
        const model: Array<number> = []
        let next = 0
        for (const { n, op } of commands) {
          for (let i = 0; i < n; i++) {
            if (op === "push") {
              queue.push(next)
              model.push(next++)
            } else if (op === "shift") expect(queue.shift()).toBe(model.shift())
            else if (op === "peek") expect(queue.peek()).toBe(model[0])
            else expect(queue.clear()).toEqual(model.splice(0))
          }
          expect(queue.size).toBe(model.length)
        }
        expect(queue.clear()).toEqual(model)
      }),
      { numRuns: 300 }
    )
  })

  it("keeps its order through a burst of a million and the shrinking after it", () => {
    const queue = new Queue<number>()
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1_000_000; i++) queue.push(i)
      let inOrder = true
      for (let i = 0; i < 1_000_000; i++) inOrder = queue.shift() === i && inOrder
      expect(inOrder).toBe(true)
      expect(queue.size).toBe(0)
    }
  })

  it("keeps no reference to an item that was taken", async () => {
    const queue = new Queue<object>()
    queue.push({})
    queue.push({ last: true })
    const taken = new WeakRef(queue.shift()!)
    expect(await collect(() => taken.deref() === undefined)).toBe(true)
    expect(queue.size).toBe(1)
  })
})
