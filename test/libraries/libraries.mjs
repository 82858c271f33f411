import { clients } from "./clients.mjs"

/**
 * The libraries of the matrix. `peer`: who is killed. `grace`: milliseconds that the work itself may take to end. `timeout:
 * false`: the call has none of its own.
 */

/** A server: its peers are its clients, and an answer takes 200 ms. */
const server = { peer: "none", timeout: false, grace: 200 }

export const libraries = [
  { name: "undici", package: "undici", peer: "http" },
  { name: "axios", package: "axios", peer: "http" },
  { name: "openai", package: "openai", peer: "http" },
  { name: "anthropic", package: "@anthropic-ai/sdk", peer: "http" },
  { name: "pg", package: "pg", peer: "postgres" },
  { name: "ioredis", package: "ioredis", peer: "redis" },
  // Its jobs take 300 ms.
  { name: "bullmq", package: "bullmq", peer: "redis", grace: 500 },
  // Its messages take 300 ms.
  { name: "amqplib", package: "amqplib", peer: "rabbitmq", grace: 500 },
  { name: "pglite", package: "@electric-sql/pglite", peer: "none", grace: 300 },
  { name: "sqlite", package: "better-sqlite3", peer: "none", grace: 200 },
  // Closing a page is a round trip.
  { name: "puppeteer", package: "puppeteer-core", peer: "chromium", grace: 100 },
  { name: "playwright", package: "playwright-core", peer: "chromium", grace: 200 },
  { name: "nodemailer", package: "nodemailer", peer: "smtp", grace: 200 },
  { name: "kafkajs", package: "kafkajs", peer: "none", grace: 200 },
  { name: "chokidar", package: "chokidar", peer: "none" },
  { name: "pqueue", package: "p-queue", peer: "none" },
  { ...server, name: "http", title: "node:http", beside: clients("http") },
  { ...server, name: "http2", title: "node:http2", beside: clients("http2") },
  { ...server, name: "express", package: "express", beside: clients("http") },
  { ...server, name: "fastify", package: "fastify", beside: clients("http") },
  { ...server, name: "ws", package: "ws", beside: clients("ws") }
]
