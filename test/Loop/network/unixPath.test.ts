// The file of a unix socket: what stands in the way, what is removed, and what is left to others.
// Covers: unixPath, givenFd, unixSocket
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { connect } from "node:net"
import type { Readable } from "node:stream"
import { describe, expect, it } from "vitest"
import { BindError, type EventLoop } from "../../../src/index.js"
import { compiled } from "../../support/compiled.js"
import { echo, failure, folder, onLoop, Recording, withUnixServer } from "../../support/network.js"

/** A socket that nobody listens on any more. */
const stale = async (path: string): Promise<void> => (await withUnixServer(path)).close()

const works = async (loop: EventLoop, path: string): Promise<boolean> => {
  const [transport, protocol] = await loop.createUnixConnection(() => new Recording(loop), { path })
  transport.write("works")
  await protocol.received("works")
  transport.close()
  await protocol.lost
  return true
}

const isSocket = (path: string): boolean => fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false

describe("createUnixServer", () => {
  it("server-014 listens on a path, which it and its connections know", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/s.sock`
      const served = new Recording(loop)
      const server = await loop.createUnixServer(() => served, { path })
      expect(server.sockets).toEqual([{ host: undefined, port: undefined, path, family: "unix" }])
      connect({ path })
        .on("error", () => {})
        .write("xxx")
      await served.received("xxx")
      expect(served.transport.getExtraInfo("sockname")).toBe(path)
      expect(served.transport.getExtraInfo("peername")).toBe("")
      expect(String(served.transport)).toBe(`<SocketTransport a client of ${path} open>`)
      served.transport.close()
      await served.lost
      expect(served.log).toEqual(["made", "data xxx", "lost null"])
      server.close()
    }))

  it("server-034 takes the place of a stale socket", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/s.sock`
      await stale(path)
      expect(isSocket(path)).toBe(true)
      const server = await loop.createUnixServer(echo, { path })
      expect(await works(loop, path)).toBe(true)
      server.close()
      expect(fs.existsSync(path)).toBe(false)
    }))

  it("server-035 server-119 an ordinary file is refused by its path, and keeps its content", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/file`
      fs.writeFileSync(path, "content")
      const error = await failure(() => loop.createUnixServer(echo, { path }))
      expect(error).toBeInstanceOf(BindError)
      expect(error).toMatchObject({ code: "EADDRINUSE", address: path })
      expect(String(error)).toContain(`cannot listen on ${path}: it is a file and no socket, and is kept`)
      expect(fs.readFileSync(path, "utf8")).toBe("content")
    }))

  it("a folder, one that is not there or may not be written to, and a path too long are told as what they are", () =>
    onLoop(async (loop) => {
      const at = folder()
      const codeOf = async (path: string) => {
        const error = (await failure(() => loop.createUnixServer(echo, { path }))) as BindError
        expect(error).toBeInstanceOf(BindError)
        expect(error.message).toContain(path)
        return error.code
      }
      expect(await codeOf(at)).toBe("EADDRINUSE")
      expect(await codeOf(`${at}/none/s.sock`)).toBe("ENOENT")
      expect(await codeOf(`${at}/${"x".repeat(120)}`)).toBe("ENAMETOOLONG")
      expect(fs.readdirSync(at)).toEqual([])
    }))

  it("a socket that another server listens on is left to it", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/s.sock`
      const server = await loop.createUnixServer(echo, { path })
      const error = await failure(() => loop.createUnixServer(echo, { path }))
      expect(error).toMatchObject({ _tag: "BindError", code: "EADDRINUSE", address: path })
      expect(String(error)).toContain("a server listens there; end it, or choose another path")
      expect(await works(loop, path)).toBe(true)
      server.close()
    }))

  it.runIf(process.platform === "linux")("a name that no file has", () =>
    onLoop(async (loop) => {
      const path = `\0effect-aio-${process.pid}`
      const server = await loop.createUnixServer(echo, { path })
      expect(await works(loop, path)).toBe(true)
      expect(String(server)).toContain(`@effect-aio-${process.pid}`)
      server.close()
    })
  )
})

describe("the file, when the server is closed", () => {
  it("server-030 is removed", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/s.sock`
      const server = await loop.createUnixServer(echo, { path })
      expect(isSocket(path)).toBe(true)
      server.close()
      expect(fs.existsSync(path)).toBe(false)
    }))

  it("server-030 is removed by whoever was given the socket, too", async () => {
    const path = `${folder()}/s.sock`
    const { close, fd } = await withUnixServer(path)
    const child = spawn(process.execPath, [compiled("test/fixtures/network/inherited.ts"), "unix"], {
      stdio: ["pipe", "pipe", "inherit", fd]
    })
    const ended = once(child, "exit")
    const [told] = (await once(child.stdout as Readable, "data")) as [Buffer]
    await close()
    expect(JSON.parse(told.toString())).toMatchObject([{ path, family: "unix" }])
    const socket = connect({ path })
    socket.write("inherited")
    expect(String((await once(socket, "data"))[0])).toBe("inherited")
    socket.destroy()
    child.stdin?.end()
    expect(await ended).toEqual([0, null])
    expect(fs.existsSync(path)).toBe(false)
  })

  it("server-031 may be gone", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/s.sock`
      const server = await loop.createUnixServer(echo, { path })
      fs.unlinkSync(path)
      server.close()
      await server.waitClosed()
    }))

  it("server-032 is left alone where it is another one by now", () =>
    onLoop(async (loop) => {
      const at = folder()
      const path = `${at}/s.sock`
      const first = await loop.createUnixServer(echo, { path })
      fs.unlinkSync(path)
      const second = await loop.createUnixServer(echo, { path })
      first.close()
      expect(await works(loop, path)).toBe(true)
      second.close()
      expect(fs.readdirSync(at)).toEqual([])
    }))

  it("server-033 stays where that is asked for", () =>
    onLoop(async (loop) => {
      const at = folder()
      const path = `${at}/s.sock`
      const server = await loop.createUnixServer(echo, { path, cleanupSocket: false })
      server.close()
      expect(fs.readdirSync(at)).toEqual(["s.sock"])
      const next = await loop.createUnixServer(echo, { path })
      next.close()
      expect(fs.readdirSync(at)).toEqual([])
    }))
})
