/** How TLS begins on a connection that is there: types only. */
import type { ConnectionOptions as TlsConnectionOptions, TlsOptions } from "node:tls"
import type { DurationInput } from "../../effect.js"

/**
 * How a connection is given TLS, by its client or by its server.
 *
 * @category models
 * @since 0.2.0
 */
export type StartTlsOptions =
  | {
      readonly serverSide?: false | undefined
      /** What `tls.connect` takes. Default: nothing of it. */
      readonly ssl?: true | TlsConnectionOptions | undefined
      /** The name that the certificate of the other end has to have. */
      readonly serverHostname?: string | undefined
      /** How long the TLS handshake may take. Default 60 seconds. */
      readonly sslHandshakeTimeout?: DurationInput | undefined
    }
  | {
      readonly serverSide: true
      /** The certificate and key, and whatever else `tls.createServer` takes. */
      readonly ssl: TlsOptions
      /** How long the TLS handshake may take. Default 60 seconds. */
      readonly sslHandshakeTimeout?: DurationInput | undefined
    }
