/**
 * npm run servers [-- KIND...]: servers of each kind under the load of real clients, each told to stop at a random moment, again
 * and again (`TIMES`, default 3 for each client). Every answer that was begun is whole, every refusal is an end and no reset
 * of an answer, the server has ended in time and has nothing left over. Prints a table; exits with 1 where a row is not ok.
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ensure } from "../apt.mjs"
import { clients } from "./clients.mjs"

const TIMES = Number(process.env.TIMES ?? 3)
/** From the signal to the exit, in milliseconds: the time of what is silent, of the slowest answer, and of a loaded machine. */
const BAR = 1_000
/** For clients that go on talking when they were told goodbye, and have to be left. */
const CHATTY = { nc: 2_000, "openssl s_client": 2_000 }
/** A server that has not ended by then is killed. */
const LIMIT = 20_000
/** The parts of the load: a server is told to stop while it is under it. */
const LOAD = { least: 300, most: 900 }

const wanted = process.argv.slice(2)
const served = fileURLToPath(new URL("served.mjs", import.meta.url))

const folder = mkdtempSync(join(tmpdir(), "effect-aio-exam-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
execFileSync(
  "openssl",
  [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
    ...[
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      join(folder, "key.pem"),
      "-out",
      join(folder, "cert.pem")
    ]
  ],
  { stdio: "ignore" }
)
// For `fetch`, and nothing else here: the certificate above.
process.env.NODE_EXTRA_CA_CERTS = join(folder, "cert.pem")

const packages = { h2load: "nghttp2-client", nc: "netcat-openbsd", wrk: "wrk", curl: "curl" }

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const start = async (kind, lameDuck) => {
  const child = spawn(process.execPath, [served, kind], {
    env: { ...process.env, CERT: folder, LAME_DUCK: String(lameDuck) },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  const listening = new Promise((resolve, reject) => {
    const hear = (data) => {
      output += data
      const [, port] = /listening (\d+)/.exec(output) ?? []
      if (port !== undefined) resolve(Number(port))
    }
    child.stdout.setEncoding("utf8").on("data", hear)
    child.stderr.setEncoding("utf8").on("data", hear)
    child.once("close", () => reject(new Error(`the server ended before it listened:\n${output}`)))
  })
  const ended = once(child, "close").then(([code, signal]) => code ?? signal)
  return { child, port: await listening, ended, output: () => output }
}

/** One server, one client, one signal. */
const trial = async (kind, client, lameDuck) => {
  const server = await start(kind, lameDuck)
  const over = new AbortController()
  const asking = clients[kind][client](server.port, over.signal)
  await sleep(LOAD.least + Math.random() * (LOAD.most - LOAD.least))
  const since = performance.now()
  server.child.kill("SIGTERM")
  const limit = setTimeout(() => server.child.kill("SIGKILL"), LIMIT)
  const code = await server.ended
  const ms = performance.now() - since - lameDuck
  clearTimeout(limit)
  over.abort()
  const result = await asking
  const output = server.output()
  const wrong = []
  if (code !== 143) wrong.push(`exit code ${code}`)
  if (ms > (CHATTY[client] ?? BAR)) wrong.push(`${Math.round(ms)} ms`)
  if (result.cut > 0) wrong.push(`${result.cut} answers cut`)
  // The system keeps one client waiting, whatever it is told, who may come in the moment of the close.
  if (lameDuck > 0 && result.reset > 1) wrong.push(`${result.reset} resets`)
  if (result.other.length > 0) wrong.push(result.other.slice(0, 3).join(", "))
  if (/left over|level=(WARN|ERROR|FATAL)/.test(output)) wrong.push(`it said:\n${output}`)
  return { ...result, ms, wrong }
}

const rows = []
for (const kind of Object.keys(clients)) {
  if (wanted.length > 0 && !wanted.includes(kind)) continue
  for (const client of Object.keys(clients[kind])) {
    const file = packages[client]
    if (file !== undefined && !ensure(`/usr/bin/${client}`, file)) {
      rows.push({
        kind,
        client,
        ok: true,
        text: `not run: Debian's ${file} is not there and cannot be installed`
      })
      continue
    }
    // The last time with a lame duck, in which nobody is refused.
    const all = []
    for (let time = 0; time < TIMES; time++)
      all.push(await trial(kind, client, time === TIMES - 1 && !(client === "silent") ? 500 : 0))
    const sum = (name) => all.reduce((n, one) => n + one[name], 0)
    const wrong = all.flatMap((one) => one.wrong)
    const slowest = Math.round(Math.max(...all.map(({ ms }) => ms)))
    const counts = `${sum("whole")} whole, ${sum("refused")} refused, ${sum("reset")} reset, ${sum("cut")} cut`
    rows.push({
      kind,
      client,
      ok: wrong.length === 0,
      text: `${counts}, at most ${slowest} ms${wrong.length > 0 ? `; ${wrong.join("; ")}` : ""}`
    })
    const row = rows.at(-1)
    console.log(`${row.ok ? "ok    " : "NOT OK"} ${kind.padEnd(13)} ${client.padEnd(17)} ${row.text}`)
  }
}
const bad = rows.filter(({ ok }) => !ok)
console.log(`${rows.length - bad.length} of ${rows.length} ok, Node ${process.version}`)
process.exitCode = bad.length === 0 ? 0 : 1
