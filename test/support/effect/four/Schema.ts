import * as Effect from "effect4/Effect"
import * as S from "effect4/Schema"
export * from "effect4/Schema"

export const parseJson = S.fromJsonString

/** What a decoding of Effect 3 fails with. */
class ParseError extends Error {
  readonly _tag = "ParseError"
}

export const decode = (schema: S.Codec<any, any>) => {
  const decodeEffect = S.decodeEffect(schema)
  return (input: unknown): Effect.Effect<unknown, ParseError> =>
    Effect.mapError(decodeEffect(input), ({ message }) => new ParseError(message))
}
