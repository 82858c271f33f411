import * as Effect from "effect4/Effect"
import { dual } from "effect4/Function"
import * as HashMap from "effect4/HashMap"
import type * as Layer from "effect4/Layer"
import * as L from "effect4/Logger"
import type * as LogLevel from "effect4/LogLevel"
import * as References from "effect4/References"
export * from "effect4/Logger"

/** What a logger of Effect 3 is given. */
export interface Options<Message> extends Omit<L.Options<Message>, "logLevel"> {
  readonly logLevel: { readonly label: string }
  readonly annotations: HashMap.HashMap<string, unknown>
}

export const make = <Message, Output>(
  log: (options: Options<Message>) => Output
): L.Logger<Message, Output> =>
  L.make<Message, Output>((options) =>
    log({
      ...options,
      logLevel: { label: options.logLevel.toUpperCase() },
      annotations: HashMap.fromIterable(
        Object.entries(options.fiber.getRef(References.CurrentLogAnnotations))
      )
    })
  )

export const none = L.make<unknown, void>(() => {})

export const replace = (
  _: L.Logger<unknown, unknown>,
  logger: L.Logger<unknown, unknown>
): Layer.Layer<never> => L.layer([L.tracerLogger, logger])

export const remove = (_: L.Logger<unknown, unknown>): Layer.Layer<never> => L.layer([L.tracerLogger])

export const withMinimumLogLevel: {
  (level: LogLevel.LogLevel): <A, X, R>(self: Effect.Effect<A, X, R>) => Effect.Effect<A, X, R>
  <A, X, R>(self: Effect.Effect<A, X, R>, level: LogLevel.LogLevel): Effect.Effect<A, X, R>
} = dual(2, (self: Effect.Effect<any>, level: LogLevel.LogLevel) =>
  Effect.provideService(self, References.MinimumLogLevel, level)
)
