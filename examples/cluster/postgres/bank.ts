// Somebody else's server, which the payments go to: it answers after 100 to 300 milliseconds, so that some are always under way.
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

export const openBank = async () => {
  const server = createServer((request, response) => {
    request.resume()
    setTimeout(() => response.end("charged"), 100 + Math.random() * 200)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}
