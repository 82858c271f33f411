/**
 * Standard output and error that cannot be written any more: their reader has gone (EPIPE), their disk is full (ENOSPC).
 * Node makes an uncaught exception of each failed write that nobody listens for.
 */

const streams = (): ReadonlyArray<readonly ["stdout" | "stderr", NodeJS.WriteStream]> => [
  ["stdout", process.stdout],
  ["stderr", process.stderr]
]

/** Whether what was written to standard output may be lost. */
export const outputIsBroken = (): boolean => process.stdout.errored !== null

/**
 * Calls `broken` once for each of the two, at its first failed write; later ones are silent. Where the program listens
 * for errors of it as well, they are the program's. The result takes it back.
 */
export const onBrokenOutput = (broken: (name: "stdout" | "stderr", error: Error) => void): (() => void) => {
  const listeners = streams().map(([name, stream]) => {
    let told = false
    const listener = (error: Error): void => {
      if (told || stream.listenerCount("error") > 1) return
      told = true
      broken(name, error)
    }
    stream.on("error", listener)
    return () => void stream.off("error", listener)
  })
  return () => {
    for (const off of listeners) off()
  }
}
