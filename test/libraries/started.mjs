/** What starting a server takes: a port, a user of its own, and to know when it is there and gone. */
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { chownSync } from "node:fs"
import { connect, createServer } from "node:net"
import { isRoot } from "./apt.mjs"

export const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address()
  server.close()
  await once(server, "close")
  return port
}

export const reachable = async (port, tries = 200) => {
  for (let left = tries; left > 0; left--) {
    const socket = connect(port, "127.0.0.1")
    const open = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true))
      socket.once("error", () => resolve(false))
    })
    socket.destroy()
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nobody listens on port ${port}`)
}

export const started = (child, url, clean = () => {}) => ({
  url,
  kill: async (signal = "SIGKILL") => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, "exit")
    }
    clean()
  }
})

/** A server that does not run as root has its folder, and runs, as a user of its own. */
export const ownedBy = (user, folder) => {
  if (!isRoot) return {}
  const [uid, gid] = ["-u", "-g"].map((which) => Number(execFileSync("id", [which, user])))
  chownSync(folder, uid, gid)
  return { uid, gid }
}
