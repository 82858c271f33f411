/** The parts that are written for Effect 4. */
import type { Four } from "./Parts.js"

export const four: Four = {
  childProcessSpawner: () => import("./four/childProcessSpawner.js"),
  httpServer: () => import("./four/httpServer.js"),
  worker: () => import("./four/worker.js")
}
