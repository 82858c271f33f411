/**
 * Classes by the names that their sources give them. A bundle says `var Future = class _Future {` of a class that names itself, and what
 * that shows of itself would read `<_Future pending>`. The inner name may be the outer one: it stands for the same. No line is
 * added or lost.
 */
const renamed = /\b(?:var|let|const) (\w+) = class _\1\b/g

/** @param {string} bundle */
export const ownNames = (bundle) => {
  const names = new Set([...bundle.matchAll(renamed)].map(([, name]) => `_${name}`))
  return names.size === 0
    ? bundle
    : bundle.replaceAll(/\b_\w+\b/g, (word) => (names.has(word) ? word.slice(1) : word))
}
