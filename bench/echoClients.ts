/**
 * The other side of the echo: `node dist/echoClients.js PORT`. Told a number of round trips over IPC, it makes them over fifty
 * connections of a kilobyte each, as fast as they are answered, and says how many came back whole.
 */
import { connect, type Socket } from "node:net"

const CONNECTIONS = 50
const message = Buffer.alloc(1024, "x")

const port = Number(process.argv[2])
const sockets = Array.from({ length: CONNECTIONS }, () => connect({ port, host: "127.0.0.1", noDelay: true }))

const trips = (socket: Socket, n: number): Promise<number> =>
  new Promise((resolve, reject) => {
    let done = 0
    let bytes = 0
    const heard = (data: Buffer): void => {
      bytes += data.length
      if (bytes < message.length) return
      bytes -= message.length
      if (++done < n) return void socket.write(message)
      socket.off("data", heard)
      resolve(done)
    }
    socket.on("data", heard)
    socket.once("error", reject)
    socket.write(message)
  })

process.on("message", (n: number) => {
  void Promise.all(sockets.map((socket) => trips(socket, n / CONNECTIONS))).then((all) =>
    process.send?.(all.reduce((sum, one) => sum + one, 0))
  )
})
process.on("disconnect", () => process.exit())
let connected = 0
for (const socket of sockets) socket.once("connect", () => ++connected === CONNECTIONS && process.send?.(0))
