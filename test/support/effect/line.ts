/**
 * The line of Effect that the suite runs on: 3, or 4 with `EFFECT_LINE=4`. The same files run on both. `EFFECT_FROM` is a
 * folder in whose `node_modules` another version of that line is installed as `effect`.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const wanted = process.env["EFFECT_LINE"] ?? "3"
if (wanted !== "3" && wanted !== "4") throw new Error(`EFFECT_LINE is 3 or 4, not ${wanted}`)

/** The line of Effect. */
export const line: 3 | 4 = wanted === "3" ? 3 : 4

const from = process.env["EFFECT_FROM"]

/** The folder that Effect is found from, and its name there. */
export const effectFrom = from ?? fileURLToPath(new URL("../../..", import.meta.url))
export const effectPackage = line === 4 && from === undefined ? "effect4" : "effect"

/** The folder that the platform's packages are found from: the same, where it has some. */
export const platformFrom =
  from !== undefined && existsSync(join(from, "node_modules/@effect"))
    ? from
    : fileURLToPath(new URL(line === 3 ? "../../.." : "../../../.ci/four", import.meta.url))

/** Whether a file, by its path from the root, is written for the other line alone. */
export const isOfOtherLine = (file: string): boolean =>
  new RegExp(`(^|/)(platform|types|examples/[^/]+)/${line === 3 ? "four" : "three"}/`).test(
    file.replaceAll("\\", "/")
  )

/**
 * What differs between the lines, and is Effect's own: the value of the line that the suite runs on. `row` is the difference's
 * number in docs/effect-lines.md, which says why; `effectLines.test.ts` holds that there is one.
 */
export const perLine = <Three, Four>(row: `E${number}`, values: { 3: Three; 4: Four }): Three | Four =>
  line === 3 ? values[3] : values[4]

/** Whether the suite runs on a line, for what is there on one of them only. `row` is as in `perLine`. */
export const onLine = (row: `E${number}`, only: 3 | 4): boolean => line === only

/** What `Effect.timeout` fails with. */
export const timeoutTag = perLine("E1", { 3: "TimeoutException", 4: "TimeoutError" })

/** What is in a Context, by its keys. */
export const servicesOf = (context: object): ReadonlyMap<string, unknown> =>
  (context as Record<string, ReadonlyMap<string, unknown>>)[line === 3 ? "unsafeMap" : "mapUnsafe"] ??
  new Map()
