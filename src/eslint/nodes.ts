/** The shapes of a program's text: what stands in an expression, and which values a function gives back. */
import type { TSESTree } from "@typescript-eslint/utils"
import type { SourceCode } from "./Rule.js"

export type FunctionNode =
  TSESTree.ArrowFunctionExpression | TSESTree.FunctionExpression | TSESTree.FunctionDeclaration

export const isFunction = (node: TSESTree.Node | null | undefined): node is FunctionNode =>
  node?.type === "ArrowFunctionExpression" ||
  node?.type === "FunctionExpression" ||
  node?.type === "FunctionDeclaration"

/** An async function that gives a promise, which an async generator function does not. */
export const isAsync = (node: FunctionNode): boolean => node.async && !node.generator

/** The expression without what only the compiler looks at: `x!`, `x as T`, `(x)`, `x?.y`. */
export const unwrap = (node: TSESTree.Node): TSESTree.Node => {
  let at = node
  for (;;) {
    switch (at.type) {
      case "ChainExpression":
      case "TSAsExpression":
      case "TSSatisfiesExpression":
      case "TSNonNullExpression":
      case "TSTypeAssertion":
      case "TSInstantiationExpression":
        at = at.expression
        continue
      default:
        return at
    }
  }
}

/** The expression around it that means the same: the opposite of {@link unwrap}. */
export const wrapped = (node: TSESTree.Node): TSESTree.Node => {
  let at = node
  while (at.parent !== undefined && unwrap(at.parent) === node) at = at.parent
  return at
}

/** The name of the member that is asked for, where it can be read. */
export const memberName = (node: TSESTree.MemberExpression): string | undefined => {
  const { property } = node
  if (!node.computed) return property.type === "Identifier" ? property.name : undefined
  if (property.type === "Literal") return typeof property.value === "string" ? property.value : undefined
  if (property.type !== "TemplateLiteral" || property.expressions.length > 0) return undefined
  return property.quasis[0]?.value.cooked ?? undefined
}

/** The name of a property in an object, where it can be read. */
export const keyOf = (property: TSESTree.Property): string | undefined => {
  const { computed, key } = property
  if (key.type === "Literal") return String(key.value)
  return !computed && key.type === "Identifier" ? key.name : undefined
}

/** The property of this name in an object that is written out. */
export const propertyOf = (object: TSESTree.ObjectExpression, name: string): TSESTree.Property | undefined =>
  object.properties.find(
    (property): property is TSESTree.Property => property.type === "Property" && keyOf(property) === name
  )

/** The innermost function in which the node stands. */
export const functionAround = (node: TSESTree.Node): FunctionNode | undefined => {
  let at = node.parent
  while (at != null && !isFunction(at)) at = at.parent // the file's own parent is null
  return at ?? undefined
}

const isNode = (value: unknown): value is TSESTree.Node =>
  typeof value === "object" && value !== null && "type" in value

/**
 * Whether something below the node fits, nested functions aside: what is in these is done at another time. It keeps its own
 * stack, as files may be deeper than that of the thread.
 */
export const someBelow = (
  sourceCode: SourceCode,
  root: TSESTree.Node,
  fits: (node: TSESTree.Node) => boolean
): boolean => {
  const left: Array<TSESTree.Node> = [root]
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (fits(node)) return true
    if (node !== root && isFunction(node)) continue
    for (const key of sourceCode.visitorKeys[node.type] ?? []) {
      const child: unknown = Reflect.get(node, key)
      if (Array.isArray(child)) left.push(...child.filter(isNode))
      else if (isNode(child)) left.push(child)
    }
  }
  return false
}

/** Whether the expression cannot be moved into a function of its own, since it waits where it stands. */
export const waits = (sourceCode: SourceCode, node: TSESTree.Node): boolean =>
  someBelow(sourceCode, node, ({ type }) => type === "AwaitExpression" || type === "YieldExpression")

/** The expressions one of which is the value: both sides of `a ? b : c` and `a ?? b`, the last one of `a, b`. */
export const outcomes = (node: TSESTree.Node): ReadonlyArray<TSESTree.Node> => {
  const found: Array<TSESTree.Node> = []
  const left = [node]
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    const inner = unwrap(at)
    if (inner.type === "ConditionalExpression") left.push(inner.alternate, inner.consequent)
    else if (inner.type === "LogicalExpression") left.push(inner.right, inner.left)
    else if (inner.type === "SequenceExpression") left.push(...inner.expressions.slice(-1))
    else found.push(inner)
  }
  return found
}

/** The expressions one of which a function gives back. */
export const returned = (sourceCode: SourceCode, fn: FunctionNode): ReadonlyArray<TSESTree.Node> => {
  if (fn.body.type !== "BlockStatement") return outcomes(fn.body)
  const found: Array<TSESTree.Node> = []
  someBelow(sourceCode, fn, (node) => {
    if (node.type === "ReturnStatement" && node.argument !== null) found.push(...outcomes(node.argument))
    return false
  })
  return found
}
