import { Effect } from "effect"
import { createServer } from "node:http"
import express from "express"
import { Server } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: the server that is made of it
const listen = (app) => Server.scoped(createServer(app), { port: 0 })
// end

serve((handle) => {
  const app = express().get("/", (_, response) => void handle().then((text) => response.send(text)))
  return Effect.map(listen(app), ({ port }) => port)
})
