// What is traced: an HTTP server that reads files, and clients that ask it, until Node's trace of this very process is so
// many megabytes long. Started by log.ts, in an empty folder of its own, with
//
//     node --trace-event-categories node.async_hooks,node.http,node.fs,v8 workload.mjs <megabytes>
import { once } from "node:events"
import { readdirSync, statSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { Agent, createServer, get } from "node:http"

const wanted = Number(process.argv[2]) * 1_000_000
const here = new URL(".", import.meta.url)

const server = createServer(async (request, response) => {
  try {
    response.end(await readFile(new URL(`.${request.url}`, here)))
  } catch {
    response.writeHead(404).end()
  }
})
server.listen(0, "127.0.0.1")
await once(server, "listening")

const { port } = server.address()
const agent = new Agent({ keepAlive: true, maxSockets: 8 })

const ask = (path) =>
  new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, agent }, (response) => response.resume().on("end", resolve)).on(
      "error",
      reject
    )
  })

// Node begins another file now and then. It writes late, so that the trace is a little longer in the end.
const written = () => readdirSync(".").reduce((sum, name) => sum + statSync(name).size, 0)

let asked = 0
let enough = false
const client = async () => {
  while (!enough) {
    asked++
    await ask(asked % 10 === 0 ? "/no-such-file" : "/workload.mjs")
    if (asked % 50 === 0) enough = written() >= wanted
  }
}
await Promise.all(Array.from({ length: 8 }, client))
agent.destroy()
server.close()
console.log(asked)
