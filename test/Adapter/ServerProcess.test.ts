// Servers in processes of their own, under load, told to stop by a signal, whatever runs the program.
import { Agent, request } from "undici"
import { describe, expect, it } from "vitest"
import { get, raw } from "../support/servers.js"
import { programsOf, TIMEOUT } from "../support/programs.js"

const start = programsOf("test/fixtures/servers.ts")

const CLIENTS = 50

/** A program that listens, and its port. */
const started = async (program: string) => {
  const child = start(program)
  await child.until(";")
  return { ...child, port: Number(/listening (\d+);/.exec(child.output())?.[1]) }
}

/** Clients that ask one request after the other until they are refused, and how their requests have ended. */
const load = (port: number) => {
  const counts: Record<string, number> = {}
  const count = (what: string) => (counts[what] = (counts[what] ?? 0) + 1)
  const one = async (): Promise<void> => {
    const agent = new Agent({ connections: 1 })
    for (;;) {
      try {
        const { body, headers, statusCode } = await request(`http://127.0.0.1:${port}/`, {
          dispatcher: agent
        })
        const text = await body.text()
        count(text.length === 20_000 ? `${statusCode} whole` : `${statusCode} in part`)
        if (headers["connection"] === "close") count("said to be the last")
      } catch (error) {
        const { code } = error as { readonly code?: string }
        count(code ?? String(error))
        if (code === "ECONNREFUSED") break
      }
    }
    await agent.destroy()
  }
  const all = Promise.all(Array.from({ length: CLIENTS }, one))
  const answered = async (most: number) => {
    while ((counts["200 whole"] ?? 0) < most) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return { counts, all, answered }
}

const closed = (output: string): string | undefined =>
  /server http:\S+ closed in \d+ ms: [^"\n]*/.exec(output)?.[0].replace(/\d+ ms/, "n ms")

describe("a program with a server", () => {
  it.each([
    ["run", 143],
    ["layer", 130],
    ["launch", 130],
    ["scoped", 130],
    ["joined", 143]
  ])(
    "S6 %s: SIGTERM under load answers what is in flight, closes what is below afterwards, and exits",
    async (program, code) => {
      const { ended, kill, port } = await started(program)
      const { all, answered, counts } = load(port)
      await answered(2 * CLIENTS)
      kill("SIGTERM")
      const end = await ended
      await all
      expect(Object.keys(counts).filter((what) => what.includes("part"))).toEqual([])
      expect(closed(end.output)).toMatch(/closed in n ms: \d+ requests? (was|were) in flight, all answered/)
      if (program !== "launch")
        expect(end.output.indexOf("database closed")).toBeGreaterThan(end.output.indexOf("closed in"))
      expect(end.output).not.toMatch(/WARN|ERROR/)
      expect(end.code).toBe(code)
    },
    TIMEOUT
  )

  it(
    "S6 with a lame duck no client sees a reset, however many do not stop",
    async () => {
      const { ended, kill, port } = await started("lameDuck")
      const { all, answered, counts } = load(port)
      await answered(CLIENTS)
      kill("SIGTERM")
      const end = await ended
      await all
      expect(Object.keys(counts).sort()).toEqual(["200 whole", "ECONNREFUSED", "said to be the last"])
      expect(counts["ECONNREFUSED"]).toBe(CLIENTS)
      expect(end.code).toBe(143)
    },
    TIMEOUT
  )

  it(
    "S6 what is stuck is named and the exit code is that of the signal",
    async () => {
      const { ended, kill, port, until } = await started("stuck")
      const client = await raw(port)
      client.send(get("/never"))
      await until("never")
      kill("SIGTERM")
      const { code, output } = await ended
      expect((await client.ended).text).toMatch(/^HTTP\/1.1 503 /)
      expect(output).toMatch(/request +GET \/never from 127\.0\.0\.1:\d+ +\d+ms +not answered +its handler/)
      expect(closed(output)).toContain("1 request was in flight, 0 answered, 1 cut off")
      expect(output).toContain("database closed")
      expect(code).toBe(143)
    },
    TIMEOUT
  )

  it(
    "S3 S6 a second signal leaves at once, and names what was in flight",
    async () => {
      const { ended, kill, port, until } = await started("patient")
      const client = await raw(port)
      client.send(get("/never"))
      await until("never")
      kill("SIGTERM")
      await expect
        .poll(() => raw(port).then(({ socket }) => void socket.destroy(), String), { timeout: 5_000 })
        .toContain("ECONNREFUSED")
      kill("SIGINT")
      const { code, output } = await ended
      await client.ended
      expect(output).toContain("SIGINT after SIGTERM: leaving at once")
      expect(output).toMatch(/request +GET \/never from /)
      expect(output).not.toContain("database closed")
      expect(code).toBe(130)
    },
    TIMEOUT
  )

  it(
    "S6 a server without descriptors lives on, serves again when it has some, and closes",
    async () => {
      const child = start("run", { shell: 'ulimit -n 40; exec "$@"' })
      await child.until(";")
      const port = Number(/listening (\d+);/.exec(child.output())?.[1])
      const clients = await Promise.all(Array.from({ length: 80 }, () => raw(port)))
      const ended = clients.map((client) => client.ended)
      // Those that it could not take have ended, and the others are served.
      await Promise.race(ended)
      for (const client of clients) client.socket.destroy()
      await Promise.all(ended)
      const { answered, all, counts } = load(port)
      await answered(CLIENTS)
      child.kill("SIGTERM")
      const end = await child.ended
      await all
      expect(Object.keys(counts).filter((what) => what.includes("part"))).toEqual([])
      expect(closed(end.output)).toMatch(/all answered|nothing was in flight/)
      expect(end.code).toBe(143)
    },
    TIMEOUT
  )

  it(
    "S6 phases longer than the deadline that the loop was given are refused before anything listens",
    async () => {
      const { code, output } = await start("short").ended
      expect(output).toContain("RangeError: the phases of a server take 5000ms")
      expect(code).toBe(1)
    },
    TIMEOUT
  )
})
