import { describe, expect, it } from "vitest"
import type { ServerOptions } from "../../../src/index.js"
import { settingsOf, sumOf, timesWithin } from "../../../src/Loop/server/ServerOptions.js"

const refused = (options: unknown): string => {
  try {
    settingsOf(options as ServerOptions)
    return "taken"
  } catch (error) {
    return String(error)
  }
}

describe("ServerOptions", () => {
  it("B2 refuses what does not fit, by the name of the option", () => {
    expect(
      [
        null,
        { port: "80" },
        { port: 65_536 },
        { port: -1 },
        { port: 1.5 },
        { fd: -1 },
        { host: "" },
        { path: "" },
        { port: 0, path: "/x" },
        { path: "/x", host: "here" },
        { fd: 3, host: "here" },
        { goodbye: "bye" },
        { webSockets: {} },
        { name: 7 },
        { ipv6Only: "yes" },
        { lameDuck: -1 },
        { drain: "soon" },
        { drain: Infinity },
        { backlog: NaN }
      ].map(refused)
    ).toEqual([
      "TypeError: the options of a server are an object, not null",
      'TypeError: port is a number, not "80"',
      "RangeError: port is an integer from 0 to 65535, not 65536",
      "RangeError: port is an integer from 0 to 65535, not -1",
      "RangeError: port is an integer from 0 to 65535, not 1.5",
      "RangeError: fd is an integer from 0 to 2147483647, not -1",
      "RangeError: host is not the empty string",
      "RangeError: path is not the empty string",
      "TypeError: a server listens in one way; given were port and path",
      "TypeError: host goes with port, and not with path or fd",
      "TypeError: host goes with port, and not with path or fd",
      'TypeError: goodbye is a function, not "bye"',
      "TypeError: webSockets is a server of WebSockets, not <Object>",
      "TypeError: name is a string, not 7",
      'TypeError: ipv6Only is a boolean, not "yes"',
      "RangeError: lameDuck is a duration from 0 on, not -1",
      'TypeError: drain takes milliseconds or a Duration, not "soon"',
      "RangeError: drain has an end: a duration that is finite",
      "RangeError: backlog is an integer from 0 to 2147483647, not NaN"
    ])
  })

  it("takes durations of all kinds", () => {
    expect(settingsOf({ lameDuck: "2 seconds", drain: 10, answer: 0 }).times).toEqual({
      lameDuck: 2_000,
      drain: 10,
      answer: 0
    })
  })

  it("S6 keeps what was said, and fits what was not said into a short deadline", () => {
    expect(timesWithin({}, Infinity)).toEqual({ lameDuck: 0, idle: 250, drain: 5_000, answer: 1_000 })
    expect(timesWithin({}, 6_000)).toEqual({ lameDuck: 0, idle: 250, drain: 5_000, answer: 1_000 })
    expect(timesWithin({}, 2_000)).toEqual({ lameDuck: 0, idle: 250, drain: 1_250, answer: 250 })
    expect(timesWithin({ drain: 1_500 }, 2_000)).toEqual({ lameDuck: 0, idle: 250, drain: 1_500, answer: 0 })
    expect(timesWithin({ lameDuck: 30_000 }, 2_000)).toMatchObject({ lameDuck: 30_000, drain: 0, answer: 0 })
    for (const most of [0, 10, 100, 1_000, 5_999])
      expect(sumOf(timesWithin({}, most))).toBeLessThanOrEqual(most)
  })
})
