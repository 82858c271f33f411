/** Clients of the servers of the matrix, which ask again and again until the server closes, and count what was cut. */
import { Agent, request } from "node:http"
import { connect } from "node:http2"

const CLIENTS = 20

/** One call of each protocol: resolves when it was answered. */
const callers = {
  http: (port) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const call = () =>
      new Promise((resolve, reject) => {
        const asked = request({ port, agent }, (response) => {
          response
            .resume()
            .once("end", () =>
              response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))
            )
          response.once("error", reject)
        })
        asked.once("error", reject).end()
      })
    return { call, end: () => agent.destroy() }
  },
  http2: (port) => {
    const session = connect(`http://localhost:${port}`)
    session.on("error", () => {})
    const call = () =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":path": "/" })
        stream.once("error", reject).once("end", resolve).resume()
      })
    return { call, end: () => session.destroy() }
  },
  ws: async (port) => {
    const { WebSocket } = await import("ws")
    const socket = new WebSocket(`ws://localhost:${port}`)
    socket.on("error", () => {})
    await new Promise((resolve) => socket.once("open", resolve))
    const call = () =>
      new Promise((resolve, reject) => {
        const closed = (code) => reject(new Error(`closed ${code}`))
        socket.once("close", closed)
        socket.once("message", () => {
          socket.off("close", closed)
          resolve()
        })
        socket.send("hello")
      })
    return { call, end: () => socket.terminate() }
  }
}

/**
 * Starts them; resolves when each has been answered once. The result stops them and counts: what had been asked when the
 * server was told to stop, and how much of that was not answered.
 */
export const clients = (protocol) => async (run) => {
  await run.prints(/listening \d+/)
  const port = Number(/listening (\d+)/.exec(run.output)[1])
  let stopping = false
  let inFlight = 0
  let cut = 0
  const all = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const { call, end } = await callers[protocol](port)
      await call()
      const asking = (async () => {
        for (;;) {
          const before = !stopping
          let counted = false
          const asked = call()
          // Was it on its way when the signal came?
          const mark = () => {
            if (counted) return
            counted = true
            inFlight++
          }
          pending.add(mark)
          try {
            await asked
          } catch {
            if (before && counted) cut++
            return
          } finally {
            pending.delete(mark)
          }
        }
      })()
      return { asking, end }
    })
  )
  // In the middle of the answers.
  await new Promise((resolve) => setTimeout(resolve, 100))
  for (const mark of pending) mark()
  stopping = true
  return async () => {
    for (const { end } of all) end()
    await Promise.all(all.map(({ asking }) => asking))
    return { inFlight, cut }
  }
}

const pending = new Set()
