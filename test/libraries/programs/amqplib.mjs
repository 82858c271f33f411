import { once } from "node:events"
import { connect } from "amqplib"
import { Effect } from "effect"
import { acquireAio, currentSignal, fromAio, toAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

const queue = "jobs"
const messages = Array.from({ length: 200 }, (_, n) => Buffer.from(`job ${n}`))
const open = acquireAio({
  name: "connection",
  open: async () => {
    const connection = (await connect(url)).on("error", () => {})
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue(queue, { durable: false })
    for (const message of messages) channel.sendToQueue(queue, message)
    await channel.waitForConfirms()
    await channel.close()
    return connection
  },
  close: (connection) => connection.close()
})

// recipe: a consumer is told to stop, then its messages are awaited, then their channel closed; it lasts as the connection does
const consume = (connection, queue, handle) =>
  Effect.gen(function* () {
    const open = () => connection.createChannel()
    const channel = yield* acquireAio({ name: "channel", open, close: (channel) => channel.close() })
    yield* fromAio(() => channel.prefetch(10))()
    const run = yield* toAio((message) => Effect.uninterruptible(handle(message, channel)), { scoped: true })
    const close = ({ consumerTag }) => channel.cancel(consumerTag)
    yield* acquireAio({ name: queue, open: () => channel.consume(queue, run), close })
    yield* fromAio(() => once(connection, "close", { signal: currentSignal() }))()
  }).pipe(Effect.scoped)
// end

const say = (text) => Effect.sync(() => console.log(text))
const handle = (message, channel) =>
  say("begun").pipe(
    Effect.andThen(Effect.sleep(300)),
    Effect.andThen(Effect.sync(() => channel.ack(message))),
    Effect.andThen(say("finished"))
  )
program({ open, call: (connection) => consume(connection, queue, handle) })
