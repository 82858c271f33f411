/** The parts of the page, and how it is written: text of the program is text, never markup. */

export const part = <E extends HTMLElement = HTMLElement>(id: string): E => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found as E
}

export const make = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text = "",
  attributes: Readonly<Record<string, string>> = {}
): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag)
  element.textContent = text
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}

/** Writes only what is new: a live region says what is written. */
export const write = (element: HTMLElement, text: string): void => {
  if (element.textContent !== text) element.textContent = text
}

/** A colour of the style, which follows light and dark. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** Calls `f` when the system changes between light and dark. */
export const onTheme = (f: () => void): void =>
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", f)
