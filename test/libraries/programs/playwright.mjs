import { Effect } from "effect"
import { chromium } from "playwright-core"
import { acquireAio, fromAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

const quiet = ["disable-gpu", "disable-quic", "disable-background-networking", "disable-component-update"]
const launch = {
  executablePath: "/usr/bin/chromium",
  // The signals are the loop's.
  ...{ handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false },
  args: ["no-sandbox", "disable-sync", ...quiet].map((name) => `--${name}`)
}
const open = acquireAio({
  name: "browser",
  open: () => chromium.launch(launch),
  close: (browser) => browser.close()
})

// recipe: closing the page is what ends a navigation; the signals have to be left to the loop (handleSIGTERM: false)
const visit = (browser, url) =>
  Effect.gen(function* () {
    const page = yield* acquireAio({
      name: "page",
      open: () => browser.newPage(),
      close: (page) => page.close()
    })
    const cancel = () => page.close()
    return yield* fromAio(() => page.goto(url), { name: url, cancel, cancelled: () => true })()
  }).pipe(Effect.scoped)
// end

program({ open, call: (browser) => visit(browser, `${url}/slow`) })
