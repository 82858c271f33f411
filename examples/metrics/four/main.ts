// Effect 4 writes Prometheus' text itself.
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http"
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { Loop } from "effect-aio"
import { shop } from "../shop.js"

// The collector is at OTEL_EXPORTER_OTLP_ENDPOINT.
const telemetry = NodeSdk.layer(() => ({
  resource: { serviceName: "shop" },
  spanProcessor: new BatchSpanProcessor(new OTLPTraceExporter())
}))

const main = Effect.provide(shop(PrometheusMetrics.format()), telemetry)
Loop.run(main, { name: "shop", metrics: true, tracing: true })
