/** The plugin for ESLint: rules for what is easily done wrong at the border between Effect and promises. */
import type { ESLint, Linter } from "eslint"
import { version } from "./manifest.js"
import { linkAwaits } from "./rules/linkAwaits.js"
import { noAbandonedPromise } from "./rules/noAbandonedPromise.js"
import { noCurrentAfterAwait } from "./rules/noCurrentAfterAwait.js"
import { noOutlivingFiber } from "./rules/noOutlivingFiber.js"
import { noPromiseInSync } from "./rules/noPromiseInSync.js"
import { noStartedWork } from "./rules/noStartedWork.js"
import { noSwallowedCancel } from "./rules/noSwallowedCancel.js"
import { passSignal } from "./rules/passSignal.js"

const rules = {
  "link-awaits": linkAwaits,
  "no-abandoned-promise": noAbandonedPromise,
  "no-current-after-await": noCurrentAfterAwait,
  "no-outliving-fiber": noOutlivingFiber,
  "no-promise-in-sync": noPromiseInSync,
  "no-started-work": noStartedWork,
  "no-swallowed-cancel": noSwallowedCancel,
  "pass-signal": passSignal
}

/**
 * What `effect-aio/eslint` gives: a plugin whose configs are for `eslint.config.js`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioPlugin extends ESLint.Plugin {
  readonly meta: { readonly name: string; readonly version: string; readonly namespace: string }
  readonly configs: {
    /** All rules. They look at the text, and at types where the file was parsed with them. */
    readonly recommended: Linter.Config
    /** The same for TypeScript with types, which it asks for: `pass-signal` then knows every call that takes a signal. */
    readonly "recommended-type-checked": Linter.Config
  }
}

const name = "effect-aio"

const meta = { name: "effect-aio/eslint", version, namespace: name } as const

const levels = (passSignalOptions: object): Partial<Linter.RulesRecord> => ({
  "effect-aio/link-awaits": "error",
  "effect-aio/no-abandoned-promise": "warn", // no bug by itself: what is left running may end at once
  "effect-aio/no-current-after-await": "error",
  "effect-aio/no-outliving-fiber": "error",
  "effect-aio/no-promise-in-sync": "error",
  "effect-aio/no-started-work": "error",
  "effect-aio/no-swallowed-cancel": "error",
  "effect-aio/pass-signal": ["error", passSignalOptions]
})

/** A config names its plugin, and the plugin has its configs. */
const plugins: Record<string, ESLint.Plugin> = {}

const plugin: AioPlugin = {
  meta,
  // ESLint's own types know the nodes of JavaScript only. What a rule is given at run time is the same.
  rules: rules as unknown as NonNullable<ESLint.Plugin["rules"]>,
  configs: {
    recommended: { name: "effect-aio/recommended", plugins, rules: levels({}) },
    "recommended-type-checked": {
      name: "effect-aio/recommended-type-checked",
      plugins,
      languageOptions: { parserOptions: { projectService: true } },
      rules: levels({ everyCall: true })
    }
  }
}
plugins[name] = plugin

export default plugin
