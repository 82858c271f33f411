/**
 * The page of `effect-aio ui` as one file: its style, its code and the library that draws its plots are in it, and nothing is
 * loaded from anywhere.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (/** @type {string} */ path) =>
  readFileSync(new URL(`../${path}`, import.meta.url), "utf8").trim()

/** What is put into an element ends where that element does. */
const inside = (/** @type {string} */ text) =>
  text.replaceAll(/<\/(?=script|style)|<!--/gi, (tag) => `${tag[0]}\\${tag.slice(1)}`)

export const buildPage = async () => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    write: false,
    outdir: "dist/cli",
    entryPoints: { script: "src/cli/page/main.ts", style: "src/cli/page/style.css" },
    bundle: true,
    minify: true,
    format: "iife",
    target: ["chrome111", "firefox113", "safari16.4"],
    legalComments: "none",
    logLevel: "warning"
  })
  const made = (/** @type {string} */ end) => {
    const file = outputFiles.find(({ path }) => path.endsWith(end))
    if (file === undefined) throw new Error(`the page has no ${end}`)
    return inside(file.text.trim())
  }
  const licence = `uPlot, which draws the plots, is used under this licence:\n\n${read("node_modules/uplot/LICENSE")}`
  return read("src/cli/page/page.html")
    .replace("<!doctype html>", () => `<!doctype html>\n<!--\n${licence}\n-->`)
    .replace("/*STYLE*/", () => made("style.css"))
    .replace("/*SCRIPT*/", () => made("script.js"))
}
