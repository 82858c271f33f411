/** The compiled files of the project (compiledFolder.ts): what a test starts in a process or in a worker thread. */
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { inject } from "vitest"

declare module "vitest" {
  interface ProvidedContext {
    compiled: string
  }
}

/** The folder that stands for the project's root: `src`, `test/fixtures`, `examples` and `node_modules` are in it. */
export const compiledRoot = inject("compiled")

/** The compiled file of a source, given by its path from the root. */
export const compiled = (source: string): string => join(compiledRoot, source.replace(/\.ts$/, ".js"))

/** The same as a URL, which a `Worker` takes. */
export const compiledUrl = (source: string): URL => pathToFileURL(compiled(source))
