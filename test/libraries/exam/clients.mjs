/**
 * Real clients, each asking again and again: what became of each of their requests, in the words of `tally`. Each gets the port
 * and a signal that aborts when the server has ended, and resolves with its tally.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect as netConnect } from "node:net"
import { BODY } from "./body.mjs"

/**
 * - `whole`: answered, and nothing of the answer was missing
 * - `refused`: no connection was made, or it was ended before a byte of an answer had come
 * - `unavailable`: 503, whole
 * - `reset`: refused by a reset in place of an end
 * - `cut`: a part of an answer came
 */
export const tally = () => ({ whole: 0, refused: 0, unavailable: 0, reset: 0, cut: 0, other: [] })

const CLIENTS = 20
/** After a refusal, so many milliseconds until the next try. */
const PAUSE = 5

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** `ask` in a loop, so many at a time, until the server has ended. */
const many = async (signal, ask, clients = CLIENTS) => {
  const all = tally()
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (!signal.aborted) {
        const outcome = await ask()
        if (outcome in all && outcome !== "other") all[outcome]++
        else all.other.push(outcome)
        if (outcome !== "whole") await sleep(PAUSE)
      }
    })
  )
  return all
}

const codesOf = (error) =>
  [error, error?.cause, ...(error?.cause?.errors ?? [])].flatMap((e) =>
    e?.code === undefined ? [] : [e.code]
  )

/** What an error of a client of HTTP means, where so many bytes of a body had come, or none of the headers. */
const outcomeOf = (error, bytes) => {
  if (bytes !== undefined) return "cut"
  const codes = codesOf(error)
  if (codes.includes("ECONNRESET") || codes.includes("EPIPE")) return "reset"
  return codes.some((code) => ["ECONNREFUSED", "UND_ERR_SOCKET"].includes(code))
    ? "refused"
    : `error ${codes}: ${error}`
}

const ofAnswer = (status, bytes) => {
  if (status === 503) return "unavailable"
  if (status !== 200) return `status ${status}`
  return bytes === BODY.length ? "whole" : "cut"
}

const undici = async (base, signal) => {
  const { Pool } = await import("undici")
  const pool = new Pool(base, { connections: CLIENTS, connect: { rejectUnauthorized: false } })
  const all = await many(signal, async () => {
    let bytes
    try {
      const { body, statusCode } = await pool.request({
        path: `/?ms=${Math.floor(Math.random() * 20)}`,
        method: "GET"
      })
      bytes = 0
      for await (const chunk of body) bytes += chunk.length
      return ofAnswer(statusCode, bytes)
    } catch (error) {
      return outcomeOf(error, bytes)
    }
  })
  await pool.destroy()
  return all
}

const fetches = (base, signal) =>
  many(signal, async () => {
    let bytes
    try {
      const response = await fetch(`${base}/?ms=${Math.floor(Math.random() * 20)}`)
      bytes = 0
      bytes = (await response.text()).length
      return ofAnswer(response.status, bytes)
    } catch (error) {
      return outcomeOf(error, bytes)
    }
  })

/** Runs a program to its end, for ten seconds at most. */
const run = (command, args, input) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (data) => (output += data))
    child.stderr.setEncoding("utf8").on("data", (data) => (output += data))
    child.stdin.on("error", () => {})
    if (input !== undefined) child.stdin.end(input)
    const kill = setTimeout(() => child.kill("SIGKILL"), 10_000)
    child.once("close", (code, died) => {
      clearTimeout(kill)
      resolve({ code: code ?? died, output })
    })
  })

