/** The option `everywhere`: a rule looks at files that do not import the library, too. */
export const everywhereOption = {
  schema: [
    {
      type: "object",
      properties: { everywhere: { type: "boolean" } },
      additionalProperties: false
    }
  ],
  defaultOptions: [{ everywhere: false }]
} as const

/** The schema has looked at it. */
export const isEverywhere = (options: unknown): boolean =>
  typeof options === "object" && options !== null && Reflect.get(options, "everywhere") === true
