// Promises/A+ 2.1.2 over a Future of a loop on Node. Run: node --unhandled-rejections=none <this, compiled>.
// Prints one line of JSON: how many cases passed, and the titles of those that failed.
import { createRequire } from "node:module"
import { openNodeLoop } from "./loops.js"

// The suite leaves rejections without handlers on purpose; those reports are its business.
const { loop } = openNodeLoop({ exceptionHandler: () => {} })

const deferred = () => {
  const promise = loop.createFuture()
  // A second settle is an error on a Future; to the suite it has to be nothing.
  return {
    promise,
    resolve: (value) => void (promise.done() || promise.setResult(value)),
    reject: (reason) => void (promise.done() || promise._settleError(reason))
  }
}

const require = createRequire(import.meta.url)
const aplus = require("promises-aplus-tests")
const result = { passed: 0, failed: [] }
const reporter = function (runner) {
  runner.on("pass", () => result.passed++)
  runner.on("fail", (test, error) => result.failed.push(`${test.fullTitle()}: ${error?.message}`))
}

aplus(
  {
    deferred,
    resolved: (value) => {
      const one = deferred()
      one.resolve(value)
      return one.promise
    },
    rejected: (reason) => {
      const one = deferred()
      one.reject(reason)
      return one.promise
    }
  },
  { reporter, timeout: 2000 },
  () => {
    loop.close()
    console.log(JSON.stringify(result))
  }
)
