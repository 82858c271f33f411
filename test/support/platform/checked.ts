/** Loops under the platform's layers, which must have closed, with nothing left on them, when their test ends. */
import { afterEach, expect } from "vitest"
import type { EventLoop } from "../../../src/index.js"
import { nothingHeld } from "../../../src/Loop/EventLoop.js"

let opened: Array<EventLoop> = []

/** Has the loop checked at the end of the test. */
export const track = (loop: EventLoop): EventLoop => {
  opened.push(loop)
  return loop
}

afterEach(() => {
  const loops = opened
  opened = []
  for (const loop of loops) {
    expect(loop.statistics(), `${loop.name} at the end of the test`).toMatchObject({
      state: "closed",
      ready: 0,
      timers: 0,
      tasks: 0,
      effects: 0,
      crossings: 0,
      ...nothingHeld
    })
  }
})
