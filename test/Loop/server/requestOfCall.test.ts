// Covers: requestOfCall, FutureServing
import { describe, expect, it } from "vitest"
import * as http from "node:http"
import * as net from "node:net"
import { SyncLoop } from "../../../src/index.js"
import { exchangeName, serveWith } from "../../../src/Loop/server/request/FutureServing.js"
import {
  currentExchange,
  enterExchange,
  exchangeIn,
  useExchanges
} from "../../../src/Loop/server/request/requestOfCall.js"
import { servingsOf } from "../../../src/Loop/server/request/requests.js"

const pair = () => {
  const request = new http.IncomingMessage(new net.Socket())
  request.url = "/user?a=1"
  request.method = "PUT"
  return { request, response: new http.ServerResponse(request) }
}

describe("the request of a call", () => {
  it("T11 is found in the first four arguments, and nothing else is taken for one", () => {
    const { request, response } = pair()
    const found = { request, response, given: true, fetches: false }
    expect(exchangeIn([request, response])).toEqual(found)
    expect(exchangeIn([1, null, undefined, { raw: response }])).toEqual(found)
    expect(exchangeIn([{ res: response }])).toEqual(found)
    expect(exchangeIn([{ env: { outgoing: response } }])).toEqual({ ...found, fetches: true })
    expect(exchangeIn([1, 2, 3, 4, response])).toBeUndefined()
    for (const other of [
      [],
      [request],
      ["GET"],
      [{ res: {} }, { raw: 7 }],
      [{ env: "production" }],
      [new Response()]
    ]) {
      expect(exchangeIn(other)).toBeUndefined()
    }
  })

  it("T11 what an object computes is not asked for it", () => {
    const asked: Array<string> = []
    class Lazy {
      get res() {
        return asked.push("res")
      }
      get raw() {
        return asked.push("raw")
      }
    }
    expect(exchangeIn([new Lazy()])).toBeUndefined()
    expect(asked).toEqual([])
  })

  it("T11 is in the async-local state only as long as somebody asks, and until it is answered", async () => {
    const { request, response } = pair()
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        enterExchange(request, response)
        expect(currentExchange()).toBeUndefined()
        const end = useExchanges()
        enterExchange(request, response)
        expect(currentExchange()).toEqual({ request, response, given: false, fetches: false })
        setImmediate(() => {
          expect(currentExchange()?.response).toBe(response)
          response.end()
          expect(currentExchange()).toBeUndefined()
          end()
          resolve()
        })
      })
    })
  })
})

describe("a Future that serves a request", () => {
  it("T11 is named by the request, told to end once, and forgotten when it is done", async () => {
    const { request, response } = pair()
    const loop = SyncLoop.make()
    const reasons: Array<unknown> = []
    const exchange = { request, response, given: true, fetches: false }
    await loop.runUntilComplete(async () => {
      const future = loop.createFuture<void>()
      serveWith(exchange, exchangeName(exchange), future, (reason) => {
        reasons.push(reason)
        future.setResult()
      })
      const [serving] = servingsOf(response)
      expect([serving?.name, serving?.done]).toEqual(["PUT /user from unix", false])
      let ended = 0
      serving?.onDone(() => ended++)
      serving?.interrupt("drain over")
      serving?.interrupt("server closed")
      await future
      await loop.sleep(0)
      serving?.onDone(() => ended++)
      expect([reasons, ended, serving?.done, servingsOf(response)]).toEqual([["drain over"], 2, true, []])
      expect(response.listenerCount("close")).toBe(0)
    })
    await loop.close()
  })
})
