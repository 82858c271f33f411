import { closeSync, readSync, realpathSync, writeSync } from "node:fs"
import { createRequire } from "node:module"
import { Socket } from "node:net"
import { ours } from "../loops.js"
import { type Case, fail, peer } from "../case.js"

/** The library's own copy: it is what its readers use. */
const { load } = createRequire(
  realpathSync(createRequire(import.meta.url).resolve("effect-aio/package.json"))
)("koffi") as {
  load: (library: null) => { func: (signature: string) => (...args: Array<unknown>) => number }
}

const UNIX = 1
const STREAM_NONBLOCK = 1 | 0o4000

const socketPair = (): readonly [number, number] => {
  const both = new Int32Array(2)
  const socketpair = load(null).func("int socketpair(int, int, int, void *)")
  if (socketpair(UNIX, STREAM_NONBLOCK, 0, both) !== 0) fail("no socket pair")
  return [both[0] as number, both[1] as number]
}

const byte = Buffer.from("x")

/** One byte to and fro over a pair of sockets, both ends in this process. */
const pingPong = ours(({ loop }, n) => {
  const [a, b] = socketPair()
  const buffer = Buffer.alloc(1)
  return () =>
    new Promise((resolve) => {
      let trips = 0
      loop.addReader(b, () => {
        readSync(b, buffer)
        writeSync(b, byte)
      })
      loop.addReader(a, () => {
        readSync(a, buffer)
        if (++trips < n) return void writeSync(a, byte)
        loop.removeReader(a)
        loop.removeReader(b)
        closeSync(a)
        closeSync(b)
        resolve(trips)
      })
      writeSync(a, byte)
    })
})

const netPingPong = peer("node:net", (n) => {
  const [a, b] = socketPair().map((fd) => new Socket({ fd, readable: true, writable: true })) as [
    Socket,
    Socket
  ]
  return () =>
    new Promise((resolve) => {
      let trips = 0
      b.on("data", () => b.write(byte))
      a.on("data", () => {
        if (++trips < n) return void a.write(byte)
        a.destroy()
        b.destroy()
        resolve(trips)
      })
      a.write(byte)
    })
})

const addRemove = ours(({ loop }, n) => {
  const [a, b] = socketPair()
  const ready = (): void => {}
  return () => {
    let removed = 0
    for (let i = 0; i < n; i++) {
      loop.addReader(a, ready)
      if (loop.removeReader(a)) removed++
    }
    closeSync(a)
    closeSync(b)
    return removed
  }
})

const netAddRemove = peer("node:net, on and off 'readable'", (n) => {
  const [a, b] = socketPair().map((fd) => new Socket({ fd, readable: true, writable: true })) as [
    Socket,
    Socket
  ]
  const ready = (): void => {}
  return () => {
    for (let i = 0; i < n; i++) {
      a.on("readable", ready)
      a.off("readable", ready)
    }
    const left = a.listenerCount("readable")
    a.destroy()
    b.destroy()
    return n - left
  }
})

export const readers: ReadonlyArray<Case> = [
  {
    name: "ping-pong",
    what: "round trips of a byte over a socket pair",
    n: 10_000,
    contenders: [...pingPong, netPingPong]
  },
  {
    name: "add and remove",
    what: "pairs of addReader and removeReader",
    n: 20_000,
    contenders: [...addRemove, netAddRemove]
  }
]
