// Covers: requests
import { describe, expect, it } from "vitest"
import {
  closesWith,
  closingOf,
  keyOf,
  servingsOf,
  serves,
  type Serving
} from "../../../src/Loop/server/request/requests.js"

const serving = (name: string): Serving & { readonly end: () => void } => {
  let done = false
  const listeners: Array<() => void> = []
  return {
    name,
    interrupt: () => {},
    get done() {
      return done
    },
    onDone: (f) => void (done ? f() : listeners.push(f)),
    end: () => {
      done = true
      for (const f of listeners.splice(0)) f()
    }
  }
}

describe("requests", () => {
  it("lists who serves an answer until they are done, several of one answer too", () => {
    const answer = {}
    const first = serving("GET /")
    const second = serving("GET / again")
    serves(answer, first)
    serves(answer, second)
    expect(servingsOf(answer)).toEqual([first, second])
    first.end()
    expect(servingsOf(answer)).toEqual([second])
    second.end()
    expect(servingsOf(answer)).toEqual([])
    expect(servingsOf({})).toEqual([])
  })

  it("forgets at once who is done when it is told of", () => {
    const answer = {}
    const ended = serving("GET /")
    ended.end()
    serves(answer, ended)
    expect(servingsOf(answer)).toEqual([])
  })

  it("knows an answer of HTTP/2's compatible API by its stream, and no other by what it has of that name", () => {
    const stream = { respond: () => {} }
    const compatible = { stream }
    expect(keyOf(compatible)).toBe(stream)
    for (const other of [{ stream: "text" }, { stream: null }, { stream: {} }, {}])
      expect(keyOf(other)).toBe(other)
    const { signal } = new AbortController()
    closesWith(stream, { closing: () => signal })
    expect(closingOf(compatible)).toBe(signal)
    expect(closingOf({})).toBeUndefined()
  })
})
