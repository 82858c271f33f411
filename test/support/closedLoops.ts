/** Loops that have to be empty when their test ends: whatever a test leaves behind fails it. */
import { afterEach, expect } from "vitest"
import type { BaseEventLoop, EventLoopOptions } from "../../src/Loop/kernel/BaseEventLoop.js"
import { openManualLoop, openNodeLoop } from "./loops.js"

let opened: Array<BaseEventLoop> = []

const keep = <A extends { readonly loop: BaseEventLoop }>(made: A): A => {
  opened.push(made.loop)
  return made
}

/** `openManualLoop`, checked and closed after the test. */
export const manualLoop = (options?: EventLoopOptions) => keep(openManualLoop(options))

/** `openNodeLoop`, checked and closed after the test. */
export const nodeLoop = (options?: Parameters<typeof openNodeLoop>[0]) => keep(openNodeLoop(options))

/** What `statistics()` says of a loop that holds nothing. */
export const empty = { ready: 0, timers: 0, tasks: 0, unretrieved: 0 }

afterEach(() => {
  const loops = opened
  opened = []
  for (const loop of loops)
    expect(loop.statistics(), `${loop.name} at the end of the test`).toMatchObject(empty)
  for (const loop of loops) {
    loop.close()
    expect(loop.statistics()).toMatchObject({ ...empty, state: "closed" })
  }
})

/** Collects garbage until `gone()`, or for at most a second. Finalizers run between macrotasks. */
export const collect = async (gone: () => boolean): Promise<boolean> => {
  for (let i = 0; i < 100 && !gone(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    globalThis.gc?.()
  }
  return gone()
}
