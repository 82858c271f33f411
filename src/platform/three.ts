/** The parts that are written for Effect 3. */
import type { Three } from "./Parts.js"

export const three: Three = {
  commandExecutor: () => import("./three/commandExecutor.js"),
  httpServer: () => import("./three/httpServer.js"),
  worker: () => import("./three/worker.js")
}
