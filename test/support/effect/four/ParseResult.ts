/** How an error of Schema is told. */
import * as SchemaIssue from "effect4/SchemaIssue"
import { ParseError } from "./Schema.js"

export const isParseError = (error: unknown): error is ParseError => error instanceof ParseError

const standard = SchemaIssue.makeFormatterStandardSchemaV1()

export const ArrayFormatter = {
  formatErrorSync: ({ issue }: ParseError) =>
    standard(issue).issues.map(({ message, path = [] }) => ({ message, path }))
}

export const TreeFormatter = {
  formatErrorSync: ({ message }: ParseError): string => message
}
