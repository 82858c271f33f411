// Effect 3: the metrics of Effect's registry reach OpenTelemetry's own exporter for Prometheus by `metricReader`. It listens
// nowhere: what it would answer, the shop does.
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus"
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http"
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect } from "effect"
import { fromAio, Loop } from "effect-aio"
import { shop } from "../shop.js"

const reader = new PrometheusExporter({ preventServerStart: true })
const serializer = new PrometheusSerializer()
const collect = fromAio(() => reader.collect(), { name: "collect" })
const scrape = Effect.map(collect(), ({ resourceMetrics }) => serializer.serialize(resourceMetrics))

// The collector is at OTEL_EXPORTER_OTLP_ENDPOINT.
const telemetry = NodeSdk.layer(() => ({
  resource: { serviceName: "shop" },
  metricReader: reader,
  spanProcessor: new BatchSpanProcessor(new OTLPTraceExporter())
}))

Loop.run(Effect.provide(shop(scrape), telemetry), { name: "shop", metrics: true, tracing: true })
