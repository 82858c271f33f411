// The main job of the library, run as its users run it: in a process of its own.
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

interface Program {
  readonly pid: number
  /** What it has printed so far. */
  readonly output: () => string
  /** The first match in what it prints. */
  readonly prints: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly signal: (name: NodeJS.Signals) => void
  /** Its exit code, when it has exited. */
  readonly exited: Promise<number | null>
}

const running = new Set<Program>()

const start = (...options: ReadonlyArray<string>): Program => {
  // Postgres is compiled as quickly as it can be: a run is too short for the optimizing compiler to pay.
  const child = spawn(process.execPath, ["--liftoff-only", compiled("examples/cities/main.ts"), ...options], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let text = ""
  const listeners = new Set<() => void>()
  const add = (chunk: Buffer): void => {
    text += chunk.toString()
    for (const listener of listeners) listener()
  }
  child.stdout.on("data", add)
  child.stderr.on("data", add)
  const exited = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      running.delete(program)
      resolve(code)
    })
  })
  const program: Program = {
    pid: child.pid ?? 0,
    output: () => text,
    prints: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(text)
          if (found === null) return
          listeners.delete(look)
          resolve(found)
        }
        listeners.add(look)
        look()
        void exited.then(() => reject(new Error(`it exited before it printed ${pattern}:\n${text}`)))
      }),
    signal: (name) => void child.kill(name),
    exited
  }
  running.add(program)
  return program
}

/** The names in the closing report, in order. */
const closed = (output: string): Array<string> =>
  [...(output.split("closing:\n")[1] ?? "").matchAll(/^ {2}(\S.*?) +[\d.]+ ms/gm)].map(
    ([, name]) => name ?? ""
  )

const row = (output: string, name: string): number =>
  Number(new RegExp(`^  ${name} +([\\d,.]+)`, "m").exec(output)?.[1]?.replaceAll(",", "") ?? NaN)

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const get = async (url: string): Promise<{ status: number; body: any }> => {
  const response = await fetch(url)
  return { status: response.status, body: await response.json() }
}

describe("examples/cities", () => {
  afterEach(() => {
    for (const program of running) program.signal("SIGKILL")
  })

  it("--once: 1,000 requests, a tenth abandoned, every answer right, exit code 0", async () => {
    const program = start("--once")
    const code = await program.exited
    const output = program.output()
    expect(code, output).toBe(0)
    expect(output).toContain("loaded 135233 of 135233 cities")
    expect(row(output, "requests")).toBe(1_000)
    expect(row(output, "abandoned by the client")).toBe(100)
    expect(row(output, "timed out \\(504\\)")).toBeGreaterThanOrEqual(10)
    expect(row(output, "ok")).toBe(900 - row(output, "timed out \\(504\\)"))
    expect(row(output, "mismatches")).toBe(0)
    expect(row(output, "rows")).toBe(135_233)
    const neverRan = row(output, "queries cancelled before they ran")
    expect(neverRan).toBeGreaterThan(0)
    expect(row(output, "queries that reached Postgres")).toBeLessThanOrEqual(
      row(output, "queries") - neverRan
    )
    expect(closed(output)).toEqual(["http client", "timer", "background task", "server", "database", "loop"])
    expect(output).toContain("left running: nothing")
    expect(output).not.toMatch(/level=(WARN|ERROR|FATAL)/)
  }, 120_000)

  it("SIGINT closes everything in order, after the request that is being answered, with exit code 130", async () => {
    const program = start("--port", "0")
    const [, url = ""] = await program.prints(/listening on (http:\S+)/)

    expect(await get(`${url}/city/2761369`)).toMatchObject({
      status: 200,
      body: { name: "Vienna", country: "AT" }
    })
    const austria = await get(`${url}/cities?country=AT&limit=2`)
    expect(austria.body.cities.map((city: any) => city.name)).toEqual(["Vienna", "Graz"])
    expect((await get(`${url}/search?q=${encodeURIComponent("são p")}`)).body.cities[0].name).toBe(
      "São Paulo"
    )
    expect((await get(`${url}/summary`)).body).toMatchObject({ cities: 135_233, countries: 246 })
    expect(await get(`${url}/city/1`)).toMatchObject({ status: 404, body: { error: { code: "not-found" } } })
    expect(await get(`${url}/cities?country=Austria&limit=x`)).toEqual({
      status: 400,
      body: {
        error: {
          code: "bad-request",
          message: "country: two capital letters, as in AT; limit: a whole number from 1 to 1000"
        }
      }
    })
    expect(await get(`${url}/slow`)).toMatchObject({ status: 504, body: { error: { code: "timeout" } } })

    const inFlight = get(`${url}/slow`)
    await new Promise((resolve) => setTimeout(resolve, 200))
    program.signal("SIGINT")
    expect(await inFlight).toMatchObject({ status: 504 })
    expect(await program.exited).toBe(130)

    const output = program.output()
    expect(closed(output)).toEqual(["timer", "background task", "server", "database", "loop"])
    expect(output).toMatch(/server +[\d.]+ ms +8 requests served, 0 cut off/)
    expect(output).toContain("left running: nothing")
    expect(output).not.toMatch(/level=(ERROR|FATAL)/)
    expect(isAlive(program.pid)).toBe(false)
    await expect(fetch(url)).rejects.toThrow()
  }, 120_000)

  it("SIGTERM while it loads closes what is open, with exit code 143", async () => {
    const program = start("--port", "0")
    await program.prints(/loaded 25000 of/)
    program.signal("SIGTERM")
    expect(await program.exited).toBe(143)
    expect(closed(program.output())).toEqual(["database", "loop"])
    expect(program.output()).not.toContain("listening on")
  }, 120_000)
})
