/** Descriptors that belong to others: to a library that opens and closes them under us, and to a transport of the loop. */
import { once } from "node:events"
import * as net from "node:net"
import koffi from "koffi"
import { describe, expect, it } from "vitest"
import { InvalidStateError } from "../../../src/index.js"
import { settled, watched, withLoop } from "../../support/readerLoops.js"

const libpq = (() => {
  try {
    return koffi.load("libpq.so.5")
  } catch {
    return undefined
  }
})()

/** As much of a server of PostgreSQL as a connection needs. */
const server = async (): Promise<net.Server> => {
  const made = net.createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", () => {
      // AuthenticationOk, ReadyForQuery.
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]))
    })
  })
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve))
  return made
}

/** A port at which nobody listens. */
const deadPort = async (): Promise<number> => {
  const gone = await server()
  const port = portOf(gone)
  gone.close()
  await once(gone, "close")
  return port
}

const portOf = (of: net.Server): number => (of.address() as net.AddressInfo).port

describe("a library with descriptors of its own", () => {
  // libpq is there where PostgreSQL's client is installed. What it does, a close and the same number again while it is
  // registered, is in ReadersClosed.test.ts without it.
  it.skipIf(libpq === undefined)(
    "libpq, which tries one host after the other and closes their sockets while they are watched, connects",
    () =>
      withLoop(async (loop, reports) => {
        const start = libpq!.func("void *PQconnectStart(const char *)")
        const poll = libpq!.func("int PQconnectPoll(void *)")
        const socketOf = libpq!.func("int PQsocket(void *)")
        const finish = libpq!.func("void PQfinish(void *)")
        const alive = await server()
        const ports = [await deadPort(), await deadPort(), await deadPort(), portOf(alive)]
        const connection: unknown = start(
          `host=${ports.map(() => "127.0.0.1").join()} port=${ports.join()} ` +
            "user=u dbname=d sslmode=disable gssencmode=disable connect_timeout=60"
        )
        const seen: Array<number> = []
        const state = await new Promise<number>((resolve) => {
          const watch = (state: number): void => {
            const fd = socketOf(connection) as number
            if (seen.at(-1) !== fd) seen.push(fd)
            // Nothing is removed before libpq goes on: what it closes is registered still.
            if (state === 1) {
              loop.addReader(fd, step)
              loop.removeWriter(fd)
            } else {
              loop.addWriter(fd, step)
              loop.removeReader(fd)
            }
          }
          const step = (): void => {
            const state = poll(connection) as number
            if (state === 0 || state === 3) resolve(state)
            else watch(state)
          }
          watch(2)
        })
        expect(state).toBe(3)
        const last = socketOf(connection) as number
        loop.removeReader(last)
        loop.removeWriter(last)
        for (const fd of seen) {
          loop.removeReader(fd)
          loop.removeWriter(fd)
        }
        finish(connection)
        alive.close()
        await once(alive, "close")
        expect([watched(loop), reports]).toEqual([[0, 0], []])
      })
  )
})

describe("a descriptor of a child's pipe", () => {
  it("readers-012 is the transport's, until that is closed", () =>
    withLoop(async (loop) => {
      const lost = loop.createFuture<void>()
      const [transport] = await loop.subprocessExec(() => ({ connectionLost: () => lost.setResult() }), "cat")
      const fds = [...loop._transportFds.keys()]
      expect(fds.length).toBeGreaterThan(0)
      for (const fd of fds) {
        for (const call of [
          () => loop.addReader(fd, () => {}),
          () => loop.addWriter(fd, () => {}),
          () => loop.removeReader(fd),
          () => loop.removeWriter({ fd })
        ]) {
          expect(call).toThrow(InvalidStateError)
        }
        expect(() => loop.addReader(fd, () => {})).toThrow(
          new RegExp(`^file descriptor ${fd} is used by transport <`)
        )
      }
      transport.close()
      await lost
      await settled()
      expect(loop._transportFds.size).toBe(0)
      for (const fd of fds) expect([loop.removeReader(fd), loop.removeWriter(fd)]).toEqual([false, false])
    }))
})
