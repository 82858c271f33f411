// Names and addresses: getaddrinfo and getnameinfo.
// Covers: getaddrinfo, getnameinfo, checkAddress, EndpointMethods
import dns from "node:dns"
import type { LookupFunction } from "node:net"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Loop, LoopClosedError, type Report, ResolveError } from "../../../src/index.js"
import { open } from "../../support/scopedLoops.js"
import { settled, withLoop } from "../../support/readerLoops.js"

const failure = async (future: PromiseLike<unknown>): Promise<Error> => {
  try {
    await future
  } catch (error) {
    return error as Error
  }
  throw new Error("it did not fail")
}

/** A resolver that answers when it is told to. */
const resolver = () => {
  const asked: Array<Parameters<LookupFunction>[2]> = []
  const lookup: LookupFunction = (_host, _options, then) => void asked.push(then)
  return { asked, lookup }
}

describe("getaddrinfo", () => {
  it("gives what the system's resolver does, for each family, with the port (server-101)", () =>
    withLoop(async (loop) => {
      const system = await dns.promises.lookup("localhost", { all: true })
      const all = await loop.getaddrinfo("localhost", 80)
      expect(all).toEqual(system.map(({ address, family }) => ({ host: address, port: 80, family })))
      for (const family of [4, 6] as const) {
        const host = family === 4 ? "127.0.0.1" : "::1"
        expect(await loop.getaddrinfo(host, 1, { family })).toEqual([{ host, port: 1, family }])
        const other = loop.getaddrinfo(host, 1, { family: family === 4 ? 6 : 4 })
        expect(await failure(other)).toMatchObject({ _tag: "ResolveError", code: "ENOTFOUND", host })
      }
    }))

  it("without a host gives this machine's own, to connect to or to listen at (server-104)", () =>
    withLoop(async (loop) => {
      for (const host of [null, ""]) {
        for (const port of [0, null]) {
          expect(await loop.getaddrinfo(host, port)).toEqual([
            { host: "127.0.0.1", port: 0, family: 4 },
            { host: "::1", port: 0, family: 6 }
          ])
          expect(await loop.getaddrinfo(host, port, { family: 6, passive: true })).toEqual([
            { host: "::", port: 0, family: 6 }
          ])
        }
      }
    }))

  it("keeps the zone of an address (server-043)", () =>
    withLoop(async (loop) => {
      const [found] = await loop.getaddrinfo("fe80::1%1", 80)
      expect(found).toEqual({ host: "fe80::1%1", port: 80, family: 6 })
    }))

  it("fails with the resolver's error, typed, for a name that is not known", () =>
    withLoop(async (loop, reports) => {
      const { asked, lookup } = resolver()
      const found = loop.getaddrinfo("no.such.host.invalid", 80, { lookup })
      const cause = Object.assign(new Error("getaddrinfo ENOTFOUND no.such.host.invalid"), {
        code: "ENOTFOUND"
      })
      asked[0]?.(cause, [])
      const error = await failure(found)
      expect(error).toBeInstanceOf(ResolveError)
      expect(error).toMatchObject({ host: "no.such.host.invalid", code: "ENOTFOUND", cause })
      expect(error.message).toContain("no such host")
      expect(reports).toEqual([])
    }))

  it("refuses wrong arguments", () =>
    withLoop(async (loop) => {
      expect(() => loop.getaddrinfo(7 as never, 80)).toThrow(TypeError)
      expect(() => loop.getaddrinfo("localhost", "http" as never)).toThrow(TypeError)
      expect(() => loop.getaddrinfo("localhost", 65536)).toThrow(RangeError)
      expect(() => loop.getaddrinfo("a\0b", 80)).toThrow(TypeError)
      expect(() => loop.getaddrinfo("localhost", 80, { family: 7 as never })).toThrow(RangeError)
      expect(() => loop.getaddrinfo("localhost", 80, null as never)).toThrow(TypeError)
      expect(() => loop.getaddrinfo("localhost", 80, { flags: 1 } as never)).toThrow(TypeError)
      expect(() => loop.getaddrinfo("localhost", 80, { passive: 1 as never })).toThrow(TypeError)
      expect(() => loop.getaddrinfo("localhost", 80, { lookup: "dns" as never })).toThrow(TypeError)
      expect(await failure(loop.getaddrinfo("a".repeat(5000), 80))).toBeInstanceOf(ResolveError)
    }))

  it("cancelled ends at once, and drops the answer (server-106)", () =>
    withLoop(async (loop, reports) => {
      const { asked, lookup } = resolver()
      const task = loop.createTask(() => loop.getaddrinfo("a.test", 80, { lookup }))
      await loop.sleep(0)
      task.cancel()
      await failure(task)
      expect(task.cancelled()).toBe(true)
      expect(asked.length).toBe(1)
      for (const answer of asked) answer(new Error("too late"), [])
      await settled()
      expect(reports).toEqual([])
    }))

  it("S1 of a loop that is closed while it runs reports nothing when it answers (server-106)", async () => {
    const reports: Array<Report> = []
    const { asked, lookup } = resolver()
    await Effect.runPromise(
      Effect.scoped(
        Effect.flatMap(open({ exceptionHandler: (_, report) => void reports.push(report) }), (loop) =>
          Effect.sync(() => {
            void loop.getaddrinfo("a.test", 80, { lookup })
            void loop.createTask(() => loop.getaddrinfo("b.test", 80, { lookup }))
          }).pipe(Effect.zipRight(Effect.promise(settled)))
        )
      )
    )
    expect(asked.length).toBe(2)
    asked[0]?.(new Error("too late"), [])
    asked[1]?.(null, [{ address: "127.0.0.1", family: 4 }])
    await settled()
    expect(reports).toEqual([])
  })

  it("S4 is refused on a closed loop", async () => {
    const closed = await Effect.runPromise(Loop.scoped(Loop))
    expect(() => closed.getaddrinfo("localhost", 80)).toThrow(LoopClosedError)
    expect(() => closed.getnameinfo({ host: "127.0.0.1", port: 80 })).toThrow(LoopClosedError)
  })
})

describe("getnameinfo", () => {
  it("gives the names of a host and of a service, as the system has them", () =>
    withLoop(async (loop) => {
      const { hostname, service } = await dns.promises.lookupService("127.0.0.1", 80)
      const address = { host: "127.0.0.1", port: 80 }
      expect(await loop.getnameinfo(address)).toEqual({ host: hostname, service })
    }))

  it("takes numbers only", () =>
    withLoop(async (loop) => {
      expect(() => loop.getnameinfo({ host: "localhost", port: 80 })).toThrow(RangeError)
      expect(() => loop.getnameinfo({ host: null as never, port: 80 })).toThrow(RangeError)
      expect(() => loop.getnameinfo({ host: "127.0.0.1", port: -1 })).toThrow(RangeError)
      expect(() => loop.getnameinfo("127.0.0.1" as never)).toThrow(TypeError)
    }))

  it("cancelled ends at once, and drops the answer", () =>
    withLoop(async (loop, reports) => {
      const address = { host: "127.0.0.1", port: 80 }
      const cancelled = loop.getnameinfo(address)
      cancelled.cancel()
      expect(cancelled.cancelled()).toBe(true)
      await loop.getnameinfo(address)
      await settled()
      expect(reports).toEqual([])
    }))
})
