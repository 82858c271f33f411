/**
 * Who gets the page and what it is told, and who does not.
 *
 * Covers: access, Viewer
 */
import { readFileSync } from "node:fs"
import { type IncomingMessage, request, type RequestOptions } from "node:http"
import { connect } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { asksFromElsewhere, isToken, namesUs } from "../../../src/cli/ui/access.js"
import { PageServer, type PageServerOptions } from "../../../src/cli/ui/PageServer.js"
import { Sampler } from "../../../src/cli/ui/Sampler.js"
import type { ThreadDumps } from "../../../src/cli/Viewed.js"
import { compiled } from "../../support/compiled.js"
import { dumpSeen, rowSeen, threadSeen, viewedAs } from "../../support/seen.js"

const page = readFileSync(compiled("src/cli/page.html"), "utf8")
const closing: Array<() => Promise<void>> = []

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const serve = async (
  see: () => ReadonlyArray<ThreadDumps> = () => [threadSeen([dumpSeen([rowSeen()])])],
  given: Partial<PageServerOptions> = {}
) => {
  const log: Array<string> = []
  const sampler = new Sampler({
    pid: 4711,
    every: 5,
    most: 100_000,
    open: async () => viewedAs(see, log),
    lives: () => true
  })
  const server = await PageServer.open({ host: "127.0.0.1", port: 0, page, sampler, ...given })
  closing.push(async () => {
    server.close()
    await sampler.close()
  })
  return { log, sampler, server, url: server.url, events: `${server.url}events` }
}

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingMessage["headers"]
  readonly text: string
}

/** What is answered, until so many events have come. */
const ask = (url: string, options: RequestOptions = {}, enough = Infinity): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { agent: false, ...options }, (response) => {
      const parts: Array<string> = []
      let count = 0
      const { headers, statusCode: status } = response
      const done = () => resolve({ status, headers, text: parts.join("") })
      response.setEncoding("utf8")
      response.on("data", (part: string) => {
        parts.push(part)
        count += part.split("\n\n").length - 1
        if (count < enough) return
        done()
        asked.destroy()
      })
      response.on("end", done)
      response.on("error", () => {})
    })
    asked.on("error", reject)
    asked.end()
  })

const messagesOf = (text: string) =>
  text
    .split("\n\n")
    .slice(0, -1)
    .map((event) => JSON.parse(event.replace(/^data: /, "")) as { kind: string; rows: Array<unknown> })

