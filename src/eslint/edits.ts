/** Changes to a file that suggestions make together: an import, and a function around an expression. */
import type { TSESLint, TSESTree } from "@typescript-eslint/utils"
import { Names } from "./Names.js"
import type { SourceCode } from "./Rule.js"

const PACKAGE = "effect-aio"

type Fix = TSESLint.RuleFix

const importOf = (sourceCode: SourceCode): TSESTree.ImportDeclaration | undefined =>
  sourceCode.ast.body.find(
    (statement): statement is TSESTree.ImportDeclaration =>
      statement.type === "ImportDeclaration" &&
      statement.source.value === PACKAGE &&
      statement.importKind !== "type" &&
      statement.specifiers.some(({ type }) => type === "ImportSpecifier")
  )

/**
 * How a name of the library is written in this file, and what has to be added for that. `undefined` where the name means
 * something else there.
 */
export const using = (
  sourceCode: SourceCode,
  node: TSESTree.Node,
  name: string
):
  | { readonly text: string; readonly imports: (fixer: TSESLint.RuleFixer) => ReadonlyArray<Fix> }
  | undefined => {
  const names = Names.of(sourceCode)
  const declaration = importOf(sourceCode)
  const text = declaration?.specifiers.find((one) => isImportOf(one, name))?.local.name ?? name
  const meant = names.at(text, node)
  if (meant !== undefined) {
    const isIt = names.pathOf(meant) === `${PACKAGE}.${name}` && !meant.defs.some(isTypeOnly)
    return isIt ? { text, imports: () => [] } : undefined
  }
  if (sourceCode.ast.sourceType !== "module") return undefined
  const specifier = declaration?.specifiers.at(-1)
  const statement = sourceCode.ast.body.filter(({ type }) => type === "ImportDeclaration").at(-1)
  return {
    text,
    imports: (fixer) => {
      if (specifier !== undefined) return [fixer.insertTextAfter(specifier, `, ${name}`)]
      const line = `import { ${name} } from "${PACKAGE}"`
      if (statement !== undefined) {
        const next = sourceCode.getTokenAfter(statement)
        const end = next?.loc.start.line === statement.loc.end.line ? "\n" : ""
        return [fixer.insertTextAfter(statement, `\n${line}${end}`)]
      }
      return [fixer.insertTextBeforeRange([0, 0], `${line}\n`)]
    }
  }
}

/** A name that is imported as a type is no value. */
const isTypeOnly = (definition: TSESLint.Scope.Definition): boolean =>
  definition.type === "ImportBinding" &&
  ((definition.node.type === "ImportSpecifier" && definition.node.importKind === "type") ||
    (definition.parent?.type === "ImportDeclaration" && definition.parent.importKind === "type"))

const isImportOf = (node: TSESTree.ImportClause, name: string): boolean =>
  node.type === "ImportSpecifier" &&
  node.importKind !== "type" &&
  node.imported.type === "Identifier" &&
  node.imported.name === name

/** An arrow function that gives the value of the expression. */
export const arrow = (sourceCode: SourceCode, node: TSESTree.Node): string => {
  const text = sourceCode.getText(node)
  return `() => ${node.type === "ObjectExpression" || node.type === "SequenceExpression" ? `(${text})` : text}`
}
