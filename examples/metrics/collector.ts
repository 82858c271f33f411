// What takes traces as OpenTelemetry's collector does: OTLP over HTTP, as JSON.
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { json } from "node:stream/consumers"

/** One span, as far as the check looks. */
export interface Span {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly failed: boolean
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>
}

interface Attribute {
  readonly key: string
  readonly value: {
    readonly stringValue?: string
    readonly boolValue?: boolean
    readonly doubleValue?: number
    readonly intValue?: number | string
  }
}

/** The part of https://opentelemetry.io/docs/specs/otlp/ that is read. */
interface Traces {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<Attribute> }
    readonly scopeSpans: ReadonlyArray<{
      readonly spans: ReadonlyArray<{
        readonly name: string
        readonly traceId: string
        readonly spanId: string
        readonly parentSpanId?: string
        readonly status: { readonly code?: number }
        readonly attributes: ReadonlyArray<Attribute>
      }>
    }>
  }>
}

const ERROR = 2

const attributesOf = (attributes: ReadonlyArray<Attribute>) =>
  Object.fromEntries(
    attributes.map(({ key, value: { boolValue, doubleValue, intValue, stringValue } }) => [
      key,
      stringValue ?? boolValue ?? doubleValue ?? (intValue === undefined ? undefined : Number(intValue))
    ])
  )

const spansOf = ({ resourceSpans }: Traces): ReadonlyArray<Span> =>
  resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf(resource.attributes)["service.name"])
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes, name, parentSpanId, spanId, status, traceId }) => ({
        ...{ service, name, traceId, spanId, parentSpanId: parentSpanId || undefined },
        failed: status.code === ERROR,
        attributes: attributesOf(attributes)
      }))
    )
  })

export const openCollector = async () => {
  const taken: Array<Span> = []
  const server = createServer((request, response) => {
    void (async () => {
      if (request.url !== "/v1/traces" || request.headers["content-type"] !== "application/json") {
        response.writeHead(404).end()
        return
      }
      taken.push(...spansOf((await json(request)) as Traces))
      response.writeHead(200, { "content-type": "application/json" }).end("{}")
    })()
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: (): ReadonlyArray<Span> => taken,
    close: async (): Promise<void> => {
      server.close()
      server.closeAllConnections()
      await once(server, "close")
    }
  }
}
