// What is scraped is read by a parser of Prometheus' text, what is traced is taken by a collector of OTLP: both are held against
// what docs/metrics.md says.
import { deepEqual, equal, match, ok } from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import parse from "parse-prometheus-text-format"
import { openCollector, type Span } from "./collector.js"

const TRACE = "0af7651916cd43dd8448eb211c80319c"
const CALLER = "b7ad6b7169203331"

/** Lasts as long as nothing is wrong: a program that hangs is killed. */
const PATIENCE = 60_000

/** The program, where it serves, and how it ended. */
const start = async (main: URL, endpoint: string) => {
  const child = spawn(process.execPath, [fileURLToPath(main)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    timeout: PATIENCE,
    killSignal: "SIGKILL"
  })
  const exited = once(child, "exit")
  let printed = ""
  for await (const text of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    printed += String(text)
    if (printed.endsWith("\n")) break
  }
  child.stdout.resume()
  const [, site, metrics] = /shop at (\S+), metrics at (\S+)/.exec(printed) ?? []
  if (site === undefined || metrics === undefined) throw new Error(`it does not serve: ${printed}`)
  return { child, exited, site, metrics }
}

/** What one scrape says: each series, by its name and labels, as a number. */
const scrape = async (url: string) => {
  const response = await fetch(url)
  equal(response.status, 200)
  match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
  const families = new Map(parse(await response.text()).map((family) => [family.name, family]))
  const find = (name: string) => {
    const found = families.get(name)
    ok(found, `${name} is not among ${[...families.keys()].join()}`)
    return found
  }
  const typeOf = (name: string) => find(name).type
  const valueOf = (name: string, labels: Record<string, string> = {}) => {
    const wanted = Object.entries({ loop: "shop", ...labels })
    const found = find(name).metrics.find((series) =>
      wanted.every(([key, value]) => series.labels?.[key] === value)
    )
    ok(found?.value !== undefined, `${name} has no series with ${JSON.stringify(labels)}`)
    return Number(found.value)
  }
  return { typeOf, valueOf }
}

const checkMetrics = async (url: string, work: () => Promise<unknown>) => {
  const { typeOf, valueOf } = await scrape(url)
  equal(typeOf("effect_aio_children"), "GAUGE")
  equal(valueOf("effect_aio_children"), 1)
  equal(valueOf("effect_aio_tasks", { task: "restock apples" }), 1)
  equal(valueOf("effect_aio_tasks", { task: "restock pears" }), 1)
  ok(valueOf("effect_aio_timers") >= 2)
  equal(valueOf("effect_aio_jobs"), 0)
  ok(valueOf("effect_aio_lag_max_seconds") >= valueOf("effect_aio_lag_p50_seconds"))
  // This one: it comes in still, or is being answered.
  const requests = ["uploading", "not answered", "answering"].map((phase) =>
    valueOf("effect_aio_requests", { phase })
  )
  equal(
    requests.reduce((sum, count) => sum + count, 0),
    1
  )
  equal(typeOf("effect_aio_callbacks_total"), "COUNTER")
  const before = valueOf("effect_aio_callbacks_total")
  ok(before > 0)
  // Of this moment, and not of a second ago.
  await work()
  ok((await scrape(url)).valueOf("effect_aio_callbacks_total") > before)
}

const ask = (url: string, traceparent?: string) =>
  fetch(url, traceparent === undefined ? {} : { headers: { traceparent } })

const checkTraces = (spans: ReadonlyArray<Span>) => {
  const ofTrace = spans.filter(({ traceId }) => traceId === TRACE)
  const named = (name: string): Span => {
    const [found, ...more] = ofTrace.filter((span) => span.name === name)
    ok(found !== undefined && more.length === 0, `${name} is not once in ${JSON.stringify(ofTrace)}`)
    return found
  }
  const names = ["http.server GET", "price", "query", "load"]
  deepEqual(ofTrace.map(({ name }) => name).sort(), [...names].sort())
  const chain = names.map(named)
  deepEqual(
    chain.map(({ parentSpanId }) => parentSpanId),
    [CALLER, ...chain.slice(0, -1).map(({ spanId }) => spanId)]
  )
  const [request, ...crossings] = chain
  equal(request?.attributes["http.response.status_code"], 200)
  deepEqual(
    crossings.map(({ attributes }) => [attributes["effect_aio.loop"], attributes["effect_aio.to"]]),
    [
      ["shop", "aio"],
      ["shop", "effect"],
      ["shop", "aio"]
    ]
  )
  // Each runs as long as what it waits for, at least; `load` sleeps for 20 ms.
  let atLeast = 18
  for (const { name, attributes } of crossings.reverse()) {
    const queue = attributes["effect_aio.queue_ms"]
    const run = attributes["effect_aio.run_ms"]
    ok(typeof queue === "number" && queue >= 0 && queue < PATIENCE, `${name} has waited for ${queue}`)
    ok(
      typeof run === "number" && run >= atLeast && run < PATIENCE,
      `${name} has run for ${run}, not ${atLeast}`
    )
    atLeast = run
  }
  ok(chain.every(({ failed }) => !failed))

  // GET /prices/none: the failure has passed through each of them.
  const crossed = spans.filter(({ attributes }) => attributes["effect_aio.to"] !== undefined)
  const failed = crossed.filter((span) => span.failed).map(({ name }) => name)
  deepEqual([...new Set(failed)].sort(), ["load", "price", "query"])
  ok(!spans.some(({ name }) => name === "collect"), "scrapes are traced")
  deepEqual([...new Set(spans.map(({ service }) => service))], ["shop"])
}

/** Rejects with what is not as it should be. */
export const check = async (main: URL): Promise<void> => {
  const collector = await openCollector()
  try {
    const { child, exited, metrics, site } = await start(main, collector.endpoint)
    try {
      const answer = await ask(`${site}/prices/7`, `00-${TRACE}-${CALLER}-01`)
      deepEqual(await answer.json(), { id: "7", price: "7 EUR" })
      equal((await ask(`${site}/prices/none`)).status, 404)
      await checkMetrics(metrics, () => ask(`${site}/prices/8`))
    } finally {
      child.kill("SIGTERM")
      await exited
    }
    // What had not been sent yet was sent before it ended.
    const [code, signal] = (await exited) as [number | null, NodeJS.Signals | null]
    deepEqual({ code, signal }, { code: 143, signal: null })
    checkTraces(collector.spans())
  } finally {
    await collector.close()
  }
}
