/**
 * The mark in the Context of a fiber that was started on a loop: that loop, and those around it. What the fiber forks
 * inherits it. A fiber takes on the async-local state of whoever resumes it, so whose it is can only be read from here.
 */
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import { Tag } from "../../effect.js"

interface Inside {
  readonly loop: object
  readonly outer: Inside | undefined
}
class InsideTag extends Tag<InsideTag, Inside>()("effect-aio/Inside") {}

const insideOf = (context: Context.Context<never>): Inside | undefined =>
  Option.getOrUndefined(Context.getOption(context, InsideTag))

/** Whether a fiber with this Context was started on `loop`, or by one that was. */
export const isInside = (context: Context.Context<never>, loop: object): boolean => {
  for (let at = insideOf(context); at !== undefined; at = at.outer) if (at.loop === loop) return true
  return false
}

/** `context` with the mark of `loop`; as it is where it has that already. */
export const inside = (context: Context.Context<never>, loop: object): Context.Context<never> =>
  isInside(context, loop) ? context : Context.add(context, InsideTag, { loop, outer: insideOf(context) })
