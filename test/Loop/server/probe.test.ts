import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { describe, expect, it } from "vitest"
import type { ScopedServer } from "../../../src/index.js"
import { raw, serving } from "../../support/servers.js"

/** The status and the body of an answer on a connection of its own. */
const asked = async (port: number, path: string, method = "GET"): Promise<string> => {
  const client = await raw(port)
  client.send(`${method} ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
  const { text } = await client.ended
  return `${text.split(" ")[1]} ${text.split("\r\n\r\n")[1]?.trim()}`
}

describe("probe", () => {
  it("S6 says whether the server is ready, and that the process lives, also while it is a lame duck", async () => {
    let scoped: ScopedServer | undefined
    const app = (request: IncomingMessage, response: ServerResponse) =>
      void response.end(`app ${request.url}`)
    const web = createServer((request, response) =>
      scoped?.probe(request, response, () => app(request, response))
    )
    await serving(web, { host: "127.0.0.1", lameDuck: 500 }, async ({ close, port, server }) => {
      scoped = server
      expect(await asked(port, "/ready")).toBe("200 ready")
      expect(await asked(port, "/readyz?verbose")).toBe("200 ready")
      expect(await asked(port, "/ready", "HEAD")).toBe("200 ")
      expect(await asked(port, "/healthz")).toBe("200 alive")
      expect(await asked(port, "/")).toBe("200 app /")
      const closed = close()
      expect(await asked(port, "/ready")).toBe("503 lameDuck")
      expect(await asked(port, "/livez")).toBe("200 alive")
      await closed
    })
  })

  it("answers for a server at another port, and knows nothing else", async () => {
    const web = createServer((_, response) => void response.end())
    await serving(web, { host: "127.0.0.1" }, async ({ close, server }) => {
      await serving(createServer(server.probe), { host: "127.0.0.1" }, async ({ port }) => {
        expect(await asked(port, "/ready")).toBe("200 ready")
        expect((await asked(port, "/other")).slice(0, 3)).toBe("404")
        await close()
        expect(await asked(port, "/ready")).toBe("503 closed")
      })
    })
  })
})
