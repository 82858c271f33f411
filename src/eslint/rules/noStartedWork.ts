/** `fromAio(fn(x))`: the work has begun before the loop could give it a signal, or call it again. */
import type { TSESLint, TSESTree } from "@typescript-eslint/utils"
import { arrow } from "../edits.js"
import { Names } from "../Names.js"
import { unwrap, waits, wrapped } from "../nodes.js"
import { Promises } from "../promises.js"
import { docsOf, type Rule, type Suggestions } from "../Rule.js"
import { Types } from "../Types.js"

type Messages = "started" | "function" | "call"

export const noStartedWork: Rule<Messages> = {
  meta: {
    type: "problem",
    docs: docsOf("no-started-work", "Disallow calls that start the work whose Effect fromAio is to be"),
    fixable: "code",
    hasSuggestions: true,
    schema: [],
    messages: {
      started:
        "This starts the work here and now: it has no signal, does not belong to the loop, and is not done again when the " +
        "Effect is. Give fromAio the function: {{remedy}}.",
      function: "Give it a function: {{remedy}}.",
      call: "Wrap the function, and call it then: {{remedy}}."
    }
  },
  create(context) {
    const { sourceCode } = context
    const names = Names.of(sourceCode)
    if (!names.imports("effect-aio")) return {}
    const promises = new Promises(sourceCode)
    const types = Types.of(sourceCode)
    return {
      CallExpression(node) {
        const [given] = node.arguments
        if (given === undefined || given.type === "SpreadElement") return
        if (names.path(node.callee) !== "effect-aio.fromAio") return
        const work = unwrap(given)
        if (
          work.type !== "CallExpression" &&
          work.type !== "NewExpression" &&
          work.type !== "ImportExpression"
        )
          return
        if (types?.isFuture(work) === true || !promises.isPromise(work)) return
        const text = sourceCode.getText(node.callee)
        const [remedy, fixed] = [`${text}(${shortened(arrow(sourceCode, given))})`, arrow(sourceCode, given)]
        const suggest: Suggestions<Messages> = []
        let fix: TSESLint.ReportFixFunction | null = null
        // What waits among the arguments waits in the function around, and would not in a new one.
        if (!waits(sourceCode, given)) {
          const wrap: TSESLint.ReportFixFunction = (fixer) => fixer.replaceText(given, fixed)
          if (isRunHere(node)) fix = wrap
          else suggest.push({ messageId: "function", data: { remedy }, fix: wrap })
          const curried = curry(names, work, node, (part) => sourceCode.getText(part))
          if (curried !== undefined)
            suggest.push({
              messageId: "call",
              data: { remedy: shortened(curried) },
              fix: (fixer) => fixer.replaceText(node, curried)
            })
        }
        context.report({ node: given, messageId: "started", data: { remedy }, fix, suggest })
      }
    }
  }
}

/** `yield* fromAio(…)`: run where it is made, so that a function makes no difference to when the work begins. */
const isRunHere = (call: TSESTree.CallExpression): boolean => {
  const { parent } = wrapped(call)
  return parent?.type === "YieldExpression" && parent.delegate
}

/** `fromAio(fn)(x)`, where it is certain that the function needs no `this`, and is one of the program's, whose name is all of it. */
const curry = (
  names: Names,
  work: TSESTree.Node,
  call: TSESTree.CallExpression,
  textOf: (node: TSESTree.Node) => string
): string | undefined => {
  if (work.type !== "CallExpression" || work.callee.type !== "Identifier" || work.optional) return undefined
  if (work.arguments.length === 0 || work.typeArguments !== undefined) return undefined
  if (names.at(work.callee.name, work.callee) === undefined) return undefined // fetch: it wants a signal
  const options = call.arguments.slice(1).map((argument) => `, ${textOf(argument)}`)
  const wrapping = `${textOf(call.callee)}(${work.callee.name}${options.join("")})`
  return `${wrapping}(${work.arguments.map((argument) => textOf(argument)).join(", ")})`
}

const shortened = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ")
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}
