/** The tree: only the lines that are to be seen are elements, however many there are. */
import { make, part, write } from "./dom.js"
import { DEEPEST, type Line, linesOf } from "./forest.js"
import type { Model } from "./Model.js"
import { lookOf, saying } from "./words.js"

const HEIGHT = 22
const INDENT = 16

export class TreeView {
  readonly #tree = part("tree")
  readonly #place = part("tree-lines")
  readonly #text = part("tree-text")
  readonly #filter = part<HTMLInputElement>("filter")
  readonly #opened = new Map<string, boolean>()
  readonly #elements: Array<HTMLElement> = []
  #lines: ReadonlyArray<Line> = []
  #chosen: string | undefined
  #circles: ReadonlySet<string> = new Set()
  #now = 0
  #again: () => void = () => {}

  /** `chose` is called with the row of the line that the user has chosen, if it has one. */
  constructor(private readonly chose: (id: string | undefined) => void) {
    this.#tree.addEventListener("scroll", () => this.#render())
    this.#tree.addEventListener("keydown", (event) => this.#key(event))
    this.#tree.addEventListener("click", (event) => this.#click(event))
    this.#filter.addEventListener("input", () => this.#again())
    new ResizeObserver(() => this.#render()).observe(this.#tree)
  }

  draw(model: Model, loop: string): void {
    this.#again = () => this.draw(model, loop)
    const loops = model.loops.filter(({ id }) => loop === "" || id === loop)
    this.#circles = new Set(loops.flatMap(({ circles }) => circles.flat()))
    this.#now = model.at
    this.#lines = linesOf(loops, model.rows, this.#opened, this.#filter.value)
    const more = loops.reduce((sum, one) => sum + one.more, 0)
    const rows = [...model.rows.values()].reduce((sum, { count }) => sum + count, 0)
    write(
      this.#text,
      `${rows.toLocaleString("en")} ${rows === 1 ? "row" : "rows"}${more === 0 ? "" : `; ${more.toLocaleString("en")} more are not shown: --rows takes more`}`
    )
    this.#place.style.height = `${this.#lines.length * HEIGHT}px`
    this.#render()
  }

  /** Shows the first line of a row. */
  show(id: string): void {
    const index = this.#lines.findIndex(({ row }) => row?.id === id)
    if (index < 0) return
    this.#choose(index)
    this.#tree.focus()
  }

  #render(): void {
    const first = Math.max(0, Math.floor(this.#tree.scrollTop / HEIGHT) - 5)
    const count = Math.min(this.#lines.length - first, Math.ceil(this.#tree.clientHeight / HEIGHT) + 10)
    for (let i = 0; i < count; i++) {
      let element = this.#elements[i]
      if (element === undefined) {
        element = make("div", "", { role: "treeitem" })
        element.append(make("span"), make("span"), make("span"), make("span"))
        this.#elements.push(element)
        this.#place.append(element)
      }
      this.#fill(element, this.#lines[first + i] as Line, first + i)
    }
    for (const element of this.#elements.splice(Math.max(0, count))) element.remove()
    const chosen = this.#lines.findIndex(({ key }) => key === this.#chosen)
    if (chosen >= first && chosen < first + count)
      this.#tree.setAttribute("aria-activedescendant", `line-${chosen}`)
    else this.#tree.removeAttribute("aria-activedescendant")
  }

  #fill(element: HTMLElement, line: Line, index: number): void {
    const { again, count, depth, key, loop, open, row } = line
    const [mark, what, name, said] = element.children as unknown as ReadonlyArray<HTMLElement>
    if (mark === undefined || what === undefined || name === undefined || said === undefined) return
    const { numbers } = loop
    write(mark, open === undefined ? "·" : open ? "▾" : "▸")
    const many = count > 1 && row !== undefined ? `${count.toLocaleString("en")} × ` : ""
    write(what, row === undefined ? "loop " : `${many}${row.what} `)
    write(name, row === undefined ? `${numbers.name} ` : `${row.name} `)
    const inCircle = row !== undefined && this.#circles.has(row.id)
    write(
      said,
      row === undefined
        ? `${numbers.state}, ${numbers.ready} ready, ${numbers.timers} timers${loop.thread === 0 ? "" : `, thread ${loop.thread}`}`
        : again
          ? "(see above)"
          : `${inCircle ? "waits in a circle, " : ""}${saying(row, this.#now)}${row.notes === "" ? "" : ` ${row.notes}`}`
    )
    mark.className = "mark"
    what.className = "what"
    name.className = "name"
    said.className = "said"
    element.className = `row${row === undefined ? "" : ` ${lookOf(row.state)}`}${inCircle ? " circle" : ""}`
    element.id = `line-${index}`
    element.style.top = `${index * HEIGHT}px`
    element.style.paddingLeft = `${4 + Math.min(depth, DEEPEST) * INDENT}px`
    element.setAttribute("aria-level", String(depth + 1))
    element.setAttribute("aria-selected", String(key === this.#chosen))
    if (open === undefined) element.removeAttribute("aria-expanded")
    else element.setAttribute("aria-expanded", String(open))
  }

  #click({ target }: Event): void {
    const element = (target as Element).closest(".row")
    if (element === null) return
    const index = Number(element.id.slice("line-".length))
    if ((target as Element).classList.contains("mark")) this.#open(index)
    this.#choose(index)
  }

  #key(event: KeyboardEvent): void {
    const at = this.#lines.findIndex(({ key }) => key === this.#chosen)
    const line = this.#lines[at]
    const page = Math.max(1, Math.floor(this.#tree.clientHeight / HEIGHT) - 1)
    const moves: Readonly<Record<string, () => void>> = {
      ArrowDown: () => this.#choose(at + 1),
      ArrowUp: () => this.#choose(Math.max(0, at - 1)),
      PageDown: () => this.#choose(Math.min(this.#lines.length - 1, at + page)),
      PageUp: () => this.#choose(Math.max(0, at - page)),
      Home: () => this.#choose(0),
      End: () => this.#choose(this.#lines.length - 1),
      ArrowRight: () => (line?.open === false ? this.#open(at) : this.#choose(at + 1)),
      ArrowLeft: () => (line?.open === true ? this.#open(at) : this.#choose(this.#above(at))),
      Enter: () => this.#open(at)
    }
    const move = moves[event.key]
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    move()
  }

  #above(at: number): number {
    const depth = this.#lines[at]?.depth ?? 0
    let index = at
    while (index > 0 && (this.#lines[index] as Line).depth >= depth) index--
    return index
  }

  #open(index: number): void {
    const line = this.#lines[index]
    if (line?.open === undefined) return
    this.#opened.set(line.key, !line.open)
    this.#again()
  }

  #choose(index: number): void {
    const line = this.#lines[index]
    if (line === undefined) return
    this.#chosen = line.key
    const top = index * HEIGHT
    if (top < this.#tree.scrollTop) this.#tree.scrollTop = top
    const bottom = top + HEIGHT - this.#tree.clientHeight
    if (bottom > this.#tree.scrollTop) this.#tree.scrollTop = bottom
    this.#render()
    this.chose(line.row?.id)
  }
}
