// `--once`: the program as a child process, with clients that never stop. It is told to end, and every request is accounted
// for: answered whole, or refused. So is the process that one of them has started, and that does not want to end.
import { Agent, request, type RequestOptions } from "node:http"
import { Console, Effect } from "effect"
import { fromAio } from "effect-aio"
import { acquireProgram, type Got, type Program, sleep, Unexpected } from "../http/program.js"

const CLIENTS = 10

const ask = (options: RequestOptions, body?: unknown): Promise<Got> =>
  new Promise((resolve) => {
    let text = ""
    let status: number | undefined
    const fail = (error: Error & { code?: string }): void =>
      resolve({ status, text, error: error.code ?? error.message })
    const method = body === undefined ? "GET" : "POST"
    const asked = request(
      { ...options, method, headers: { "content-type": "application/json" } },
      (response) => {
        status = response.statusCode
        response.setEncoding("utf8").on("data", (data: string) => (text += data))
        response.on("error", fail).on("end", () => resolve({ status, text, error: undefined }))
      }
    ).on("error", fail)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })

/** Asks, by turns, for a rating and for something to be sorted, until it is refused. */
const client = async (port: number, agent: Agent) => {
  const counts = { answered: 0, broken: [] as Array<string> }
  const at = { port, host: "127.0.0.1", agent }
  let again = false
  for (;;) {
    const n = counts.answered
    const got =
      n % 2 === 0
        ? await ask({ ...at, path: `/ratings/${n}` })
        : await ask({ ...at, path: "/sort" }, { lines: ["b", `a${n}`] })
    if (got.error === "ECONNREFUSED") return counts
    // It was connected, and not taken any more: nobody has seen the request, and a client asks again.
    if (got.error === "ECONNRESET" && got.status === undefined && !again) {
      again = true
      continue
    }
    again = false
    const whole = n % 2 === 0 ? `{"stars":${(n % 5) + 1}}` : `{"lines":["a${n}","b"]}`
    if (got.error === undefined && got.status === 200 && got.text === whole) counts.answered++
    else {
      counts.broken.push(JSON.stringify(got))
      return counts
    }
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const run = async (program: Program) => {
  const [, port = ""] = await program.printed(/site at \S+:(\d+)/)
  const agent = new Agent({ keepAlive: true })
  const idle = new Agent({ keepAlive: true })
  const at = { port: Number(port), host: "127.0.0.1" }
  // A client that keeps its connection, and says nothing more.
  await ask({ ...at, path: "/ratings/1", agent: idle })
  const render = ask({ ...at, path: "/render" }, {})
  const [, pid = ""] = await program.printed(/rendering in process (\d+)/)
  const clients = Array.from({ length: CLIENTS }, () => client(at.port, agent))
  await sleep(300)
  const told = performance.now()
  program.child.kill("SIGTERM")
  const counts = await Promise.all(clients)
  const code = await program.exited
  const took = Math.round(performance.now() - told)
  agent.destroy()
  idle.destroy()
  return {
    code,
    took,
    answered: counts.reduce((sum, { answered }) => sum + answered, 0),
    broken: counts.flatMap(({ broken }) => broken),
    render: await render,
    orphan: isAlive(Number(pid)),
    closed: /ratings closed after \d+ questions/.test(program.output())
  }
}

export const once = Effect.gen(function* () {
  const program = yield* acquireProgram
  const found = yield* fromAio(() => run(program))()
  yield* Console.log(
    `${found.answered} requests of ${CLIENTS} clients were answered whole, ${found.broken.length} were not; ` +
      `exit code ${found.code}, ${found.took} ms after SIGTERM`
  )
  const wrong = [
    found.code === 143 || `exit code ${found.code}`,
    found.broken.length === 0 || `broken: ${found.broken.slice(0, 3).join(", ")}`,
    found.answered > CLIENTS || "hardly anything was answered",
    found.render.status === 503 || `/render was told ${JSON.stringify(found.render)}`,
    !found.orphan || "the process that renders has outlived the program",
    found.closed || "the ratings were not closed"
  ].filter((one) => one !== true)
  if (wrong.length > 0) yield* new Unexpected({ what: wrong.join("\n") })
})
