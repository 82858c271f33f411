/**
 * The benchmark: `npm run bench -- [--quick] [--cpu] [--line 4] [--only PATTERN] [--contender PATTERN] [--library [NAME=]PATH]...
 * [--rounds N] [--json FILE]`. With `--all [--release NAME]` that is done on every version of Node and on both lines, and kept in
 * `results`.
 *
 * Exits with 1 when a contender gives a wrong result or does not end. No number makes it fail, but what is left on
 * the heap after a million crossings.
 */
import { everywhere } from "./all.js"
import { optionsOf } from "./options.js"
import { runHere } from "./runHere.js"

const options = optionsOf(process.argv.slice(2))
const failed = options.all ? everywhere(options) : await runHere(options)
process.exitCode = failed === 0 ? 0 : 1
