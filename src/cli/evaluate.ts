/** Code that an inspector runs in the process that is looked at. */
import { CliError } from "./CliError.js"
import type { Session } from "./Session.js"

/** How long an answer may take, in milliseconds. */
export const ANSWER = 3_000

interface Evaluated {
  readonly result: { readonly value?: unknown }
  readonly exceptionDetails?: {
    readonly text: string
    readonly exception?: { readonly description?: string }
  }
}

/** What the code gave, as text. Throws CliError for what it threw. */
export const valueOf = (given: unknown): string => {
  const { exceptionDetails, result } = given as Evaluated
  if (exceptionDetails === undefined) return String(result.value)
  throw new CliError(
    `the process could not tell: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`
  )
}

/** What the code gives, as text. */
export const evaluate = async (session: Session, expression: string): Promise<string> =>
  valueOf(await session.send("Runtime.evaluate", { expression, returnByValue: true }, ANSWER))
