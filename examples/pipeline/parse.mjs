// @ts-check
/**
 * What the worker threads do: from a block of JSON to the lines that sort and awk can work with. A module of its own, in
 * plain JavaScript, because worker threads load it without a compiler.
 */

/**
 * @typedef {import("effect-aio").JobContext} JobContext
 * @typedef {{ cat: string, name: string, ph: string, ts: number, dur: number, pid: number, tid: number, id?: string }} TraceEvent
 */

/** What has a duration: b and e are the beginning and the end of it, x is both. @type {Readonly<Record<string, string>>} */
const phases = { b: "b", B: "b", e: "e", E: "e", X: "x" }

const clean = (/** @type {string} */ text) => text.replaceAll(/[\t\n]/g, " ")

/**
 * The lines "category, name, id, time, phase, duration" of the events in some categories, as bytes that move, and how many
 * events there were. Of the categories of an event the last one counts, which is the narrowest.
 *
 * @this {JobContext}
 * @param {Uint8Array} block
 * @param {ReadonlyArray<string>} categories
 */
export function parse(block, categories) {
  /** @type {ReadonlyArray<TraceEvent>} */
  const events = JSON.parse(`[${new TextDecoder().decode(block)}]`)
  const wanted = new Set(categories)
  let lines = ""
  for (const { cat, dur, id, name, ph, pid, tid, ts } of events) {
    const phase = phases[ph]
    const category = cat.slice(cat.lastIndexOf(",") + 1)
    if (phase === undefined || !wanted.has(category)) continue
    lines += `${category}\t${clean(name)}\t${pid}/${id ?? tid}\t${ts}\t${phase}\t${dur ?? 0}\n`
  }
  const bytes = new TextEncoder().encode(lines)
  return this.transfer({ events: events.length, lines: bytes }, [bytes.buffer])
}
