/**
 * The other side of the echo: `node dist/echoClients.js PORT`. For each line on stdin, a number of round trips, it makes
 * them over fifty connections, a kilobyte each, as fast as they are answered, and writes how many came back whole. Its first
 * line says that all are connected.
 */
import { connect, type Socket } from "node:net"
import { createInterface } from "node:readline"

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

let connected = 0
for (const socket of sockets)
  socket.once("connect", () => {
    if (++connected === CONNECTIONS) console.log(0)
  })
for await (const n of createInterface({ input: process.stdin })) {
  const all = await Promise.all(sockets.map((socket) => trips(socket, Number(n) / CONNECTIONS)))
  console.log(all.reduce((sum, one) => sum + one, 0))
}
process.exit()