/** Its exit codes: 7 no connection, 52 nothing came, 16 a session of HTTP/2 that has ended, 56 and 35 a reset, 18 and 92 a part. */
const curl = (base, signal) =>
  many(
    signal,
    async () => {
      const urls = Array.from({ length: 5 }, (_, i) => `${base}/?ms=${i}`)
      const each = ["-o", "/dev/null", "-w", "%{http_code} %{size_download} %{exitcode}\\n"]
      const { output } = await run("curl", ["-s", "-k", ...urls.flatMap((url) => [...each, url])])
      const outcomes = output
        .trim()
        .split("\n")
        .map((line) => {
          const [status, bytes, code] = line.split(" ").map(Number)
          if (code === 0) return ofAnswer(status, bytes)
          if (bytes > 0) return "cut"
          return (
            { 7: "refused", 16: "refused", 52: "refused", 56: "reset", 35: "reset" }[code] ?? `curl ${line}`
          )
        })
      return outcomes.find((outcome) => outcome !== "whole") ?? "whole"
    },
    3
  )

/** Of its summary: how many it began, and how each ended. */
const h2load = async (base) => {
  const { output } = await run("h2load", ["-n", "1000000", "-c", "4", "-m", "5", `${base}/?ms=5`])
  const [, succeeded] = /requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded/.exec(output) ?? []
  const [, ok] = /status codes: (\d+) 2xx/.exec(output) ?? []
  const all = tally()
  all.whole = Number(succeeded)
  // What had a status and no end is in the second number only.
  all.cut = Number(ok) - all.whole
  return all
}

/** Of its summary: how many were whole. */
const wrk = async (base, signal) => {
  const child = spawn("wrk", ["-t1", "-c20", "-d60s", `${base}/?ms=3`], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (data) => (output += data))
  signal.addEventListener("abort", () => child.kill("SIGINT"), { once: true })
  await once(child, "close")
  const all = tally()
  const [, requests = "0"] = /(\d+) requests in/.exec(output) ?? []
  all.whole = Number(requests)
  if (/Non-2xx/.test(output)) all.other.push(output)
  return all
}

const autocannon = async (base, signal) => {
  const { default: cannon } = await import("autocannon")
  const all = tally()
  const instance = cannon({ url: `${base}/?ms=3`, connections: 20, duration: 60, expectBody: BODY }, () => {})
  instance.on("response", (_client, status, bytes) => {
    if (status === 503) all.unavailable++
    else if (status === 200 && bytes >= BODY.length) all.whole++
    else all.other.push(`status ${status} with ${bytes} bytes`)
  })
  instance.on("reqMismatch", () => all.cut++)
  instance.on("reqError", () => all.refused++)
  signal.addEventListener("abort", () => instance.stop(), { once: true })
  await once(instance, "done")
  return all
}

/** Says lines and counts which came back whole, until the other side ends. */
const talking = async (socket) => {
  const all = tally()
  let rest = ""
  let asked = 0
  socket.setEncoding("utf8")
  const next = () => socket.writable && socket.write(`line ${asked++} ${"x".repeat(1_000)}\n`)
  socket.on("data", (text) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop() ?? ""
    for (const part of parts) {
      if (part.length > 1_000) all.whole++
      else all.cut++
      setTimeout(next, 1)
    }
  })
  socket.on("error", (error) => all[error.code === "ECONNREFUSED" ? "refused" : "reset"]++)
  const closed = new Promise((resolve) => socket.once("close", resolve))
  next()
  await closed
  if (rest !== "") all.cut++
  return all
}

const added = (all) =>
  all.reduce((sum, one) => {
    for (const key of Object.keys(sum))
      sum[key] = key === "other" ? [...sum.other, ...one.other] : sum[key] + one[key]
    return sum
  }, tally())

const sockets = (port, tls) => async () => {
  const { connect: tlsConnect } = await import("node:tls")
  const open = () =>
    tls
      ? tlsConnect({ port, host: "127.0.0.1", rejectUnauthorized: false })
      : netConnect({ port, host: "127.0.0.1" })
  return added(await Promise.all(Array.from({ length: CLIENTS }, () => talking(open()))))
}

