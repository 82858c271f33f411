import { Agent, fetch } from "undici"
import { acquireAio, currentSignal, fromAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

// recipe: fetch takes the signal, for its body as well
const open = acquireAio({ name: "agent", open: () => new Agent(), close: (agent) => agent.close() })
const download = fromAio(async (dispatcher, url) => {
  const response = await fetch(url, { dispatcher, signal: currentSignal() })
  return response.text()
})
// end

program({ open, call: (agent) => download(agent, `${url}/slow`) })
