import { Effect } from "effect"
import axios from "axios"
import { currentSignal, fromAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

// recipe: axios takes the signal; that its CanceledError is the echo of it, is known
const get = fromAio((url) => axios.get(url, { signal: currentSignal() }))
// end

program({ open: Effect.void, call: () => get(`${url}/slow`) })
