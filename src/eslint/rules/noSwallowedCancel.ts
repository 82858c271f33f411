/** A `catch` in a loop of a task that takes the cancel for one more error, and goes on. */
import type { TSESTree } from "@typescript-eslint/utils"
import { AioCode } from "../AioCode.js"
import { using } from "../edits.js"
import { Names } from "../Names.js"
import { isFunction, someBelow, unwrap } from "../nodes.js"
import { docsOf, type Rule, type SourceCode, type Suggestions } from "../Rule.js"

type Messages = "swallowed" | "rethrow"

type Loop =
  | TSESTree.DoWhileStatement
  | TSESTree.ForInStatement
  | TSESTree.ForOfStatement
  | TSESTree.ForStatement
  | TSESTree.WhileStatement

const isLoop = (node: TSESTree.Node): node is Loop =>
  /^(DoWhile|For|ForIn|ForOf|While)Statement$/.test(node.type)

/** Whoever has looked at one of these knows of the cancel. */
const knowing =
  /^(signal|aborted|throwIfAborted|cancelling|cancelled|isCancelledError|CancelledError|AbortError|ABORT_ERR)$/

const knowsCancel = (sourceCode: SourceCode, node: TSESTree.Node): boolean =>
  someBelow(
    sourceCode,
    node,
    (at) =>
      (at.type === "Identifier" && knowing.test(at.name)) ||
      (at.type === "Literal" && knowing.test(String(at.value)))
  )

/** A `catch` that may leave the loop was thought about. */
const leaves = (sourceCode: SourceCode, node: TSESTree.Node): boolean =>
  someBelow(sourceCode, node, ({ type }) => /^(Throw|Return|Break)Statement$/.test(type))

/** The loop of the same function in which the statement stands. */
const loopAround = (node: TSESTree.Node): Loop | undefined => {
  let at = node.parent
  while (at != null && !isFunction(at)) {
    if (isLoop(at)) return at
    at = at.parent
  }
  return undefined
}

export const noSwallowedCancel: Rule<Messages> = {
  meta: {
    type: "problem",
    docs: docsOf("no-swallowed-cancel", "Disallow loops of tasks that catch their cancel, and go on"),
    hasSuggestions: true,
    schema: [],
    messages: {
      swallowed:
        "A task that is cancelled gets its CancelledError here, and the loop goes on: whoever waits for its end waits on. " +
        "Let it through: if (isCancelledError({{error}})) throw {{error}}.",
      rethrow: "Throw it again where it is a CancelledError."
    }
  },
  create(context) {
    const { sourceCode } = context
    if (!Names.of(sourceCode).imports("effect-aio")) return {}
    const code = AioCode.of(sourceCode)
    return {
      CatchClause(node) {
        const statement = node.parent
        const loop = loopAround(statement)
        if (loop === undefined || code.taskAround(node) === undefined) return
        if (!someBelow(sourceCode, statement.block, isWait)) return
        if (leaves(sourceCode, node.body)) return
        // What the loop asks for in each of its turns counts for its catch as well.
        if (knowsCancel(sourceCode, node.body) || asksAgain(sourceCode, loop, statement)) return
        const { param } = node
        const name = param?.type === "Identifier" ? param.name : undefined
        context.report({
          node: sourceCode.getFirstToken(node) ?? node,
          messageId: "swallowed",
          data: { error: name ?? "error" },
          suggest: name === undefined ? [] : rethrowing(sourceCode, node, name)
        })
      }
    }
  }
}

const isWait = (node: TSESTree.Node): boolean =>
  (node.type === "AwaitExpression" && unwrap(node.argument).type !== "Literal") ||
  node.type === "YieldExpression" ||
  (node.type === "ForOfStatement" && node.await)

/** Whether the loop itself looks at the cancel: in its condition, or beside the `try`. */
const asksAgain = (sourceCode: SourceCode, loop: Loop, statement: TSESTree.TryStatement): boolean => {
  const parts: Array<TSESTree.Node | null> =
    loop.type === "ForStatement"
      ? [loop.test, loop.update]
      : loop.type === "WhileStatement" || loop.type === "DoWhileStatement"
        ? [loop.test]
        : []
  if (loop.body.type === "BlockStatement")
    parts.push(...loop.body.body.filter((one) => one !== statement && mayLeave(sourceCode, one)))
  return parts.some((part) => part !== null && knowsCancel(sourceCode, part))
}

/** `if (signal.aborted) return`, `signal.throwIfAborted()`. */
const mayLeave = (sourceCode: SourceCode, node: TSESTree.Node): boolean =>
  leaves(sourceCode, node) || /throwIfAborted/.test(sourceCode.getText(node))

const rethrowing = (
  sourceCode: SourceCode,
  node: TSESTree.CatchClause,
  name: string
): Suggestions<Messages> => {
  const ours = using(sourceCode, node.body, "isCancelledError")
  const brace = sourceCode.getFirstToken(node.body)
  if (ours === undefined || brace === null) return []
  const [first] = node.body.body
  // As its neighbours stand.
  const column = first === undefined ? node.loc.start.column + 2 : first.loc.start.column
  const line = first?.loc.start.line === brace.loc.start.line ? " " : `\n${" ".repeat(column)}`
  return [
    {
      messageId: "rethrow",
      fix: (fixer) => [
        ...ours.imports(fixer),
        fixer.insertTextAfter(
          brace,
          `${line}if (${ours.text}(${name})) throw ${name}${line === " " ? ";" : ""}`
        )
      ]
    }
  ]
}
