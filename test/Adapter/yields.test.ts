// Effect may have a fiber yield before any operation, once in some two thousand. Here it does between a look at what there is and
// the wait for more, and what it would wait for comes meanwhile. On Effect 3 only, whose schedulers can be told so; the waits are
// the same code on both lines.
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { describe } from "vitest"
import { fromAio, Loop, Net, Server } from "../../src/index.js"
import { line } from "../support/effect/line.js"
import { OneYield } from "../support/effect/OneYield.js"

const SIZE = 20_000_000

/** `f` is told what each call of a method returns. */
const watch = <K extends string>(
  object: Record<K, unknown>,
  method: K,
  f: (returned: unknown) => void
): void => {
  const call = object[method] as (...args: Array<unknown>) => unknown
  Object.defineProperty(object, method, {
    configurable: true,
    value(...args: Array<unknown>) {
      const returned = call.apply(object, args)
      f(returned)
      return returned
    }
  })
}

/** A server of HTTP under such a scheduler, which sees each request before it is handled; the answer to a request of its body. */
const echoing = (see: (one: OneYield, request: IncomingMessage, response: ServerResponse) => void) => {
  const one = new OneYield()
  const program = Effect.scoped(
    Effect.gen(function* () {
      const handler = yield* Server.handler((request) => Effect.succeed({ body: request.body }))
      const server = createServer((request, response) => {
        see(one, request, response)
        handler(request, response)
      })
      const { port } = yield* Server.scoped(server, { host: "127.0.0.1" })
      const size = yield* fromAio(async () => {
        const response = await fetch(`http://127.0.0.1:${port}/`, {
          method: "POST",
          body: new Uint8Array(SIZE)
        })
        return (await response.arrayBuffer()).byteLength
      })()
      expect(size).toBe(SIZE)
      expect(one.yields).toBe(1)
    })
  )
  return Effect.withScheduler(Loop.scoped(program), one)
}

describe.runIf(line === 3)("a fiber that yields before it waits", () => {
  it.live("hears that more of a body has come", () =>
    echoing((one, request) => {
      let asked = false
      watch(request as never, "read", (bytes) => {
        if (bytes !== null || asked || request.readableEnded) return
        asked = true
        one.ask((go) => request.once("readable", () => setImmediate(go)))
      })
    })
  )

  it.live("hears that a client has taken what was written of an answer", () =>
    echoing((one, _, response) => {
      let asked = false
      watch(response as never, "write", (flows) => {
        if (flows !== false || asked) return
        asked = true
        one.ask((go) => response.once("drain", () => setImmediate(go)))
      })
    })
  )

  it.live("hears that a connection takes more", () => {
    const one = new OneYield()
    const program = Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* Net.listen({ host: "127.0.0.1" }, ({ stream }) => Stream.runDrain(stream))
        const { socket, write } = yield* Net.connect({ host: "127.0.0.1", port })
        let asked = false
        const needsDrain = (): boolean =>
          Reflect.get(Object.getPrototypeOf(socket) as object, "writableNeedDrain", socket) as boolean
        Object.defineProperty(socket, "writableNeedDrain", {
          get: () => {
            const needs = needsDrain()
            if (needs && !asked) {
              asked = true
              one.ask((go) => socket.once("drain", () => setImmediate(go)))
            }
            return needs
          }
        })
        yield* write(new Uint8Array(SIZE))
        expect(one.yields).toBe(1)
      })
    )
    return Effect.withScheduler(Loop.scoped(program), one)
  })
})
