/**
 * What a bundle imports, in the way that costs least to load.
 *
 * Node wraps each of its own modules that is imported in a module with all of its exports, and reads them to do so: of
 * `node:http` that loads a WebSocket client, 20 ms. And it looks each specifier up once for every file that names it. So a
 * module of Node's is taken by `process.getBuiltinModule`, and the modules of Effect by their names in `effect`, which the
 * library loads in any case: it has to see which line that is. No line is added or lost, so source maps stay true.
 */
const names = (/** @type {string} */ named) => named.replaceAll(/\b(\w+) as (\w+)\b/g, "$1: $2")

const builtin = (/** @type {string} */ _all, /** @type {string} */ clause, /** @type {string} */ module) =>
  `const ${clause.startsWith("{") ? names(clause) : clause.replace("* as ", "")} = process.getBuiltinModule("${module}");`

/** @param {string} bundle */
export const leanImports = (bundle) =>
  bundle
    .replaceAll(/^import (\{[^}]*\}|\* as \w+|\w+) from "(node:[\w/]+)";$/gm, builtin)
    .replaceAll(/^import \* as (\w+) from "effect\/([A-Z]\w*)";$/gm, (_all, name, module) =>
      name === module ? `import { ${name} } from "effect";` : `import { ${module} as ${name} } from "effect";`
    )
