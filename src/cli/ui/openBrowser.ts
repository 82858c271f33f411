/**
 * Opens the page in the user's browser. The command lines of programs can be read by everybody of the machine: so what is named
 * there is a file that only the user may read, which leads to the page.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...ReadonlyArray<string>]>>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""]
}

/** `failed` is called where there is nothing that opens a browser. What is returned removes the file. */
export const openBrowser = (
  url: string,
  failed: () => void,
  [command, ...args]: readonly [string, ...ReadonlyArray<string>] = openers[process.platform] ?? ["xdg-open"]
): (() => void) => {
  const folder = mkdtempSync(join(tmpdir(), "effect-aio-ui-"))
  const file = join(folder, "open.html")
  writeFileSync(
    file,
    `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=${url}">`,
    { mode: 0o600 }
  )
  const child = spawn(command, [...args, file], { stdio: "ignore", detached: true })
  child.once("error", failed)
  child.unref()
  return () => rmSync(folder, { recursive: true, force: true })
}
