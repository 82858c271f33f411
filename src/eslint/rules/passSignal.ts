/** A call in a task that could heed the task's signal, and is not given it: cancelling the task does not stop it. */
import type { TSESLint, TSESTree } from "@typescript-eslint/utils"
import { AioCode } from "../AioCode.js"
import { using } from "../edits.js"
import { Names } from "../Names.js"
import { propertyOf, someBelow, unwrap, type FunctionNode } from "../nodes.js"
import { docsOf, type Rule, type SourceCode, type Suggestions } from "../Rule.js"
import { runsWithoutContext } from "../settings.js"
import { isBetterEnded, placeOf, shifts, takesEncoding, type Place } from "../signals.js"
import { Types } from "../Types.js"

type Messages = "missing" | "byName" | "add"

/** They call what they are given with the arguments of the Effect, and nothing else. */
const starters = new Set(["effect-aio.fromAio"])

/** What has been opened when the signal breaks it off would stay open. What arrives late is closed. */
const OPENING = "effect-aio.acquireAio"

interface Options {
  /** Whether the types of every other call are asked, too. */
  readonly everyCall: boolean
  /** Callees that need no signal, as they are written. */
  readonly ignore: ReadonlySet<string>
  /** More calls that take one, by their paths. */
  readonly calls: ReadonlyMap<string, Place>
}

export const passSignal: Rule<Messages> = {
  meta: {
    type: "problem",
    docs: docsOf("pass-signal", "Require the task's signal for calls that take one"),
    hasSuggestions: true,
    schema: [
      {
        type: "object",
        properties: {
          everyCall: { type: "boolean" },
          ignore: { type: "array", items: { type: "string" }, uniqueItems: true },
          calls: {
            type: "array",
            items: {
              type: "object",
              properties: {
                from: { type: "string" },
                name: { type: "string" },
                argument: { type: "integer", minimum: 0 }
              },
              required: ["from", "name", "argument"],
              additionalProperties: false
            }
          }
        },
        additionalProperties: false
      }
    ],
    defaultOptions: [{ everyCall: false, ignore: [], calls: [] }],
    messages: {
      missing:
        "Cancelling the task does not stop this: {{callee}} takes a signal, and is not given one. Give it the task's: {{remedy}}.",
      byName:
        "Cancelling the task does not stop this: {{callee}} takes a signal, and is not given one when it is called by its name. " +
        "Give {{starter}} a function: () => {{callee}}(…, { {{remedy}} }).",
      add: "Give it the task's signal: {{text}}."
    }
  },
  create(context) {
    const { sourceCode } = context
    const names = Names.of(sourceCode)
    if (!names.imports("effect-aio")) return {}
    const options = optionsOf(context.options[0])
    const types = Types.of(sourceCode)
    if (options.everyCall && types === undefined) {
      throw new TypeError(
        `effect-aio/pass-signal with everyCall needs types, which ${context.filename} was parsed without: set ` +
          "languageOptions.parser to that of typescript-eslint, with parserOptions.projectService, or leave the option out"
      )
    }
    const code = AioCode.of(sourceCode)
    const withoutContext = runsWithoutContext(context)

    const placeIn = (node: TSESTree.CallExpression, path: string | undefined): Place | undefined => {
      if (path !== undefined) {
        // Their Futures are cancelled with the task that awaits them, and have no need of its signal.
        if (/^effect(-aio(\/\w+)?)?\./.test(path)) return undefined
        if (isBetterEnded(path)) return undefined
        const known = options.calls.get(path) ?? placeOf(path)
        if (known !== undefined) return known
      }
      return options.everyCall ? types?.signalArgument(node) : undefined
    }

    /** `fromAio(fetch)`: what calls it then has no signal to give. */
    const checkNamed = (node: TSESTree.CallExpression): void => {
      const [given] = node.arguments
      const at = given && unwrap(given)
      if (at?.type !== "Identifier" && at?.type !== "MemberExpression") return
      const callee = sourceCode.getText(at)
      const path = names.path(at)
      if (path === undefined || options.ignore.has(callee)) return
      if ((options.calls.get(path) ?? placeOf(path)) === undefined) return
      const starter = sourceCode.getText(node.callee)
      const remedy = withoutContext ? "signal" : "signal: currentSignal()"
      context.report({ node: at, messageId: "byName", data: { callee, starter, remedy } })
    }

    return {
      CallExpression(node) {
        const callee = sourceCode.getText(node.callee)
        if (options.ignore.has(callee)) return
        const path = names.path(node.callee)
        if (path !== undefined && starters.has(path)) checkNamed(node)
        const place = placeIn(node, path)
        if (place === undefined) return
        const task = code.taskAround(node)
        if (task === undefined || task.starter === OPENING || has(sourceCode, node, place, path)) return
        const signal = signalOf(sourceCode, names, node, task.fn, withoutContext)
        context.report({
          node: node.callee,
          messageId: "missing",
          data: { callee, remedy: `{ ${signal?.text ?? "signal"} }` },
          suggest: signal === undefined ? [] : adding(sourceCode, node, place, path, signal)
        })
      }
    }
  }
}

