/** Which release this is. The package's own file says it, from the sources as from dist. */
import { readFileSync } from "node:fs"

const read = (): unknown => JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))

const versionIn = (manifest: unknown): string => {
  if (typeof manifest === "object" && manifest !== null && "version" in manifest)
    return String(manifest.version)
  throw new TypeError(
    "effect-aio/eslint: the package.json of effect-aio has no version: install the package anew"
  )
}

export const version = versionIn(read())
