/** What Effect's default logger has written to the output of a program: `level=ERROR .. message=".."`, or `ERROR (#4): ..`. */
import { perLine } from "./effect/line.js"

const head = perLine("E7", {
  3: /^timestamp=\S+ level=(\w+) fiber=\S+ (.*)$/,
  4: /^\[[\d:.]+\] (\w+) \(#\d+\): (.*)$/
})

/** The first lines of all entries, or of those of one level. */
export const logLines = (output: string, level?: "WARN" | "ERROR"): ReadonlyArray<string> =>
  output.split("\n").filter((line) => {
    const found = head.exec(line)?.[1]
    return found !== undefined && (level === undefined || found === level)
  })

/** How many entries have a message, with whatever Cause and annotations. */
export const entriesOf = (output: string, message: string): number =>
  logLines(output).filter((line) => {
    const text = head.exec(line)?.[2] ?? ""
    return perLine("E7", {
      3: text.includes(`message="${message}"`),
      4: text === message || [" Error", " {"].some((next) => text.startsWith(message + next))
    })
  }).length
