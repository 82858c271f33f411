/** Which argument of a call has the `signal` among its options, of what every program has. */

/** Counted from 0. `"last"`: after as many others as there are. */
export type Place = number | "last"

const places: Readonly<Record<string, Place>> = {
  "global.fetch": 1,
  "timers/promises.setTimeout": 2,
  "timers/promises.setInterval": 2,
  "timers/promises.setImmediate": 1,
  "timers/promises.scheduler.wait": 1,
  "child_process.exec": 1,
  "child_process.execFile": 2,
  "child_process.spawn": 2,
  "child_process.fork": 2,
  "fs/promises.readFile": 1,
  "fs/promises.watch": 1,
  "events.once": 2,
  "events.on": 2,
  "stream/promises.pipeline": "last",
  "stream/promises.finished": 1,
  "undici.fetch": 1,
  "undici.request": 1,
  "undici.stream": 1,
  "undici.pipeline": 1
}

/** Of these, what stands for the options may also be an encoding. */
export const takesEncoding = (path: string): boolean => /^fs\/promises\./.test(path)

/** The arguments before the options of these may be left out: `execFile("ls", { signal })`. */
export const shifts = (path: string): boolean => /^child_process\.(execFile|spawn|fork)$/.test(path)

/** Half of a file is worse than a late end. */
export const isBetterEnded = (path: string): boolean => /^fs\/promises\.(writeFile|appendFile)$/.test(path)

export const placeOf = (path: string): Place | undefined =>
  Object.hasOwn(places, path) ? places[path] : undefined
