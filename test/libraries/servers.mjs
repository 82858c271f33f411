/** The servers that the programs talk to: real ones where there is one, and HTTP and SMTP servers that take their time. */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync, chownSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address()
  server.close()
  await once(server, "close")
  return port
}

const reachable = async (port, tries = 200) => {
  const { connect } = await import("node:net")
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

const isRoot = process.getuid?.() === 0

/** Has a program of Debian's, by installing its package where this is root. */
const ensure = (file, aptPackage) => {
  if (existsSync(file)) return true
  if (!isRoot || !existsSync("/usr/bin/apt-get")) return false
  const apt = (...args) =>
    execFileSync("apt-get", ["-qq", ...args], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    })
  try {
    apt("update")
    apt("install", "-y", "--no-install-recommends", aptPackage)
  } catch {
    return false
  }
  return existsSync(file)
}

/** The newest PostgreSQL of Debian. */
const postgresFolder = () => {
  const root = "/usr/lib/postgresql"
  if (!existsSync(root)) return undefined
  const [newest] = readdirSync(root).sort((a, b) => Number(b) - Number(a))
  return newest === undefined ? undefined : join(root, newest, "bin")
}

const started = (child, url, clean = () => {}) => ({
  url,
  kill: async (signal = "SIGKILL") => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, "exit")
    }
    clean()
  }
})

const postgres = async () => {
  if (postgresFolder() === undefined) ensure("/usr/lib/postgresql", "postgresql")
  const bin = postgresFolder()
  if (bin === undefined) return undefined
  const data = mkdtempSync(join(tmpdir(), "effect-aio-postgres-"))
  const user = isRoot ? "postgres" : undefined
  const ids = user && {
    uid: Number(execFileSync("id", ["-u", user])),
    gid: Number(execFileSync("id", ["-g", user]))
  }
  if (ids) chownSync(data, ids.uid, ids.gid)
  execFileSync(join(bin, "initdb"), ["-D", data, "-U", "test", "-A", "trust", "--no-sync"], {
    stdio: "ignore",
    ...ids
  })
  const port = await freePort()
  const options = ["-D", data, "-p", String(port), "-k", data, "-h", "127.0.0.1", "-F"]
  const child = spawn(join(bin, "postgres"), options, { stdio: "ignore", ...ids })
  await reachable(port)
  const clean = () => rmSync(data, { recursive: true, force: true })
  return started(child, `postgres://test@127.0.0.1:${port}/postgres`, clean)
}

const redis = async () => {
  if (!ensure("/usr/bin/redis-server", "redis-server")) return undefined
  const port = await freePort()
  const options = ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", tmpdir()]
  const child = spawn("/usr/bin/redis-server", options, { stdio: "ignore" })
  await reachable(port)
  return started(child, `redis://127.0.0.1:${port}`)
}

/** A server of slow.mjs. */
const slow = (kind) => async () => {
  const port = await freePort()
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("slow.mjs", import.meta.url)), kind, String(port)],
    {
      stdio: "ignore"
    }
  )
  await reachable(port)
  return started(child, `${kind === "smtp" ? "smtp" : "http"}://127.0.0.1:${port}`)
}

const chromium = async () => {
  if (!ensure("/usr/bin/chromium", "chromium")) return undefined
  return slow("http")()
}

/** Nobody: the library has no peer. */
const none = async () => ({ url: "", kill: async () => {} })

/** By name, how a peer is started; `undefined` where it cannot be had here. */
export const peers = { postgres, redis, http: slow("http"), smtp: slow("smtp"), chromium, none }
