/** A promise where Effect takes a value: nobody waits for it. */
import type { TSESLint, TSESTree } from "@typescript-eslint/utils"
import { arrow, using } from "../edits.js"
import { Names } from "../Names.js"
import {
  functionAround,
  isFunction,
  memberName,
  unwrap,
  waits,
  wrapped,
  type FunctionNode
} from "../nodes.js"
import { Promises } from "../promises.js"
import { docsOf, type Context, type Rule, type SourceCode, type Suggestions } from "../Rule.js"

type Messages = "promise" | "floating" | "fromAio" | "flatMap"

/** What takes a value, or functions that give one. Names of Effect 3 and 4. */
const values = new Set(["effect.Effect.succeed", "effect.Effect.as"])
const thunks = new Set(["effect.Effect.sync", "effect.Effect.try"])
const mappings = new Set(["effect.Effect.map", "effect.Stream.map"])
const callbacks = new Set([
  ...thunks,
  ...mappings,
  "effect.Effect.mapError",
  "effect.Effect.mapBoth",
  "effect.Effect.match",
  "effect.Effect.orElseSucceed",
  "effect.Effect.zipWith",
  "effect.Layer.sync"
])

/** Whose functions are generators of Effects: a promise that begins there is not theirs. */
const generators = new Set([
  "effect.Effect.gen",
  "effect.Effect.fn",
  "effect.Effect.fnUntraced",
  "effect-aio.allowAio"
])

/** The functions among the arguments, also those in an object: `{ onSuccess: (a) => … }`. */
const functionsIn = (call: TSESTree.CallExpression): ReadonlyArray<TSESTree.Node> =>
  call.arguments.flatMap((argument): ReadonlyArray<TSESTree.Node> => {
    const given = unwrap(argument)
    if (given.type !== "ObjectExpression") return [argument]
    return given.properties.flatMap((property) => (property.type === "Property" ? [property.value] : []))
  })

export const noPromiseInSync: Rule<Messages> = {
  meta: {
    type: "problem",
    docs: docsOf("no-promise-in-sync", "Disallow promises where Effect takes a value that is there at once"),
    hasSuggestions: true,
    schema: [],
    messages: {
      promise:
        "{{callee}} takes this promise for the value: nobody waits for it, cancels it, or hears of its failure. " +
        "Use fromAio for what is asynchronous: {{remedy}}.",
      floating:
        "Nobody waits for this promise, cancels it, or hears of its failure. In Effect code: yield* fromAio(() => …)(). " +
        "Where that is meant, say so with void, and handle its failure.",
      fromAio: "Make it an Effect that waits: {{text}}.",
      flatMap: "Make the function one that gives an Effect: {{text}}."
    }
  },
  create(context) {
    const { sourceCode } = context
    const names = Names.of(sourceCode)
    if (!names.imports("effect") && !names.imports("effect-aio")) return {}
    const promises = new Promises(sourceCode)

    /** Whether nothing waits in this function: it is given to what takes values, or is a generator of Effects. */
    const seen = new Map<FunctionNode, boolean>()
    const isSync = (fn: FunctionNode): boolean => {
      const known = seen.get(fn)
      if (known !== undefined) return known
      const at = wrapped(fn)
      const around = at.parent?.type === "Property" ? at.parent.parent.parent : at.parent
      let path: string | undefined
      if (around?.type === "CallExpression") {
        const callee = unwrap(around.callee)
        // Effect.fn("name")(function* () { … })
        path = names.path(callee.type === "CallExpression" ? callee.callee : callee)
      }
      const result = path !== undefined && (fn.generator ? generators : callbacks).has(path) && !fn.async
      seen.set(fn, result)
      return result
    }

    return {
      CallExpression(node) {
        const path = names.path(node.callee)
        if (path === undefined) return
        if (values.has(path)) {
          const value = node.arguments.at(-1)
          if (value === undefined || value.type === "SpreadElement" || !promises.isPromise(value)) return
          report(context, node, value, path)
        } else if (callbacks.has(path)) {
          for (const given of functionsIn(node)) {
            const promise = promises.givesPromise(given)
            if (promise !== undefined) report(context, node, promise, path, given)
          }
        }
      },
      ExpressionStatement(node) {
        const { expression } = node
        if (unwrap(expression).type !== "CallExpression" && unwrap(expression).type !== "NewExpression")
          return
        const around = functionAround(node)
        if (around === undefined || !isSync(around)) return
        if (isHandled(expression) || !promises.isPromise(expression)) return
        context.report({ node: expression, messageId: "floating" })
      }
    }
  }
}

/** `promise.catch(…)` and `promise.then(…, …)` say what becomes of a failure. */
const isHandled = (node: TSESTree.Node): boolean => {
  const call = unwrap(node)
  if (call.type !== "CallExpression") return false
  const callee = unwrap(call.callee)
  if (callee.type !== "MemberExpression") return false
  const name = memberName(callee)
  return name === "catch" || (name === "then" && call.arguments.length > 1)
}

const report = (
  context: Context<Messages>,
  call: TSESTree.CallExpression,
  node: TSESTree.Node,
  path: string,
  given?: TSESTree.Node
): void => {
  const { sourceCode } = context
  const callee = sourceCode.getText(call.callee)
  const isMapping = mappings.has(path)
  context.report({
    node,
    messageId: "promise",
    data: {
      callee,
      remedy: isMapping ? `${callee.replace(/\bmap$/, "flatMap")}(fromAio(fn))` : "fromAio(fn)()"
    },
    suggest: suggestionsOf(sourceCode, call, path, given)
  })
}

const suggestionsOf = (
  sourceCode: SourceCode,
  call: TSESTree.CallExpression,
  path: string,
  given: TSESTree.Node | undefined
): Suggestions<Messages> => {
  const ours = using(sourceCode, call, "fromAio")
  if (ours === undefined) return []
  const suggest = (
    messageId: "fromAio" | "flatMap",
    text: string,
    edit: (fixer: TSESLint.RuleFixer) => ReadonlyArray<TSESLint.RuleFix>
  ): Suggestions<Messages> => [
    { messageId, data: { text }, fix: (fixer) => [...ours.imports(fixer), ...edit(fixer)] }
  ]
  const { callee } = call
  const [first, another] = call.arguments
  if (path === "effect.Effect.succeed") {
    if (first === undefined || waits(sourceCode, first)) return []
    return suggest("fromAio", "fromAio(() => …)", (fixer) => [
      fixer.replaceText(call, `${ours.text}(${arrow(sourceCode, first)})`)
    ])
  }
  if (thunks.has(path) && another === undefined) {
    return suggest("fromAio", "fromAio(…)", (fixer) => [fixer.replaceText(callee, ours.text)])
  }
  if (
    mappings.has(path) &&
    given !== undefined &&
    callee.type === "MemberExpression" &&
    path.startsWith("effect.Effect")
  ) {
    const { property } = callee
    const argument = isFunction(unwrap(given)) || unwrap(given).type === "Identifier"
    if (property.type !== "Identifier" || callee.computed || !argument) return []
    return suggest("flatMap", "flatMap(fromAio(…))", (fixer) => [
      fixer.replaceText(property, "flatMap"),
      fixer.insertTextBefore(given, `${ours.text}(`),
      fixer.insertTextAfter(given, ")")
    ])
  }
  return []
}
