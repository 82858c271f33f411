/** `asyncContext: false`: a task does not see what its async function awaits, unless that is linked to it. */
import type { TSESTree } from "@typescript-eslint/utils"
import { AioCode } from "../AioCode.js"
import { Names } from "../Names.js"
import { functionAround, memberName, unwrap, type FunctionNode } from "../nodes.js"
import { docsOf, type Rule, type SourceCode, type Suggestions } from "../Rule.js"
import { runsWithoutContext } from "../settings.js"
import { Types } from "../Types.js"

type Messages = "unlinked" | "link"

/** What gives a Future, as far as names say so. */
const functions = /^effect-aio\.(sleep|runEffect|toThread|shield|waitFor|timeout|TaskGroup\.run)$/
const methods = new Set([
  "createFuture",
  "createTask",
  "sleep",
  "runInExecutor",
  "effectAsFuture",
  "ensureFuture",
  "wrapFuture"
])

export const linkAwaits: Rule<Messages> = {
  meta: {
    type: "problem",
    docs: docsOf(
      "link-awaits",
      "Require task.link around an awaited Future where loops have no async-local state"
    ),
    hasSuggestions: true,
    schema: [],
    messages: {
      unlinked:
        "On a loop with asyncContext: false a task does not know what it awaits: cancelling it would not cancel this Future. " +
        "Link it to the task: await {{task}}.link(…).",
      link: "Link it to {{task}}."
    }
  },
  create(context) {
    const { sourceCode } = context
    const names = Names.of(sourceCode)
    if (!names.imports("effect-aio") || !runsWithoutContext(context)) return {}
    const code = AioCode.of(sourceCode)
    const types = Types.of(sourceCode)

    const isFuture = (node: TSESTree.Node): boolean => {
      const at = unwrap(node)
      if (types?.isKnown(at) === true) return types.isFuture(at)
      const call = at.type === "Identifier" ? constant(names, at) : at
      if (call?.type !== "CallExpression") return false
      const callee = unwrap(call.callee)
      if (callee.type === "MemberExpression" && methods.has(memberName(callee) ?? "")) return true
      return functions.test(names.path(callee) ?? "")
    }

    return {
      AwaitExpression(node) {
        const { argument } = node
        const fn = functionAround(node)
        if (fn === undefined || code.taskOf(fn) === undefined || isLink(argument)) return
        if (!isFuture(argument)) return
        const task = taskIn(fn)
        context.report({
          node: argument,
          messageId: "unlinked",
          data: { task: task ?? "task" },
          suggest: task === undefined ? [] : linking(sourceCode, argument, task)
        })
      }
    }
  }
}

const isLink = (node: TSESTree.Node): boolean => {
  const at = unwrap(node)
  const callee = at.type === "CallExpression" ? unwrap(at.callee) : undefined
  return callee?.type === "MemberExpression" && memberName(callee) === "link"
}

/** What a constant was given: `const future = loop.createFuture()`. */
const constant = (names: Names, node: TSESTree.Identifier): TSESTree.Node | undefined => {
  const [definition] = names.at(node.name, node)?.defs ?? []
  if (definition?.type !== "Variable" || definition.parent.kind !== "const") return undefined
  const { id, init } = definition.node
  return id.type === "Identifier" && init !== null ? unwrap(init) : undefined
}

/** The name of the Task that the function is given, where it says so. */
const taskIn = (fn: FunctionNode): string | undefined => {
  const [first] = fn.params
  return first?.type === "Identifier" && /^(task|self)$/.test(first.name) ? first.name : undefined
}

const linking = (sourceCode: SourceCode, node: TSESTree.Node, task: string): Suggestions<Messages> => [
  {
    messageId: "link",
    data: { task },
    fix: (fixer) => fixer.replaceText(node, `${task}.link(${sourceCode.getText(node)})`)
  }
]
