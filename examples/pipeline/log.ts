// Makes the log: Node traces a server and its clients, and gzip packs what it wrote.
import { createReadStream } from "node:fs"
import { mkdir, open, readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import { acquireAio, fromAio } from "effect-aio"
import { closes, mib, told } from "./report.js"
import { tool } from "./tool.js"

const workload = fileURLToPath(new URL("workload.mjs", import.meta.url))

/** node_trace.1.log, node_trace.2.log, ... in their order: Node begins another one after some 500,000 events. */
const byNumber = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...names].sort((a, b) => a.localeCompare(b, "en", { numeric: true }))

/** Makes a log of so many megabytes in a folder; gives its path. */
export const makeLog = (folder: string, megabytes: number) =>
  Effect.gen(function* () {
    yield* told(`making a log of ${megabytes} MB`)
    const traces = join(folder, "traces")
    const log = join(folder, "trace.log.gz")
    yield* fromAio(() => mkdir(traces))()

    const node = yield* closes(
      "node",
      tool(
        process.execPath,
        ["--trace-event-categories", "node.async_hooks,node.http,node.fs,v8", workload, String(megabytes)],
        { cwd: traces, stdin: "devnull" }
      ),
      String
    )
    const requests = yield* Stream.mkString(Stream.decodeText(node.output))

    const file = yield* acquireAio({ name: log, open: () => open(log, "w") })
    const gzip = yield* closes("gzip", tool("gzip", ["-1"], { stdout: file }), String)
    const paths = byNumber(yield* fromAio(() => readdir(traces))()).map((name) => join(traces, name))
    let bytes = 0
    yield* gzip.feed(
      Stream.fromIterable(paths).pipe(
        Stream.flatMap((path) => fromAio(() => createReadStream(path))()),
        Stream.tap((chunk: Uint8Array) => Effect.sync(() => (bytes += chunk.length)))
      )
    )
    yield* gzip.succeeded
    yield* fromAio(() => rm(traces, { recursive: true }))()

    const packed = yield* fromAio(() => stat(log))()
    yield* told(
      `made a log of ${mib(bytes)}, ${mib(packed.size)} packed: node's trace of ${requests.trim()} requests`
    )
    return log
  }).pipe(Effect.scoped)
