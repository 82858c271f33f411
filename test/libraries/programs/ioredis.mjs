import { Redis } from "ioredis"
import { acquireAio, fromAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

// recipe: a call that blocks has a connection of its own, whose end is its cancel
const open = acquireAio({
  name: "redis",
  open: () => new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: null }).on("error", () => {}),
  close: (redis) => redis.disconnect()
})
const blpop = (redis, key) =>
  fromAio(() => redis.blpop(key, 0), { name: `BLPOP ${key}`, cancel: () => redis.disconnect() })()
// end

program({ open, call: (redis) => blpop(redis, "queue") })