/** `nc` and `openssl s_client` send lines of their input and print what comes, until the other side ends. */
const piped = (command, args) => async () => {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"] })
  child.stdin.on("error", () => {})
  const all = tally()
  let rest = ""
  let asked = 0
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop() ?? ""
    for (const part of parts) if (/^line \d+ x{500}$/.test(part)) all.whole++
  })
  const timer = setInterval(() => child.stdin.write(`line ${asked++} ${"x".repeat(500)}\n`), 5)
  await once(child, "exit")
  clearInterval(timer)
  if (rest.startsWith("line ")) all.cut++
  return all
}

/** Connects, says nothing, and waits to be ended. */
const silent = (port) => async () => {
  const socket = netConnect({ port, host: "127.0.0.1" })
  const all = tally()
  socket.on("error", (error) => (error.code === "ECONNREFUSED" ? all.refused++ : all.reset++))
  socket.resume()
  await once(socket, "close")
  return all
}

/** Reads events until the end, which has to be one. */
const events = async (base) => {
  const all = tally()
  const { request } = await import("node:http")
  await new Promise((resolve) => {
    const asked = request(`${base}/sse`, (response) => {
      response
        .resume()
        .once("end", () => all.whole++)
        .once("error", () => all.cut++)
        .once("close", resolve)
    })
    asked.once("error", () => resolve(all.refused++)).end()
  })
  return all
}

const webSockets = async (port) => {
  const { WebSocket } = await import("ws")
  const one = async () => {
    const all = tally()
    const socket = new WebSocket(`ws://127.0.0.1:${port}`)
    socket.on("error", () => {})
    let waiting = 0
    const ask = () => {
      if (socket.readyState !== WebSocket.OPEN) return
      waiting++
      socket.send("hello")
    }
    socket.on("open", ask)
    socket.on("message", () => {
      waiting--
      all.whole++
      setTimeout(ask, 2)
    })
    const [code] = await once(socket, "close")
    if (code !== 1001) all.other.push(`closed with ${code}`)
    // What the goodbye overtook on its way has not been received.
    all.refused += waiting
    return all
  }
  return added(await Promise.all(Array.from({ length: CLIENTS }, one)))
}

const http = (port) => `http://127.0.0.1:${port}`
const https = (port) => `https://127.0.0.1:${port}`

/** By the kind of server, by the name of the client. */
export const clients = {
  http: {
    undici: (port, signal) => undici(http(port), signal),
    fetch: (port, signal) => fetches(http(port), signal),
    curl: (port, signal) => curl(http(port), signal),
    wrk: (port, signal) => wrk(http(port), signal),
    autocannon: (port, signal) => autocannon(http(port), signal),
    silent: (port) => silent(port)(),
    events: (port) => events(http(port))
  },
  https: {
    undici: (port, signal) => undici(https(port), signal),
    curl: (port, signal) => curl(https(port), signal),
    wrk: (port, signal) => wrk(https(port), signal),
    silent: (port) => silent(port)()
  },
  http2: { h2load: (port) => h2load(http(port)), silent: (port) => silent(port)() },
  "http2 secure": {
    h2load: (port) => h2load(https(port)),
    curl: (port, signal) => curl(https(port), signal),
    silent: (port) => silent(port)()
  },
  net: {
    "node:net": (port) => sockets(port, false)(),
    nc: (port) => piped("nc", ["127.0.0.1", String(port)])(),
    silent: (port) => silent(port)()
  },
  tls: {
    "node:tls": (port) => sockets(port, true)(),
    "openssl s_client": (port) => piped("openssl", ["s_client", "-quiet", "-connect", `127.0.0.1:${port}`])(),
    silent: (port) => silent(port)()
  },
  express: {
    undici: (port, signal) => undici(http(port), signal),
    wrk: (port, signal) => wrk(http(port), signal)
  },
  fastify: {
    undici: (port, signal) => undici(http(port), signal),
    wrk: (port, signal) => wrk(http(port), signal)
  },
  ws: { ws: (port) => webSockets(port), undici: (port, signal) => undici(http(port), signal) }
}
