// Covers: address, openServer
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { spawnSync } from "node:child_process"
import { createServer, type Server as NetServer } from "node:net"
import * as http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import type { BindError, ServerOptions } from "../../../src/index.js"
import { hostPort } from "../../../src/Loop/network/Address.js"
import { addressText } from "../../../src/Loop/server/address.js"
import { listenAt } from "../../../src/Loop/server/listen.js"
import { settingsOf } from "../../../src/Loop/server/ServerOptions.js"
import { programsOf } from "../../support/programs.js"
import { get, raw, serving } from "../../support/servers.js"

const folder = mkdtempSync(join(tmpdir(), "aio-"))
afterAll(() => rmSync(folder, { recursive: true }))

const tried = (options: ServerOptions, server: NetServer = createServer()) =>
  new Promise<{ error: BindError | undefined; server: NetServer }>((resolve) => {
    listenAt(server, settingsOf(options), (error) => resolve({ error, server }))
  })

const textOf = async (options: ServerOptions): Promise<string> => {
  const { error, server } = await tried(options)
  if (error === undefined) await new Promise((resolve) => server.close(resolve))
  return error === undefined ? "listens" : String(error)
}

/** The file of a socket whose server was killed. */
const stale = (name: string): string => {
  const path = join(folder, name)
  const source = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`
  spawnSync(process.execPath, ["-e", source])
  expect(existsSync(path)).toBe(true)
  return path
}

describe("listen", () => {
  it("names the address and what helps where it cannot listen", async () => {
    const { server } = await tried({ host: "127.0.0.1" })
    const { port } = server.address() as { port: number }
    expect(await textOf({ host: "127.0.0.1", port })).toBe(
      `BindError: EADDRINUSE: cannot listen on 127.0.0.1:${port}: it is in use; choose another port, 0 for a free one, or ` +
        "end who has it"
    )
    await new Promise((resolve) => server.close(resolve))
    expect(await textOf({ host: "127.0.0.1", port })).toBe("listens")
    expect(await textOf({ host: "203.0.113.7", port: 80 })).toMatch(
      /^BindError: EADDRNOTAVAIL: cannot listen on 203.0.113.7:80: /
    )
    expect(await textOf({ host: "no.such.host.invalid", port: 80 })).toMatch(
      /^BindError: (ENOTFOUND|EAI_AGAIN): cannot listen on no.such.host.invalid:80: (no such host|the name server)/
    )
    expect(await textOf({ fd: 9_999 })).toMatch(/^BindError: \w+: cannot listen on descriptor 9999: /)
    expect(await textOf({ host: "localhost" })).toBe("listens")
    expect(await textOf({ host: "::1" })).toBe("listens")
  })

  it("removes the file of a unix socket that a dead server has left, and its own when it closes", async () => {
    const path = stale("stale.sock")
    const { error, server } = await tried({ path })
    expect(error).toBeUndefined()
    const client = await raw({ path })
    client.socket.destroy()
    await client.ended
    await new Promise((resolve) => server.close(resolve))
    expect(existsSync(path)).toBe(false)
  })

  it("refuses a unix socket where a server lives, and leaves that alone", async () => {
    const path = join(folder, "live.sock")
    const { server } = await tried({ path })
    expect(await textOf({ path })).toBe(
      `BindError: EADDRINUSE: cannot listen on ${path}: a server listens there; end it, or choose another path`
    )
    const client = await raw({ path })
    client.socket.destroy()
    await client.ended
    await new Promise((resolve) => server.close(resolve))
  })

  it("keeps a file, a folder and a link that are where a unix socket is to be", async () => {
    const file = join(folder, "file")
    const link = join(folder, "link")
    writeFileSync(file, "precious")
    symlinkSync(file, link)
    expect(await textOf({ path: file })).toContain("it is a file and no socket, and is kept")
    expect(await textOf({ path: folder })).toContain("it is a directory and no socket, and is kept")
    expect(await textOf({ path: link })).toContain("it is a link and no socket, and is kept")
    expect(readFileSync(file, "utf8")).toBe("precious")
  })

  it("refuses a path that is too long, or whose folder is missing or not to be written", async () => {
    expect(await textOf({ path: join(folder, "x".repeat(120)) })).toContain("ENAMETOOLONG")
    expect(await textOf({ path: join(folder, "missing", "x.sock") })).toContain(
      "there is no such folder; make it first"
    )
    const closed = join(folder, "closed")
    mkdirSync(closed)
    chmodSync(closed, 0o500)
    if (process.getuid?.() !== 0) expect(await textOf({ path: join(closed, "x.sock") })).toContain("EACCES")
  })

  it("takes nobody's file away when it is interrupted, and listens no more", async () => {
    for (const options of [{ host: "127.0.0.1" }, { host: "localhost" }, { path: stale("again.sock") }]) {
      const server = createServer()
      const log: Array<string> = []
      const cancel = listenAt(server, settingsOf(options), () => log.push("answered"))
      await new Promise<void>((resolve) => cancel(resolve))
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(server.listening).toBe(false)
      expect(log).toEqual([])
    }
  })

  it("writes addresses as people do", () => {
    expect(hostPort("::", 80)).toBe("[::]:80")
    const at = { host: "127.0.0.1", port: 80, family: "IPv4" } as const
    expect(addressText(createServer(), at)).toBe("tcp://127.0.0.1:80")
    expect(addressText(http.createServer(), at)).toBe("http://127.0.0.1:80")
    expect(addressText(undefined, { path: "/run/x.sock" })).toBe("unix:/run/x.sock")
    expect(addressText(undefined, undefined)).toBe("at an unknown address")
  })
})

const start = programsOf("test/fixtures/servers.ts")

const hello = () => http.createServer((_, response) => void response.end("hello"))

describe("any server", () => {
  it("S6 takes over a server that listens already, with what is connected to it", async () => {
    const web = hello()
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve))
    const { port } = web.address() as { port: number }
    const before = await raw(port)
    before.send(get("/"))
    await before.until("hello")
    const silent = await raw(port)
    await serving(web, { drain: 300, idle: 20, answer: 0 }, async ({ close, port: same, reports }) => {
      expect(same).toBe(port)
      await close()
      expect((await before.ended).error).toBeUndefined()
      await silent.ended
      expect(web.listening).toBe(false)
      expect(reports.every(({ kind }) => kind === "leftover")).toBe(true)
    })
  })

  it("S6 closes a server that the program has closed itself", async () => {
    const web = hello()
    await serving(web, { host: "127.0.0.1" }, async ({ close, reports, server }) => {
      await new Promise((resolve) => web.close(resolve))
      expect(server.isReady()).toBe(false)
      await close()
      expect(reports).toEqual([])
    })
  })

  it("S6 listens at a descriptor that somebody else has opened", async () => {
    const opener = createServer()
    await new Promise<void>((resolve) => opener.listen(0, "127.0.0.1", resolve))
    const { port } = opener.address() as { port: number }
    const { fd } = (opener as unknown as { readonly _handle: { readonly fd: number } })._handle
    // A process of its own, which has a copy of it as its descriptor 3.
    const child = start("inherited", { stdio: ["ignore", "pipe", "pipe", fd] })
    await child.until(`listening ${port};`)
    await new Promise((resolve) => opener.close(resolve))
    const client = await raw(port)
    client.send(get("/", "Connection: close"))
    expect((await client.ended).text).toContain("200 OK")
    child.kill("SIGTERM")
    expect((await child.ended).code).toBe(143)
    await expect(raw(port)).rejects.toThrow("ECONNREFUSED")
  })

  it("S6 a server that cannot accept says so once, and lives on", async () => {
    const web = hello()
    await serving(web, { host: "127.0.0.1" }, async ({ port, reports }) => {
      const full = Object.assign(new Error("accept EMFILE"), { code: "EMFILE" })
      for (let i = 0; i < 3; i++) web.emit("error", full)
      expect(reports.map(({ kind, message }) => `${kind} ${message}`)).toEqual([
        `late server http://127.0.0.1:${port} has an error, and goes on`
      ])
      const client = await raw(port)
      client.send(get("/", "Connection: close"))
      expect((await client.ended).text).toContain("hello")
    })
    expect(web.listenerCount("error")).toBe(0)
  })

  it("S6 watches a server without a trace when it has closed, and minds no request that is emitted by hand", async () => {
    const web = hello()
    const before = () => web.eventNames().map((name) => `${String(name)} ${web.listenerCount(name)}`)
    const there = before()
    await serving(web, { host: "127.0.0.1" }, async ({ reports }) => {
      const ended: Array<unknown> = []
      web.emit(
        "request",
        { httpVersionMajor: 1, url: "/", socket: null },
        { end: (text: unknown) => ended.push(text) }
      )
      expect(ended).toEqual(["hello"])
      expect(reports).toEqual([])
    })
    expect(before()).toEqual(there)
  })

  it("S6 opens and closes what has listen and close, by callback, promise, event or neither", async () => {
    const log: Array<string> = []
    const kinds = {
      promise: {
        listen: async (where: object) => void log.push(`promise listens ${JSON.stringify(where)}`),
        close: async () => void log.push("promise closes")
      },
      callback: {
        listen: (_: object, then: () => void) =>
          void setImmediate(() => (log.push("callback listens"), then())),
        close: (then: () => void) => void setImmediate(() => (log.push("callback closes"), then()))
      },
      neither: {
        listen: () => void log.push("neither listens"),
        close: () => void log.push("neither closes")
      }
    }
    for (const kind of Object.values(kinds)) {
      await serving(kind, { port: 1 }, async ({ close, lines, reports }) => {
        await close()
        log.push(lines()[0]?.replace(/\d+/, "n") ?? "no line")
        expect(reports).toEqual([])
      })
    }
    const line = "server at an unknown address closed in n ms"
    expect(log).toEqual([
      ...['promise listens {"port":1}', "promise closes", line],
      ...["callback listens", "callback closes", line],
      ...["neither listens", "neither closes", line]
    ])
  })

  it("S6 drains the server of Node in a framework before it calls the framework's own close", async () => {
    const log: Array<string> = []
    const web = http.createServer((_, response) => {
      log.push("request")
      setTimeout(() => response.end("hello"), 50)
    })
    const app = {
      server: web,
      listen: async (where: object) => {
        await new Promise<void>((resolve) => web.listen({ ...where }, resolve))
        return "http://somewhere"
      },
      close: async () => {
        await new Promise((resolve) => web.close(resolve))
        log.push("app closed")
      }
    }
    await serving(app, { host: "127.0.0.1" }, async ({ close, lines, port }) => {
      const client = await raw(port)
      client.send(get("/"))
      while (log.length === 0) await new Promise((resolve) => setImmediate(resolve))
      await close()
      log.push((await client.ended).text.includes("hello") ? "answered" : "cut")
      expect(lines()[0]).toContain("1 request was in flight, all answered")
    })
    expect(log).toEqual(["request", "app closed", "answered"])
  })

  it("S6 goes on where a close throws, fails or never calls back, and says so", async () => {
    const failures: Array<[close: () => unknown, said: RegExp]> = [
      [
        () => {
          throw new Error("no")
        },
        /closing server .* failed/
      ],
      [() => Promise.reject(new Error("no")), /closing server .* failed/],
      [() => new Promise(() => {}), /server +server at .* answering +its close to call back/]
    ]
    for (const [close_, said] of failures) {
      const options = { drain: 20, idle: 0, answer: 20 }
      await serving({ listen: () => {}, close: close_ }, options, async ({ close, reports }) => {
        await close()
        expect(reports.map(({ message }) => message)).toEqual([expect.stringMatching(said)])
      })
    }
  })
})
