/** Effect's own ways from promises: whoever is interrupted leaves them, and does not wait. */
import type { TSESTree } from "@typescript-eslint/utils"
import { using } from "../edits.js"
import { Names } from "../Names.js"
import { isFunction, keyOf, unwrap } from "../nodes.js"
import { Promises } from "../promises.js"
import { everywhereOption, isEverywhere } from "../everywhere.js"
import { docsOf, type Rule, type SourceCode, type Suggestions } from "../Rule.js"

type Messages = "abandoned" | "iterable" | "given" | "fromAio"

const wrappers = new Set(["effect.Effect.promise", "effect.Effect.tryPromise"])
/** On Effect 3 these take a function that gives a promise, too. */
const takers = new Set(["effect.Effect.andThen", "effect.Effect.tap"])
/** What runs there is not interrupted, and waited for. Of `acquireUseRelease` the middle one may be. */
const uninterruptible =
  /^effect\.(Effect\.(acquireRelease|addFinalizer|ensuring|onExit|onError|onInterrupt|uninterruptible)|Scope\.addFinalizer(Exit)?)$/
const bracket = "effect.Effect.acquireUseRelease"

const iterables = new Set(["effect.Stream.fromAsyncIterable"])

export const noAbandonedPromise: Rule<Messages> = {
  meta: {
    type: "problem",
    docs: docsOf(
      "no-abandoned-promise",
      "Disallow what leaves a promise running when its fiber is interrupted"
    ),
    hasSuggestions: true,
    ...everywhereOption,
    messages: {
      abandoned:
        "When its fiber is interrupted, {{callee}} leaves the promise running, and the Scope closes what that still uses. " +
        "fromAio cancels the work and waits until it has ended: fromAio(fn)().",
      iterable:
        "When its fiber is interrupted, {{callee}} does not wait until the iterator has ended. fromAio(iterable) does.",
      given:
        "{{callee}} waits for this promise, but leaves it running when its fiber is interrupted. " +
        "Give it an Effect that cancels and waits: fromAio(fn).",
      fromAio: "Use fromAio, which cancels the work and waits for its end. Its Effect may fail with AioError."
    }
  },
  create(context) {
    const { options, sourceCode } = context
    const names = Names.of(sourceCode)
    const everywhere = isEverywhere(options[0])
    if (!names.imports("effect") || !(everywhere || names.imports("effect-aio"))) return {}
    const promises = new Promises(sourceCode)
    return {
      CallExpression(node) {
        const path = names.path(node.callee)
        if (path === undefined) return
        const isOurs = wrappers.has(path) || iterables.has(path) || takers.has(path)
        if (!isOurs || isUninterruptible(names, node)) return
        const data = { callee: sourceCode.getText(node.callee) }
        if (wrappers.has(path)) {
          const suggest = canReplace(node) ? replacing(sourceCode, node) : []
          context.report({ node: node.callee, messageId: "abandoned", data, suggest })
        } else if (iterables.has(path)) {
          context.report({ node: node.callee, messageId: "iterable", data })
        } else if (takers.has(path)) {
          for (const given of node.arguments) {
            const at = promises.givesPromise(given)
            if (at !== undefined) context.report({ node: at, messageId: "given", data })
          }
        }
      }
    }
  }
}

/** Whether it stands among what a fiber cannot be interrupted in. */
const isUninterruptible = (names: Names, node: TSESTree.Node): boolean => {
  let inner = node
  for (let at = node.parent; at != null; inner = at, at = at.parent) {
    if (at.type !== "CallExpression" || at.callee === inner) continue
    const path = names.path(at.callee) ?? ""
    if (uninterruptible.test(path) || (path === bracket && at.arguments[1] !== inner)) return true
  }
  return false
}

/** A function that takes no signal is the same for both, and so is `{ try, catch }`. */
const canReplace = ({ arguments: [given, another] }: TSESTree.CallExpression): boolean => {
  if (given === undefined || another !== undefined) return false
  const at = unwrap(given)
  if (isFunction(at)) return at.params.length === 0
  if (at.type !== "ObjectExpression") return false
  const [first, second, more] = at.properties
  if (first?.type !== "Property" || second?.type !== "Property" || more !== undefined) return false
  const keys = [first, second].map(keyOf).sort()
  if (keys.join() !== "catch,try") return false
  const attempt = unwrap((keyOf(first) === "try" ? first : second).value)
  return isFunction(attempt) && attempt.params.length === 0
}

const replacing = (sourceCode: SourceCode, call: TSESTree.CallExpression): Suggestions<Messages> => {
  const ours = using(sourceCode, call, "fromAio")
  if (ours === undefined) return []
  return [
    {
      messageId: "fromAio",
      fix: (fixer) => [...ours.imports(fixer), fixer.replaceText(call.callee, ours.text)]
    }
  ]
}
