import { Effect, Stream } from "effect"
import Anthropic from "@anthropic-ai/sdk"
import { currentSignal, fromAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 })
const model = "none"

// recipe: a streamed answer as a Stream; leaving it ends the request at the server
const answer = fromAio(async function* (content) {
  const messages = [{ role: "user", content }]
  yield* await client.messages.create(
    { model, max_tokens: 1024, messages, stream: true },
    { signal: currentSignal() }
  )
})
// end

program({ open: Effect.void, call: () => Stream.runDrain(answer("hello")) })
