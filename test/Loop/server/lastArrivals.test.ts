// When a server stops accepting: clients that never stop, and a system that keeps one of them waiting, are played.
// Covers: lastArrivals
import * as http from "node:http"
import { createServer } from "node:net"
import { describe, expect, it } from "vitest"
import { afterLastArrivals, type Arrivals } from "../../../src/Loop/server/connections/lastArrivals.js"
import { get, raw, serving } from "../../support/servers.js"

/** How many milliseconds it takes after a lame duck of so many, while `happened` is asked. */
const took = (lameDuck: number, happened: () => number, arrived: () => number = () => 0): Promise<number> =>
  new Promise((resolve) => {
    const since = performance.now()
    const arrivals: Arrivals = {
      get arrived() {
        return arrived()
      },
      get happened() {
        return happened()
      }
    }
    afterLastArrivals(createServer(), lameDuck, arrivals, () => resolve(performance.now() - since))
  })

describe("the last arrivals at a server", () => {
  it("S6 are waited for until nothing has happened for a while, which is soon", async () => {
    let left = 5
    expect(await took(10_000, () => (left > 0 ? left-- : 0))).toBeLessThan(1_000)
    expect(left).toBe(0)
  })

  it("S6 that never end are waited for as long as the lame duck was, and not without an end", async () => {
    let n = 0
    const never = (): number => n++
    const short = await took(0, never)
    expect(short).toBeGreaterThanOrEqual(50)
    const long = await took(300, never)
    expect(long).toBeGreaterThanOrEqual(300)
    expect(long).toBeGreaterThan(short)
    expect(await took(60_000, never)).toBeLessThan(5_000)
  })

  it("S6 are taken as long as they come, or as many as the system keeps have come", async () => {
    let kept = 600
    expect(
      await took(
        0,
        () => 0,
        () => (kept > 0 ? kept-- : 0)
      )
    ).toBeLessThan(5_000)
    expect(kept).toBe(0)
    let n = 0
    expect(
      await took(
        0,
        () => 0,
        () => n++
      )
    ).toBeLessThan(5_000)
    expect(n).toBeGreaterThan(511)
  })

  it.each([0, 20])(
    "S6 that wait for a busy server are all answered, after a lame duck of %i ms",
    (lameDuck) => {
      const server = http.createServer((_, response) => response.end("whole"))
      // Each takes so long that no clock may say when it is enough.
      server.on("connection", () => {
        const until = performance.now() + 3
        while (performance.now() < until);
      })
      return serving(server, { lameDuck }, async ({ close, port }) => {
        // All of them have come when the first is taken.
        const clients = Array.from({ length: 100 }, () => raw(port))
        await new Promise<void>((resolve) => process.nextTick(resolve))
        const closing = close()
        const ends = clients.map(async (client) => {
          const { ended, send } = await client
          send(get("/"))
          return (await ended).error ?? (await ended).text.slice(-5)
        })
        expect(new Set(await Promise.all(ends))).toEqual(new Set(["whole"]))
        await closing
      })
    }
  )
})