describe("the server of the page", () => {
  it("serves one page that loads nothing, may run nothing but itself, and has the licence of what is in it", async () => {
    const { url } = await serve()
    const { headers, status, text } = await ask(url)
    expect(status).toBe(200)
    const policy = String(headers["content-security-policy"])
    const nonce = /script-src 'nonce-([\w-]{20,})'/.exec(policy)?.[1]
    expect(policy).toMatch(/^default-src 'none'; /)
    expect(text.match(/nonce="[^"]*"/g)).toEqual([`nonce="${nonce}"`, `nonce="${nonce}"`])
    expect(text).not.toMatch(/NONCE|\/\*(STYLE|SCRIPT)\*\/|<(script|link|img)[^>]* (src|href)="(?!data:)/)
    expect(text).toMatch(/uPlot[^]*The MIT License[^]*Leon Sorokin[^]*WITHOUT WARRANTY/)
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff"
    })
    expect(headers["access-control-allow-origin"]).toBeUndefined()
    expect((await ask(url)).headers["content-security-policy"]).not.toBe(policy)
  })

  it("answers only who knows the address", async () => {
    const { server, url } = await serve()
    const root = `http://127.0.0.1:${server.port}`
    for (const path of ["/", "/events", `/${"a".repeat(24)}/`, `/${"a".repeat(24)}/events`, "/%2e%2e/", "//"])
      expect([path, (await ask(`${root}${path}`)).status]).toEqual([path, 404])
    const token = new URL(url).pathname
    for (const path of [token.slice(0, -1), `${token}other`, `${token}events/`, `${token}?x`])
      expect([path, (await ask(`${root}${path}`)).status]).toEqual([path, 404])
    const posted = await ask(url, { method: "POST" })
    expect([posted.status, posted.headers.allow]).toEqual([405, "GET"])
  })

  it("answers nobody who was led here by another name, or asks from another page", async () => {
    const { events: told, server, url } = await serve()
    const { port } = server
    for (const host of ["evil.example", `evil.example:${port}`, `127.0.0.1:${port + 1}`, "127.0.0.1"])
      expect([host, (await ask(url, { headers: { host } })).status]).toEqual([host, 421])
    for (const host of [`localhost:${port}`, `[::1]:${port}`, `127.0.0.1:${port}`])
      expect([host, (await ask(url, { headers: { host } })).status]).toEqual([host, 200])
    for (const headers of [
      { origin: "http://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" }
    ])
      expect([headers, (await ask(told, { headers })).status]).toEqual([headers, 403])
    const own = { origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" }
    expect((await ask(told, { headers: own }, 1)).status).toBe(200)
  })

  it("tells two viewers of one sampling, each of them all at first and then what is new", async () => {
    let looks = 0
    const { events: told, log } = await serve(() => {
      looks++
      return [threadSeen([dumpSeen([rowSeen({ key: looks })])])]
    })
    const both = await Promise.all([ask(told, {}, 4), ask(told, {}, 4)])
    for (const { text } of both)
      expect(
        messagesOf(text)
          .map(({ kind }) => kind)
          .slice(0, 3)
      ).toEqual(["all", "changes", "changes"])
    expect(log.filter((what) => what !== "close").length).toBe(looks)
    expect(looks).toBeLessThan(12)
  })

  it("keeps nothing for a viewer that never reads, goes on for the others, and leaves it in the end", async () => {
    let looks = 0
    const rows = () =>
      Array.from({ length: 2_000 }, (_, i) => rowSeen({ key: i, state: `state ${looks} ${"x".repeat(150)}` }))
    const see = () => {
      looks++
      return [threadSeen([dumpSeen(rows(), { took: 0 })])]
    }
    const { events: told, server } = await serve(see, { patience: 300 })
    const { host, pathname } = new URL(told)
    const deaf = connect(server.port, "127.0.0.1")
    const left = new Promise<void>((resolve) => deaf.once("close", () => resolve()))
    deaf.on("error", () => {})
    deaf.write(`GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
    deaf.pause()
    const { text } = await ask(told, {}, 30)
    // Each of them has half a megabyte.
    expect(text.length).toBeGreaterThan(10_000_000)
    expect(server.held).toBeLessThan(5_000_000)
    // Its end is seen by who reads.
    setTimeout(() => deaf.resume(), 1_000)
    await left
  })

  it("tells one that has missed some all that is there when it reads on", async () => {
    let looks = 0
    let onLook = (): void => {}
    const rows = () =>
      Array.from({ length: 2_000 }, (_, i) => rowSeen({ key: i, state: `state ${looks} ${"x".repeat(150)}` }))
    const { events: told } = await serve(() => {
      looks++
      onLook()
      return [threadSeen([dumpSeen(rows(), { took: 0 })])]
    })
    const kinds = await new Promise<ReadonlyArray<string>>((resolve, reject) => {
      const found: Array<string> = []
      const asked = request(told, { agent: false }, (response) => {
        response.setEncoding("utf8")
        response.on("data", (part: string) => {
          found.push(...[...part.matchAll(/data: \{"kind":"(\w+)"/g)].map(([, kind = ""]) => kind))
          if (found.lastIndexOf("all") < 1) return
          resolve(found)
          asked.destroy()
        })
        response.pause()
        onLook = () => {
          if (looks === 60) response.resume()
        }
        response.on("error", () => {})
      })
      asked.on("error", reject)
      asked.end()
    })
    expect(kinds[0]).toBe("all")
    expect(kinds.length).toBeLessThan(50)
  })

  it("has eight viewers at most", async () => {
    const { events: told } = await serve()
    const open = Array.from(
      { length: 8 },
      () =>
        new Promise<() => void>((resolve, reject) => {
          const asked = request(told, { agent: false }, (response) => {
            response.on("error", () => {})
            response.once("data", () => resolve(() => asked.destroy()))
          })
          asked.on("error", reject)
          asked.end()
        })
    )
    const leave = await Promise.all(open)
    expect((await ask(told)).status).toBe(503)
    for (const one of leave) one()
  })

  it("fails where something listens already, and where there is no such host", async () => {
    const { sampler, server } = await serve()
    await expect(PageServer.open({ host: "127.0.0.1", port: server.port, page, sampler })).rejects.toThrow(
      `nothing can listen on 127.0.0.1, port ${server.port}: EADDRINUSE`
    )
    await expect(PageServer.open({ host: "203.0.113.1", port: 0, page, sampler })).rejects.toThrow(
      "nothing can listen on 203.0.113.1, port 0: EADDRNOTAVAIL"
    )
  })

  it("knows its names, its askers and its word", () => {
    expect(namesUs(undefined, "127.0.0.1", 80)).toBe(false)
    expect(namesUs("127.0.0.1", "127.0.0.1", 80)).toBe(true)
    expect(namesUs("MyHost:8080", "myhost", 8080)).toBe(true)
    expect(namesUs("[::1]:8080", "0.0.0.0", 8080)).toBe(true)
    expect(namesUs("localhost.evil.example:8080", "127.0.0.1", 8080)).toBe(false)
    expect(asksFromElsewhere({ host: "a:1" })).toBe(false)
    expect(asksFromElsewhere({ host: "a:1", origin: "https://a:1" })).toBe(true)
    expect([isToken("abc", "abc"), isToken("abd", "abc"), isToken("", "abc"), isToken("äbc", "abc")]).toEqual(
      [true, false, false, false]
    )
  })
})
