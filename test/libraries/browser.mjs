/** Has Chromium for the tests of the page, and says so where it cannot be had: they are skipped then. */
import { ensure, isRoot } from "./apt.mjs"

const file = "/usr/bin/chromium"
console.log(
  ensure(file, "chromium")
    ? `the page is tested in ${file}`
    : `the page is tested in no browser: there is no ${file}, and ${isRoot ? "apt-get cannot install it" : "this is not root, who could install it"}`
)
