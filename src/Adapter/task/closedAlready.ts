/**
 * What libraries say when they are asked to close what is closed already, or was never open. Then nothing is left open, and
 * a good end stays one. As data: a line for each library, with the version that was looked at.
 */

/** One library's words: a `code`, or the whole message. */
interface Refusal {
  readonly library: string
  readonly code?: string
  readonly message?: string
}

const refusals: ReadonlyArray<Refusal> = [
  // server.close() and its Symbol.asyncDispose, of net.Server only where it was closed twice
  { library: "node:http, node:http2, node:net (Node 20 to 26)", code: "ERR_SERVER_NOT_RUNNING" },
  // Agent, Client and Pool: close() after the first one has ended, and after destroy()
  { library: "undici 7, 8", code: "UND_ERR_DESTROYED" },
  { library: "undici 7, 8", code: "UND_ERR_CLOSED" },
  // db.close()
  { library: "@electric-sql/pglite 0.5", message: "PGlite is closed" },
  // pool.end()
  { library: "pg-pool 3", message: "Called end on pool more than once" },
  // wss.close()
  { library: "ws 8", message: "The server is not running" },
  // handle.close()
  {
    library: "node:fs FileHandle (Node 20 to 26)",
    code: "ERR_INVALID_STATE",
    message: "The FileHandle is closed"
  }
]

/** Whether a failed close says that there is nothing to close. */
export const wasClosedAlready = (error: unknown): boolean => {
  try {
    if (!(error instanceof Error)) return false
    const { code } = error as { readonly code?: unknown }
    return refusals.some(
      (one) =>
        (one.code === undefined || one.code === code) &&
        (one.message === undefined || one.message === error.message)
    )
  } catch {
    return false
  }
}
