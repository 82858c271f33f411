/** PostgreSQL, Debian's, started for nobody else: it listens on this machine only, and its files are a folder that goes with it. */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ensure } from "./apt.mjs"
import { freePort, ownedBy } from "./started.mjs"

/** The newest one of Debian. */
const programs = () => {
  const root = "/usr/lib/postgresql"
  if (!existsSync(root)) return undefined
  const [newest] = readdirSync(root).sort((a, b) => Number(b) - Number(a))
  return newest === undefined ? undefined : join(root, newest, "bin")
}

/**
 * A server, or `undefined` where there can be none. `stop` ends it as an operator does (SIGINT: connections are cut), and
 * `start` brings it back with the same files and port; `kill` leaves nothing of it.
 */
export const openPostgres = async (...options) => {
  if (programs() === undefined) ensure("/usr/lib/postgresql", "postgresql")
  const bin = programs()
  if (bin === undefined) return undefined
  const data = mkdtempSync(join(tmpdir(), "effect-aio-postgres-"))
  const ids = ownedBy("postgres", data)
  execFileSync(join(bin, "initdb"), ["-D", data, "-U", "test", "-A", "trust", "--no-sync"], {
    stdio: "ignore",
    ...ids
  })
  const port = await freePort()
  const all = ["-D", data, "-p", String(port), "-k", data, "-h", "127.0.0.1", "-F", ...options]
  let child
  /** It listens before it answers: until it has started, it refuses whoever comes. */
  const answers = async (tries = 200) => {
    for (let left = tries; left > 0; left--) {
      const { status } = spawnSync(join(bin, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(port)])
      if (status === 0) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error("PostgreSQL does not start")
  }
  const end = async (signal) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, "exit")
  }
  const server = {
    url: `postgres://test@127.0.0.1:${port}/postgres`,
    start: async () => {
      child = spawn(join(bin, "postgres"), all, { stdio: "ignore", ...ids })
      await answers()
    },
    stop: () => end("SIGINT"),
    kill: async (signal = "SIGKILL") => {
      await end(signal)
      rmSync(data, { recursive: true, force: true })
    }
  }
  await server.start()
  return server
}
