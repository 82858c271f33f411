// `--once`: the program as a child process, with clients that never stop. It is told to end, and every request is accounted
// for: answered whole, or refused.
import { Agent, get as httpGet, request as httpRequest, type RequestOptions } from "node:http"
import { Console, Effect } from "effect"
import { fromAio } from "effect-aio"
import { acquireProgram, type Got, type Program, sleep, Unexpected } from "./program.js"

const CLIENTS = 20

/** One request, as far as it came. */
const ask = (options: RequestOptions, body?: AsyncIterable<string>): Promise<Got> =>
  new Promise((resolve) => {
    let text = ""
    let status: number | undefined
    const fail = (error: Error & { code?: string }): void =>
      resolve({ status, text, error: error.code ?? error.message })
    const asked = (body === undefined ? httpGet : httpRequest)(options, (response) => {
      status = response.statusCode
      response.setEncoding("utf8").on("data", (data: string) => (text += data))
      response.on("error", fail).on("end", () => resolve({ status, text, error: undefined }))
    }).on("error", fail)
    if (body === undefined) return
    void (async () => {
      for await (const chunk of body) asked.write(chunk)
      asked.end()
    })()
  })

/** Asks for users until it is refused. */
const client = async (port: number, agent: Agent) => {
  const counts = { answered: 0, broken: [] as Array<string> }
  for (;;) {
    const { error, status, text } = await ask({
      port,
      host: "127.0.0.1",
      path: `/users/${counts.answered}`,
      agent
    })
    if (error === "ECONNREFUSED" || (error === undefined && status === 503)) return counts
    if (error !== undefined || (status !== 404 && !text.endsWith("}")))
      counts.broken.push(`${error} ${status} ${text}`)
    else counts.answered++
    if (counts.broken.length > 0) return counts
  }
}

const upload = async function* () {
  yield "half "
  // The program has been told to end by now.
  await sleep(700)
  yield "whole"
}

const expectThat = (is: boolean, what: string): void => {
  if (!is) throw new Error(what)
}

const run = async (program: Program) => {
  const [, site = "", control = ""] = await program.printed(/site at \S+:(\d+), control at \S+:(\d+)/)
  const at = { port: Number(site), host: "127.0.0.1" }
  const probe = { port: Number(control), host: "127.0.0.1", path: "/ready" }
  const agent = new Agent({ keepAlive: true })
  const clients = Array.from({ length: CLIENTS }, () => client(at.port, agent))
  const events = ask({ ...at, path: "/events" })
  const forever = ask({ ...at, path: "/forever" })
  await sleep(400)
  const uploaded = ask({ ...at, path: "/count", method: "POST" }, upload())
  expectThat((await ask(probe)).status === 200, "it is not ready")
  await sleep(50)

  program.child.kill("SIGTERM")
  await program.printed(/phase lameDuck/)
  expectThat((await ask(probe)).status === 503, "it is ready, though it closes")

  const counts = await Promise.all(clients)
  const code = await program.exited
  agent.destroy()
  return {
    code,
    answered: counts.reduce((sum, { answered }) => sum + answered, 0),
    broken: counts.flatMap(({ broken }) => broken),
    events: await events,
    forever: await forever,
    uploaded: await uploaded,
    phases: [...program.output().matchAll(/phase (\w+)/g)].map(([, name]) => name).join(" "),
    closed: /database closed after \d+ queries, (\d+) of them running/.exec(program.output())?.[1]
  }
}

export const once = Effect.gen(function* () {
  const program = yield* acquireProgram
  const found = yield* fromAio(() => run(program))()
  yield* Console.log(
    `${found.answered} requests of ${CLIENTS} clients were answered whole, ${found.broken.length} were not; ` +
      `exit code ${found.code}`
  )
  const wrong = [
    found.code === 143 || `exit code ${found.code}`,
    found.broken.length === 0 || `broken: ${found.broken.slice(0, 3).join(", ")}`,
    found.answered > CLIENTS || "hardly anything was answered",
    found.events.text.endsWith("event: bye\ndata: see you\n\n") ||
      `events ended with ${found.events.text.slice(-40)}`,
    found.forever.text.startsWith("no time left") || `/forever was told ${JSON.stringify(found.forever)}`,
    found.uploaded.text === '{"bytes":10}' || `the upload got ${JSON.stringify(found.uploaded)}`,
    found.phases === "listening lameDuck draining answering closed" || `phases ${found.phases}`,
    found.closed === "0" || `the database closed under ${found.closed} queries`
  ].filter((one) => one !== true)
  if (wrong.length > 0) yield* new Unexpected({ what: wrong.join("\n") })
}).pipe(Effect.scoped)
