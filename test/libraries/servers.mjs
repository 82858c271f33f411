/** The servers that the programs talk to: real ones where there is one, and HTTP and SMTP servers that take their time. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ensure } from "./apt.mjs"
import { openPostgres } from "./postgres.mjs"
import { freePort, ownedBy, reachable, started } from "./started.mjs"

const postgres = () => openPostgres()

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
