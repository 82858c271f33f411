/** Servers that take their time. node slow.mjs http|smtp PORT */
import { createServer as createHttpServer } from "node:http"
import { createServer } from "node:net"

const [, , kind, port] = process.argv

/** One event of a streamed answer of each of the two protocols, twenty times a second. */
const stream = (response, event) => {
  response.writeHead(200, { "content-type": "text/event-stream" })
  const timer = setInterval(() => response.write(event), 50)
  response.on("close", () => clearInterval(timer))
}

const chunk = JSON.stringify({
  id: "1",
  object: "chat.completion.chunk",
  created: 1,
  model: "none",
  choices: [{ index: 0, delta: { content: "word " }, finish_reason: null }]
})
const delta = JSON.stringify({
  type: "content_block_delta",
  index: 0,
  delta: { type: "text_delta", text: "word " }
})

const http = () =>
  createHttpServer((request, response) => {
    if (request.url === "/chat/completions") return stream(response, `data: ${chunk}\n\n`)
    if (request.url === "/v1/messages")
      return stream(response, `event: content_block_delta\ndata: ${delta}\n\n`)
    // Begins at once, and does not come to an end.
    response.writeHead(200, { "content-type": "text/html" })
    response.write("<p>one moment")
  })

/** It takes a connection, and never says a word. */
const smtp = () => createServer((socket) => socket.on("error", () => {}))

;(kind === "smtp" ? smtp() : http()).listen(Number(port), "127.0.0.1")
