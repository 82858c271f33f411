/** What a worker works on, in words, for a row of a report. */
import { describeValue } from "../../Loop/kernel/describe.js"

/** A request by its tag, or as a value. */
const requestText = (request: unknown): string => {
  try {
    const { _tag: tag } = request as { readonly _tag?: unknown }
    if (typeof tag === "string") return tag
  } catch {
    // It is nothing that has a tag.
  }
  return describeValue(request)
}

type Jobs = ReadonlyArray<{ readonly request: unknown; readonly since: number }>

/** Of jobs, the oldest first. */
const jobsText = (jobs: Jobs, now: number): string => {
  const [oldest] = jobs
  if (oldest === undefined) return ""
  const first = `${requestText(oldest.request)} for ${Math.round(now - oldest.since)}ms`
  return jobs.length === 1 ? first : `${jobs.length} jobs, the oldest ${first}`
}

/** The jobs of a worker, the oldest first, and those that were interrupted. An empty text where there are none. */
export const workText = (waited: Jobs, interrupted: Jobs, now: number): string => {
  const texts = [jobsText(waited, now)]
  if (interrupted.length > 0) texts.push(`interrupted: ${jobsText(interrupted, now)}`)
  return texts.filter((text) => text !== "").join("; ")
}
