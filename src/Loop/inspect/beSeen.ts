/** A loop can be seen, from its beginning to its end: by whoever asks by a signal, or from outside. */
import { heedEnvironment } from "./dumpOnSignal.js"
import { openSocket } from "./InspectSocket.js"
import { listLoop } from "./openLoops.js"
import { offerDumps } from "./wire.js"
import type { Home } from "../ports.js"

let first = true

/** Until what it returns is called. With the first one of a thread begins what is for all of them. */
export const beSeen = (loop: Home): (() => void) => {
  if (first) {
    first = false
    heedEnvironment()
    offerDumps()
  }
  const unlist = listLoop(loop)
  if (!loop._inspect) return unlist
  const shut = openSocket((error) =>
    loop.callExceptionHandler({
      message: `${loop.name} cannot be seen through a socket; Node's inspector can be used`,
      exception: error
    })
  )
  return () => {
    unlist()
    shut()
  }
}
