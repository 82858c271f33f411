import * as Effect from "effect4/Effect"
import * as S from "effect4/Schema"
import type * as SchemaAST from "effect4/SchemaAST"
import * as SchemaIssue from "effect4/SchemaIssue"
import * as Either from "./Either.js"
export * from "effect4/Schema"

/** `Schema.Schema<A, I>`, which needs no services. */
export type Schema<A, I = A> = S.Codec<A, I>

export const parseJson = S.fromJsonString
export const equivalence = S.toEquivalence

// ---- filters ----

const checked =
  (check: SchemaAST.Check<any>) =>
  (schema: any): any =>
    schema.check(check)

export const int = () => checked(S.isInt())
export const positive = () => checked(S.isGreaterThan(0))
export const between = (minimum: number, maximum: number) => checked(S.isBetween({ minimum, maximum }))
export const pattern = (regExp: RegExp) => checked(S.isPattern(regExp))
export const length = ({ max, min }: { readonly min: number; readonly max: number }) =>
  checked(S.isBetweenLength(min, max))

/** With a message that stands for whatever is wrong within. */
export const annotations = ({ message }: { readonly message: () => { readonly message: string } }) =>
  S.catchDecoding(() => Effect.fail(new SchemaIssue.InvalidValue(message())))

// ---- decoding ----

/** What a decoding of Effect 3 fails with. */
export class ParseError extends Error {
  readonly _tag = "ParseError"

  constructor(readonly issue: SchemaIssue.Issue) {
    super(SchemaIssue.makeFormatterDefault()(issue))
  }
}

export const decodeUnknown = (schema: S.Codec<any, any>, options?: SchemaAST.ParseOptions) => {
  const decoded = S.decodeUnknownEffect(schema, options)
  return (input: unknown): Effect.Effect<unknown, ParseError> =>
    Effect.mapError(decoded(input), ({ issue }) => new ParseError(issue))
}

export const decode = decodeUnknown

export const decodeUnknownEither = (schema: S.Codec<any, any>) => {
  const is = S.decodeUnknownExit(schema)
  return (input: unknown): Either.Either<unknown, unknown> => {
    const exit = is(input)
    return exit._tag === "Success" ? Either.right(exit.value) : Either.left(exit.cause)
  }
}
