import { describe, expect, it } from "vitest"
import { Event } from "../../../src/Loop/kernel/Event.js"

describe("Event", () => {
  it("wakes every waiter when it is set, and later ones at once, until it is cleared", async () => {
    const event = new Event()
    const log: Array<string> = []
    const waits = ["a", "b"].map((name) => event.wait().then(() => log.push(name)))
    await null
    expect([event.isSet(), log]).toEqual([false, []])
    event.set()
    event.set()
    await Promise.all(waits)
    await event.wait()
    expect([event.isSet(), log]).toEqual([true, ["a", "b"]])
    event.clear()
    expect(event.isSet()).toBe(false)
    expect(await Promise.race([event.wait(), Promise.resolve("still waiting")])).toBe("still waiting")
  })

  it("a listener that is taken back is not called, nor is one that a listener adds called twice", () => {
    const event = new Event()
    const log: Array<string> = []
    event._onSet(() => log.push("dropped"))()
    event._onSet(() => {
      log.push("outer")
      event._onSet(() => log.push("inner"))
    })
    event.set()
    event.set()
    expect(log).toEqual(["outer", "inner"])
  })
})
