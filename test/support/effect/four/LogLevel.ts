import type * as L from "effect4/LogLevel"
export * from "effect4/LogLevel"

export const Error: L.LogLevel = "Error"
