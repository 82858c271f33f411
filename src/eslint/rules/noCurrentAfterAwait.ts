/** `asyncContext: false`: who is running is known before the first await, and not after it. */
import type { TSESLint, TSESTree } from "@typescript-eslint/utils"
import { Names } from "../Names.js"
import { docsOf, type Rule } from "../Rule.js"
import { runsWithoutContext } from "../settings.js"

type Messages = "after" | "nothing"

/** These throw where no task or loop is known, or tell nothing of it; each with what there is instead. */
const asking: Readonly<Record<string, string>> = {
  "effect-aio.currentSignal": "const signal = currentSignal()",
  "effect-aio.currentTask": "const task = currentTask()",
  "effect-aio.currentFlavor": "const flavor = currentFlavor()",
  "effect-aio.getRunningLoop": "const loop = getRunningLoop()",
  "effect-aio.allTasks": "allTasks(loop)",
  "effect-aio.sleep": "loop.sleep(ms)",
  "effect-aio.runEffect": "loop.effectAsFuture(effect)",
  "effect-aio.runEffectTask": "loop.runEffectTask(effect)",
  "effect-aio.toThread": "loop.runInExecutor(null, job)",
  "effect-aio.shield": "a call before the first await",
  "effect-aio.waitFor": "a call before the first await",
  "effect-aio.timeout": "a call before the first await",
  "effect-aio.TaskGroup.run": "a call before the first await"
}

/** One way through a function: what is called on it, and whether something was awaited on it. */
interface Stretch {
  awaits: boolean
  readonly asked: Array<{
    readonly node: TSESTree.CallExpression
    readonly path: string
    readonly after: boolean
  }>
}

interface Walk {
  readonly upper: Walk | undefined
  readonly stretches: Map<TSESLint.CodePathSegment, Stretch>
  readonly current: Set<TSESLint.CodePathSegment>
}

export const noCurrentAfterAwait: Rule<Messages> = {
  meta: {
    type: "problem",
    docs: docsOf(
      "no-current-after-await",
      "Disallow asking who is running after an await where loops have no async-local state"
    ),
    schema: [],
    messages: {
      after:
        "On a loop with asyncContext: false nobody knows after an await who is running: {{callee}}() throws. " +
        "Ask before the first await, and use that: {{remedy}}.",
      nothing:
        "On a loop with asyncContext: false nobody knows after an await who is running: {{callee}}() has no answer. " +
        "Ask before the first await, and use that: {{remedy}}."
    }
  },
  create(context) {
    const { sourceCode } = context
    const names = Names.of(sourceCode)
    if (!names.imports("effect-aio") || !runsWithoutContext(context)) return {}
    let walk: Walk | undefined
    const stretches = (): ReadonlyArray<Stretch> =>
      walk === undefined
        ? []
        : [...walk.current].map((segment) => {
            const known = walk?.stretches.get(segment)
            if (known !== undefined) return known
            const stretch: Stretch = { awaits: false, asked: [] }
            walk?.stretches.set(segment, stretch)
            return stretch
          })

    const onAwait = (): void => {
      for (const stretch of stretches()) stretch.awaits = true
    }

    return {
      onCodePathStart() {
        walk = { upper: walk, stretches: new Map(), current: new Set() }
      },
      onCodePathSegmentStart(segment: TSESLint.CodePathSegment) {
        walk?.current.add(segment)
      },
      onCodePathSegmentEnd(segment: TSESLint.CodePathSegment) {
        walk?.current.delete(segment)
      },
      "AwaitExpression:exit": onAwait,
      // Each turn of it awaits, before its body.
      "ForOfStatement[await=true] > BlockStatement"() {
        onAwait()
      },
      "CallExpression:exit"(node: TSESTree.CallExpression) {
        const path = names.path(node.callee)
        if (path === undefined || !Object.hasOwn(asking, path)) return
        // With the loop given, nothing is asked for.
        if (path === "effect-aio.allTasks" && node.arguments.length > 0) return
        for (const stretch of stretches()) stretch.asked.push({ node, path, after: stretch.awaits })
      },
      onCodePathEnd() {
        const ended = walk
        walk = ended?.upper
        if (ended === undefined) return
        const late = behindAwaits(ended)
        const reported = new Set<TSESTree.Node>()
        for (const [segment, { asked }] of ended.stretches) {
          for (const { after, node, path } of asked) {
            if (!(after || late.has(segment)) || reported.has(node)) continue
            reported.add(node)
            const answers = /\.(currentTask|currentFlavor)$/.test(path)
            context.report({
              node,
              messageId: answers ? "nothing" : "after",
              data: { callee: sourceCode.getText(node.callee), remedy: asking[path] ?? "" }
            })
          }
        }
      }
    }
  }
}

/** Every stretch to which a way leads that has awaited something. */
const behindAwaits = ({ stretches }: Walk): ReadonlySet<TSESLint.CodePathSegment> => {
  const late = new Set<TSESLint.CodePathSegment>()
  const left = [...stretches].flatMap(([segment, { awaits }]) => (awaits ? segment.nextSegments : []))
  for (let segment = left.pop(); segment !== undefined; segment = left.pop()) {
    if (late.has(segment)) continue
    late.add(segment)
    left.push(...segment.nextSegments)
  }
  return late
}
