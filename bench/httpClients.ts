/**
 * The other side of the HTTP cases: `node dist/httpClients.js PORT`. Told a number of requests over IPC, it sends them over fifty
 * connections that are kept, one after the other on each, and says how many were answered as they should be.
 */
import { connect, type Socket } from "node:net"

const CONNECTIONS = 50
const request = "GET /user/7 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"

const port = Number(process.argv[2])
const sockets = Array.from({ length: CONNECTIONS }, () => connect({ port, host: "127.0.0.1", noDelay: true }))

const requests = (socket: Socket, n: number): Promise<number> =>
  new Promise((resolve, reject) => {
    let done = 0
    let answer = ""
    const heard = (data: string): void => {
      answer += data
      if (!/\r\n\r\n(5\r\n)?hello(\r\n0\r\n\r\n)?$/.test(answer)) return
      if (!answer.startsWith("HTTP/1.1 200 OK")) return reject(new Error(answer))
      answer = ""
      if (++done < n) return void socket.write(request)
      socket.off("data", heard)
      resolve(done)
    }
    socket.on("data", heard)
    socket.once("error", reject)
    socket.write(request)
  })

process.on("message", (n: number) => {
  void Promise.all(sockets.map((socket) => requests(socket, n / CONNECTIONS))).then((all) =>
    process.send?.(all.reduce((sum, one) => sum + one, 0))
  )
})
process.on("disconnect", () => process.exit())
let connected = 0
for (const socket of sockets) {
  socket.setEncoding("latin1")
  socket.once("connect", () => ++connected === CONNECTIONS && process.send?.(0))
}
