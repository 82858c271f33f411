// Step 1 of 5: the Promise program as it is. Look at service.ts, which is the program, and promises.ts, its parts; what
// is here is the shutdown code that such a program has: signals, exit codes, and a timer for the worst.
//
//     node --import tsx examples/migration/step1.ts           serve until Ctrl-C
//     node --import tsx examples/migration/step1.ts --once    16 jobs, the result, and exit
import { service } from "./service.js"

const codes = { SIGINT: 130, SIGTERM: 143 } as const

const shutdown = new AbortController()
for (const name of ["SIGINT", "SIGTERM"] as const) {
  // BUG: whoever presses Ctrl-C a second time presses in vain.
  process.on(name, () => {
    process.exitCode = codes[name]
    shutdown.abort(new Error(name))
    // BUG: what has not ended by then is lost, and nobody learns what it was.
    setTimeout(() => process.exit(1), 10_000).unref()
  })
}

service(shutdown.signal).catch((error: unknown) => {
  if (shutdown.signal.aborted) return
  console.error(error)
  // BUG: whatever is still open is left as it is.
  process.exit(1)
})
