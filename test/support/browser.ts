/** A real browser for the tests of the page, where one is installed. */
import { existsSync } from "node:fs"
import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll } from "vitest"

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

/** Why there is none; nothing where there is one. */
export const noBrowser: string | undefined = existsSync(executablePath)
  ? undefined
  : `no Chromium at ${executablePath}: install Debian's package chromium, or name another by CHROMIUM`

/** How to open a page, with all that it complains of. */
export const pagesOf = () => {
  let started: Promise<Browser> | undefined

  afterAll(async () => {
    await (await started)?.close()
  })

  return async (url: string, options: Parameters<Browser["newPage"]>[0] = {}) => {
    started ??= chromium.launch({ executablePath })
    const page: Page = await (await started).newPage({ viewport: { width: 1280, height: 860 }, ...options })
    const complaints: Array<string> = []
    page.on("pageerror", (error) => complaints.push(String(error)))
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
    })
    await page.goto(url)
    return { page, complaints }
  }
}
