/** What a rule of the plugin is. ESLint calls `create` once for each file. */
import type { TSESLint } from "@typescript-eslint/utils"
import { version } from "./manifest.js"

export type SourceCode = Readonly<TSESLint.SourceCode>

export type Context<Messages extends string> = Readonly<
  TSESLint.RuleContext<Messages, ReadonlyArray<unknown>>
>

/** The suggestions of one report. */
export type Suggestions<Messages extends string> = Array<TSESLint.SuggestionReportDescriptor<Messages>>

export interface Rule<Messages extends string> {
  readonly meta: {
    readonly type: "problem"
    readonly docs: { readonly description: string; readonly url: string }
    readonly fixable?: "code"
    readonly hasSuggestions?: boolean
    readonly schema: ReadonlyArray<object>
    readonly defaultOptions?: ReadonlyArray<object>
    readonly messages: Readonly<Record<Messages, string>>
  }
  create(context: Context<Messages>): TSESLint.RuleListener
}

/** What it is for, and the section of the docs that says more. */
export const docsOf = (name: string, description: string): Rule<string>["meta"]["docs"] => ({
  description,
  url: `https://unpkg.com/effect-aio@${version}/docs/eslint.md#${name}`
})
