/** The servers that the programs talk to: real ones where there is one, and HTTP and SMTP servers that take their time. */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync, chownSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ensure, isRoot } from "./apt.mjs"

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

/** A server that does not run as root has its folder, and runs, as a user of its own. */
const ownedBy = (user, folder) => {
  if (!isRoot) return {}
  const [uid, gid] = ["-u", "-g"].map((which) => Number(execFileSync("id", [which, user])))
  chownSync(folder, uid, gid)
  return { uid, gid }
}

const postgres = async () => {
  if (postgresFolder() === undefined) ensure("/usr/lib/postgresql", "postgresql")
  const bin = postgresFolder()
  if (bin === undefined) return undefined
  const data = mkdtempSync(join(tmpdir(), "effect-aio-postgres-"))
  const ids = ownedBy("postgres", data)
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

/** Listens on this machine only, and leaves nothing: its files lie in a folder, and the mapper of ports is one of its own. */
const rabbitmq = async () => {
  const file = "/usr/lib/rabbitmq/bin/rabbitmq-server"
  if (!ensure(file, "rabbitmq-server")) return undefined
  const data = mkdtempSync(join(tmpdir(), "effect-aio-rabbitmq-"))
  const ids = ownedBy("rabbitmq", data)
  const [port, mapper, distribution] = [await freePort(), await freePort(), await freePort()]
  const env = {
    // The script becomes the server then, and is no shell that waits for it.
    RUNNING_UNDER_SYSTEMD: "true",
    ...{ PATH: process.env.PATH, HOME: data, ERL_EPMD_PORT: `${mapper}`, ERL_EPMD_ADDRESS: "127.0.0.1" },
    ...{ RABBITMQ_NODENAME: "matrix@localhost", RABBITMQ_DIST_PORT: `${distribution}` },
    ...{ RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1", RABBITMQ_NODE_PORT: `${port}` },
    ...{
      RABBITMQ_MNESIA_BASE: data,
      RABBITMQ_LOGS: "-",
      RABBITMQ_ENABLED_PLUGINS_FILE: join(data, "plugins")
    },
    ...{ RABBITMQ_CONFIG_FILE: join(data, "none"), RABBITMQ_CONF_ENV_FILE: join(data, "none") }
  }
  const options = { env, cwd: data, stdio: "ignore", ...ids }
  const epmd = spawn("epmd", ["-port", `${mapper}`, "-address", "127.0.0.1"], options)
  const child = spawn(file, [], options)
  const clean = () => {
    epmd.kill("SIGKILL")
    rmSync(data, { recursive: true, force: true })
  }
  await reachable(port, 1_200)
  return started(child, `amqp://127.0.0.1:${port}`, clean)
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
export const peers = { postgres, redis, rabbitmq, http: slow("http"), smtp: slow("smtp"), chromium, none }
