import { Effect } from "effect"
import { Kafka, logLevel } from "kafkajs"
import { fromAio } from "effect-aio"
import { program } from "./_harness.mjs"

const kafka = new Kafka({ brokers: ["127.0.0.1:1"], logLevel: logLevel.NOTHING, retry: { retries: 100 } })

// recipe: a producer that finds no broker tries again until it is disconnected
const open = Effect.succeed(kafka.producer())
const connect = (producer) =>
  fromAio(() => producer.connect(), {
    name: "kafka",
    grace: "200 millis",
    cancel: () => producer.disconnect()
  })()
// end

program({ open, call: connect })