/** The schema has looked at them. */
const optionsOf = (given: unknown): Options => {
  const from = (name: string): unknown =>
    typeof given === "object" && given !== null ? Reflect.get(given, name) : undefined
  const ignore = from("ignore")
  const calls = from("calls")
  return {
    everyCall: from("everyCall") === true,
    ignore: new Set(Array.isArray(ignore) ? ignore.map(String) : []),
    calls: new Map(Array.isArray(calls) ? calls.filter(isCall).map((one) => [pathOf(one), one.argument]) : [])
  }
}

interface Call {
  readonly from: string
  readonly name: string
  readonly argument: number
}

const isCall = (one: unknown): one is Call =>
  typeof one === "object" && one !== null && "from" in one && "name" in one && "argument" in one

/** As the names of a file tell it: what is imported by default is the module. */
const pathOf = ({ from, name }: Call): string => {
  const module = from.replace(/^node:/, "")
  return name === "default" ? module : `${module}.${name}`
}

/** Whether the call is given a signal, or something that may have one. */
const has = (
  sourceCode: SourceCode,
  call: TSESTree.CallExpression,
  place: Place,
  path: string | undefined
): boolean => {
  const { arguments: given } = call
  if (given.some(({ type }) => type === "SpreadElement")) return true
  // `call(x, currentSignal())`, `call(new Request(url, { signal }))`.
  const names = (node: TSESTree.Node): boolean =>
    (node.type === "Identifier" && /signal$/i.test(node.name)) ||
    (node.type === "ObjectExpression" && node.properties.some(({ type }) => type === "SpreadElement"))
  if (given.some((argument) => someBelow(sourceCode, argument, names))) return true
  const options = optionsIn(call, place, path)
  if (options === undefined) return false
  const at = unwrap(options)
  if (at.type === "ObjectExpression") return propertyOf(at, "signal") !== undefined
  if (at.type === "Literal" || at.type === "TemplateLiteral") return false
  return at.type !== "Identifier" || at.name !== "undefined"
}

const optionsIn = (
  { arguments: given }: TSESTree.CallExpression,
  place: Place,
  path: string | undefined
): TSESTree.CallExpressionArgument | undefined => {
  if (place === "last") {
    const last = given.at(-1)
    return last !== undefined && unwrap(last).type === "ObjectExpression" ? last : undefined
  }
  if (path !== undefined && shifts(path)) {
    const object = given.slice(1).find((argument) => unwrap(argument).type !== "ArrayExpression")
    if (object !== undefined && unwrap(object).type === "ObjectExpression") return object
  }
  return given[place]
}

interface Signal {
  /** As a property of an object: `signal`, or `signal: currentSignal()`. */
  readonly text: string
  readonly imports: (fixer: TSESLint.RuleFixer) => ReadonlyArray<TSESLint.RuleFix>
}

/** What the call could be given: a variable of the name, that of the task, or `currentSignal()`. */
const signalOf = (
  sourceCode: SourceCode,
  names: Names,
  call: TSESTree.CallExpression,
  task: FunctionNode,
  withoutContext: boolean
): Signal | undefined => {
  if (names.at("signal", call) !== undefined) return { text: "signal", imports: () => [] }
  const [first] = task.params
  if (first?.type === "Identifier" && first.name === "task" && names.at("task", call) !== undefined)
    return { text: "signal: task.signal", imports: () => [] }
  if (withoutContext) return undefined
  const ours = using(sourceCode, call, "currentSignal")
  return ours && { text: `signal: ${ours.text}()`, imports: ours.imports }
}

const adding = (
  sourceCode: SourceCode,
  call: TSESTree.CallExpression,
  place: Place,
  path: string | undefined,
  signal: Signal
): Suggestions<Messages> => {
  const edit = editOf(sourceCode, call, place, path, signal.text)
  if (edit === undefined) return []
  return [
    {
      messageId: "add",
      data: { text: `{ ${signal.text} }` },
      fix: (fixer) => [...signal.imports(fixer), edit(fixer)]
    }
  ]
}

/** Where the place is empty, or has an object or an encoding. What would stand before it is not made up. */
const editOf = (
  sourceCode: SourceCode,
  call: TSESTree.CallExpression,
  place: Place,
  path: string | undefined,
  property: string
): ((fixer: TSESLint.RuleFixer) => TSESLint.RuleFix) | undefined => {
  const { arguments: given } = call
  const options = optionsIn(call, place, path)
  if (options === undefined) {
    const last = given.at(-1)
    const room = place === "last" || given.length === place
    return room && last !== undefined
      ? (fixer) => fixer.insertTextAfter(last, `, { ${property} }`)
      : undefined
  }
  const at = unwrap(options)
  if (at.type === "ObjectExpression") {
    const last = at.properties.at(-1)
    return last === undefined
      ? (fixer) => fixer.replaceText(at, `{ ${property} }`)
      : (fixer) => fixer.insertTextAfter(last, `, ${property}`)
  }
  if (at.type === "Identifier") return (fixer) => fixer.replaceText(at, `{ ${property} }`) // undefined
  if (path === undefined || !takesEncoding(path)) return undefined
  return (fixer) => fixer.replaceText(at, `{ encoding: ${sourceCode.getText(at)}, ${property} }`)
}
