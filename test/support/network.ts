/** Protocols that remember what they were told, and loops for them that are closed and have reported nothing. */
import { once } from "node:events"
import koffi from "koffi"
import { linkSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, expect } from "vitest"
import {
  type EventLoop,
  type Future,
  type Protocol,
  type Report,
  type SocketTransport,
  SyncLoop
} from "../../src/index.js"

/** Runs a coroutine on a loop of its own, which is closed then and has nothing left; `reports` are those it may make. */
export const onLoop = async (
  body: (loop: EventLoop, reports: Array<Report>) => Promise<void>,
  options: { readonly mayReport?: boolean } = {}
): Promise<void> => {
  const reports: Array<Report> = []
  const loop = SyncLoop.make({ exceptionHandler: (_loop, report) => void reports.push(report) })
  await loop.runUntilComplete(() => body(loop, reports))
  await loop.close()
  if (options.mayReport !== true) expect(reports).toEqual([])
  expect(loop.statistics()).toMatchObject({ servers: 0, transports: 0 })
}

/** The error of what has to fail. */
export const failure = (f: () => PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve()
    .then(f)
    .then(
      (value) => Promise.reject(new Error(`it gave ${String(value)}`)),
      (error: unknown) => error
    )

/** Writes down what it is told. */
export class Recording {
  readonly log: Array<string> = []
  readonly made: Future<void>
  readonly lost: Future<void>
  transport!: SocketTransport
  text = ""
  readonly #waits = new Set<() => void>()

  constructor(protected readonly loop: EventLoop) {
    this.made = loop.createFuture<void>()
    this.lost = loop.createFuture<void>()
  }

  connectionMade(transport: SocketTransport): void {
    this.transport = transport
    this.log.push("made")
    this.made.setResult(undefined)
  }

  dataReceived(data: Buffer): void {
    this.log.push(`data ${data.toString()}`)
    this.text += data.toString()
    for (const wait of this.#waits) wait()
  }

  eofReceived(): boolean {
    this.log.push("eof")
    return false
  }

  pauseWriting(): void {
    this.log.push("pause")
  }

  resumeWriting(): void {
    this.log.push("resume")
  }

  connectionLost(error: Error | null): void {
    this.log.push(
      `lost ${error === null ? "null" : ((error as NodeJS.ErrnoException).code ?? String(error))}`
    )
    this.lost.setResult(undefined)
  }

  /** Done when all of what has come is this. */
  received(text: string): Future<void> {
    const done = this.loop.createFuture<void>()
    const look = (): void => {
      if (this.text !== text || done.done()) return
      this.#waits.delete(look)
      done.setResult(undefined)
    }
    this.#waits.add(look)
    look()
    return done
  }
}

/** Sends back what it is sent. */
export const echo = (): Protocol => {
  let transport: SocketTransport
  return {
    connectionMade: (made) => (transport = made),
    dataReceived: (data) => transport.write(data)
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

const folders: Array<string> = []
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true })
})

/** An empty folder with a short path, gone after the test. */
export const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), "A-net-"))
  folders.push(made)
  return made
}

/** A unix socket that listens, by its descriptor; `close` leaves its file. */
export const withUnixServer = async (
  path: string
): Promise<{ readonly fd: number; readonly close: () => Promise<void> }> => {
  const server = createServer().listen(path)
  await once(server, "listening")
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle
  return {
    fd,
    close: async () => {
      const aside = `${path}.aside`
      linkSync(path, aside)
      await new Promise((resolve) => server.close(resolve))
      renameSync(aside, path)
    }
  }
}

const getsockopt = koffi.load(null).func("int getsockopt(int, int, int, void *, void *)")

/** Whether Nagle's algorithm is off (TCP_NODELAY). */
export const noDelay = (transport: SocketTransport): boolean => {
  const { _handle } = transport.getExtraInfo("socket") as { readonly _handle: { readonly fd: number } }
  const value = new Int32Array(1)
  if (getsockopt(_handle.fd, 6, 1, value, new Int32Array([4])) !== 0) throw new Error("getsockopt")
  return value[0] !== 0
}
