import { existsSync, readFileSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { dirname } from "node:path"
import { describe, expect, it } from "vitest"
import { openBrowser } from "../../../src/cli/ui/openBrowser.js"

const url = "http://127.0.0.1:1/a-word/"

/** Waits for what another process writes. */
const read = async (path: string): Promise<string> => {
  for (;;) {
    const text = existsSync(path) ? readFileSync(path, "utf8") : ""
    if (text.endsWith("\n")) return text.trim()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe("opening a browser", () => {
  it("names a file that only its user may read, which leads to the page, and removes it", async () => {
    const said = join(tmpdir(), `effect-aio-opened-${process.pid}`)
    const forget = openBrowser(url, () => {}, ["sh", "-c", `echo "$1" > ${said}`, "sh"])
    const file = await read(said)
    expect(file).not.toContain("a-word")
    expect(readFileSync(file, "utf8")).toContain(`content="0;url=${url}"`)
    expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700])
    forget()
    expect(existsSync(dirname(file))).toBe(false)
  })

  it("says where nothing opens one", async () => {
    let forget = (): void => {}
    await new Promise<void>((resolve) => {
      forget = openBrowser(url, resolve, ["/nonexistent/open"])
    })
    forget()
  })
})
