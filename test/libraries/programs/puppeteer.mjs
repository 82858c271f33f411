import { Effect } from "effect"
import puppeteer from "puppeteer-core"
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
  open: () => puppeteer.launch(launch),
  close: (browser) => browser.close()
})

// recipe: closing the page is what ends a navigation; the signals have to be left to the loop (handleSIGTERM: false)
const visit = (browser, url) =>
  Effect.gen(function* () {
    const close = (page) => page.isClosed() || page.close()
    const page = yield* acquireAio({ name: "page", open: () => browser.newPage(), close })
    const cancel = () => page.close()
    return yield* fromAio(() => page.goto(url), { name: url, cancel, cancelled: () => true })()
  }).pipe(Effect.scoped)
// end

program({ open, call: (browser) => visit(browser, `${url}/slow`) })
