/**
 * The timeline: a bar for each task, fiber and other thing with a life, below what waits for it. Drawn by hand on a canvas: the
 * libraries for flame charts draw a profile that has ended, and those for time lines an element a bar; here ten thousand bars grow
 * with each frame.
 */
import { colour, onTheme, part, write } from "./dom.js"
import { type Layout, layoutOf } from "./layout.js"
import type { Bar, Model } from "./Model.js"
import { lasting, type Look, lookOf, titleOf } from "./words.js"

/** The heights that lanes may have, in pixels. */
const HEIGHTS = [18, 6, 2]

/** A lane that is lower has no room for text. */
const TEXT = 12

/** The axis of time above the lanes, in pixels. */
const AXIS = 20

const NARROWEST = 100
const WIDEST = 5 * 60_000

const kinds = ["task", "fiber", "job", "request"] as const
type Kind = (typeof kinds)[number] | "other"
const kindOf = (bar: Bar): Kind => kinds.find((kind) => kind === bar.row.what) ?? "other"

/** Distances of marks on the axis, in milliseconds. */
const STEPS = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000]

/** What is drawn with one colour at once: a path for each is slow. */
type Batches = Map<string, Path2D>

export class Flame {
  readonly #scroller = part("timeline")
  readonly #canvas = part<HTMLCanvasElement>("flame")
  readonly #spacer = part("flame-height")
  readonly #text = part("timeline-text")
  readonly #context = this.#canvas.getContext("2d") as CanvasRenderingContext2D
  #layout: Layout = { lanes: [], laneOf: new Map() }
  #laidOut = -1
  #span = 30_000
  /** The right end, where it does not follow what is now. */
  #right: number | undefined
  #height = 0
  #given = 0
  #model: Model | undefined
  #loop = ""
  #bars: ReadonlyArray<Bar> = []
  #chosen: Bar | undefined
  #hatch: CanvasPattern | null = null
  #colours: Readonly<Record<string, string>> = {}
  #frames = 0

  /** `chose` is called with the bar that the user has chosen, `wanted` when it is to be shown in the tree. */
  constructor(
    private readonly chose: (bar: Bar) => void,
    private readonly wanted: (bar: Bar) => void
  ) {
    this.#theme()
    onTheme(() => this.#theme())
    new ResizeObserver(() => this.#resize()).observe(this.#scroller)
    this.#scroller.addEventListener("keydown", (event) => this.#key(event))
    this.#scroller.addEventListener("wheel", (event) => this.#wheel(event), { passive: false })
    this.#drag()
    part("zoom-in").addEventListener("click", () => this.#zoom(1 / 1.6))
    part("zoom-out").addEventListener("click", () => this.#zoom(1.6))
    part("follow").addEventListener("click", () => this.#follow())
    const lanes = part<HTMLSelectElement>("lanes")
    lanes.addEventListener("change", () => {
      this.#given = Number(lanes.value)
      this.#fit()
    })
  }

  /** How many frames were drawn. */
  get frames(): number {
    return this.#frames
  }

  /** New bars, or another loop. */
  take(model: Model, loop: string): void {
    if (model === this.#model && loop === this.#loop && model.shape === this.#laidOut) return
    this.#model = model
    this.#loop = loop
    this.#laidOut = model.shape
    this.#bars = model.bars.filter(({ row }) => loop === "" || row.loop === loop)
    this.#layout = layoutOf(this.#bars)
    this.#fit()
  }

  #fit(): void {
    const room = this.#scroller.clientHeight - AXIS
    const { length } = this.#layout.lanes
    const fits = HEIGHTS.find((height) => length * height <= 4 * room) ?? 2
    this.#height = this.#given === 0 ? fits : this.#given
    this.#spacer.style.height = `${Math.max(0, AXIS + length * this.#height - this.#scroller.clientHeight)}px`
  }

  #resize(): void {
    const { clientHeight, clientWidth } = this.#scroller
    const ratio = devicePixelRatio
    this.#canvas.width = clientWidth * ratio
    this.#canvas.height = clientHeight * ratio
    this.#canvas.style.width = `${clientWidth}px`
    this.#canvas.style.height = `${clientHeight}px`
    this.#fit()
    if (this.#model !== undefined) this.draw(this.#model.at)
  }

  #theme(): void {
    const names = ["panel", "line", "text", "dim", "accent", "warn", ...kinds, "other"]
    this.#colours = Object.fromEntries(names.map((name) => [name, colour(`--${name}`)]))
    const tile = document.createElement("canvas")
    tile.width = tile.height = 8
    const context = tile.getContext("2d") as CanvasRenderingContext2D
    context.strokeStyle = this.#colours["warn"] as string
    context.lineWidth = 2
    context.beginPath()
    for (const x of [-8, 0, 8]) {
      context.moveTo(x, 8)
      context.lineTo(x + 8, 0)
    }
    context.stroke()
    this.#hatch = this.#context.createPattern(tile, "repeat")
  }

  /** As it is at `now`, in milliseconds since 1970. */
  draw(now: number): void {
    const context = this.#context
    const { clientHeight, clientWidth: width, scrollTop } = this.#scroller
    this.#frames++
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
    context.fillStyle = this.#colours["panel"] as string
    context.fillRect(0, 0, width, clientHeight)
    const right = this.#right ?? now
    const left = right - this.#span
    const scale = width / this.#span
    const height = this.#height
    const first = Math.floor(scrollTop / height)
    const last = Math.min(this.#layout.lanes.length, Math.ceil((scrollTop + clientHeight) / height))
    const fills: Batches = new Map()
    const hatched = new Path2D()
    const thick = height > 4 ? height - 1 : height
    const labels: Array<readonly [Bar, number, number, number]> = []
    let seen = 0
    for (let lane = first; lane < last; lane++) {
      const y = AXIS + lane * height - scrollTop
      for (const bar of this.#layout.lanes[lane] as ReadonlyArray<Bar>) {
        const end = bar.end ?? Math.max(now, bar.start)
        if (end < left || bar.start > right) continue
        seen++
        const x = Math.max(0, (bar.start - left) * scale)
        const wide = Math.max(1, Math.min(width, (end - left) * scale) - x)
        rectIn(fills, kindOf(bar), x, y, wide, thick)
        this.#hatchedParts(hatched, bar, left, scale, width, y, thick, end)
        if (height >= TEXT && wide > 30) labels.push([bar, x, wide, y])
      }
    }
    for (const [kind, path] of fills) {
      context.fillStyle = this.#colours[kind] as string
      context.fill(path)
    }
    if (this.#hatch !== null) {
      context.fillStyle = this.#hatch
      context.fill(hatched)
    }
    this.#labels(labels)
    this.#links(left, scale, scrollTop, now)
    this.#axis(left, right, scale, width)
    write(
      this.#text,
      `${this.#bars.length.toLocaleString("en")} lives, ${seen.toLocaleString("en")} in sight, ${lasting(this.#span)} wide`
    )
  }

  #hatchedParts(
    path: Path2D,
    { parts }: Bar,
    left: number,
    scale: number,
    width: number,
    y: number,
    height: number,
    end: number
  ): void {
    for (let i = 0; i < parts.length; i++) {
      const { from, state } = parts[i] as (typeof parts)[number]
      if (lookOf(state) !== ("stopping" satisfies Look)) continue
      const x = Math.max(0, (from - left) * scale)
      const until = Math.min(width, ((parts[i + 1]?.from ?? end) - left) * scale)
      if (until > x) path.rect(x, y, until - x, height)
    }
  }

  #labels(labels: ReadonlyArray<readonly [Bar, number, number, number]>): void {
    const context = this.#context
    context.font = "12px system-ui, sans-serif"
    context.textBaseline = "middle"
    context.fillStyle = this.#colours["text"] as string
    for (const [bar, x, wide, y] of labels) {
      // A letter is some seven pixels wide: cutting by their number is cheaper than by measuring.
      const room = Math.floor((wide - 8) / 7)
      const text = `${titleOf(bar.row)}, ${bar.end === undefined ? bar.row.state : lasting(bar.end - bar.start)}`
      context.fillText(
        text.length > room ? `${text.slice(0, Math.max(1, room - 1))}…` : text,
        x + 4,
        y + this.#height / 2
      )
    }
  }

  /** The chosen one, and the joins: whom it waits for, and who waits for it. */
  #links(left: number, scale: number, scrollTop: number, now: number): void {
    const chosen = this.#chosen
    const lane = chosen === undefined ? undefined : this.#layout.laneOf.get(chosen)
    if (chosen === undefined || lane === undefined) return
    const context = this.#context
    const yOf = (at: number): number => AXIS + at * this.#height - scrollTop
    const x = (chosen.start - left) * scale
    context.strokeStyle = this.#colours["accent"] as string
    context.lineWidth = 2
    context.strokeRect(x, yOf(lane), Math.max(2, ((chosen.end ?? now) - chosen.start) * scale), this.#height)
    context.setLineDash([4, 3])
    context.beginPath()
    for (const other of this.#bars) {
      const joins = chosen.row.waitsFor.includes(other.id) || other.row.waitsFor.includes(chosen.id)
      const its = joins || chosen.under === other ? this.#layout.laneOf.get(other) : undefined
      if (its === undefined) continue
      const at = (Math.max(chosen.start, other.start) - left) * scale
      context.moveTo(at, yOf(lane) + this.#height / 2)
      context.lineTo(at, yOf(its) + this.#height / 2)
    }
    context.stroke()
    context.setLineDash([])
  }

  #axis(left: number, right: number, scale: number, width: number): void {
    const context = this.#context
    context.fillStyle = this.#colours["panel"] as string
    context.fillRect(0, 0, width, AXIS - 1)
    context.fillStyle = this.#colours["dim"] as string
    context.strokeStyle = this.#colours["line"] as string
    context.lineWidth = 1
    context.font = "11px system-ui, sans-serif"
    context.textBaseline = "middle"
    const step = STEPS.find((one) => one * scale >= 90) ?? (STEPS.at(-1) as number)
    context.beginPath()
    for (let at = Math.ceil(left / step) * step; at <= right; at += step) {
      const x = (at - left) * scale
      context.moveTo(x, 0)
      context.lineTo(x, AXIS - 1)
      context.fillText(timeOf(at, step), x + 4, AXIS / 2)
    }
    context.stroke()
  }

  #follow(): void {
    this.#right = undefined
    this.#said()
  }

  #said(): void {
    part("follow").setAttribute("aria-pressed", String(this.#right === undefined))
    if (this.#model !== undefined) this.draw(this.#model.at)
  }

  #zoom(by: number, around?: number): void {
    const before = this.#span
    this.#span = Math.min(WIDEST, Math.max(NARROWEST, before * by))
    if (this.#right !== undefined && around !== undefined)
      this.#right = around + ((this.#right - around) * this.#span) / before
    this.#said()
  }

  #move(ms: number): void {
    if (this.#model === undefined) return
    const right = (this.#right ?? this.#model.at) + ms
    this.#right = right >= this.#model.at ? undefined : right
    this.#said()
  }

  #wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.shiftKey) return
    event.preventDefault()
    const by = event.deltaY === 0 ? event.deltaX : event.deltaY
    if (event.shiftKey) return this.#move((by * this.#span) / 1_000)
    const right = this.#right ?? this.#model?.at ?? 0
    this.#zoom(Math.exp(by / 300), right - this.#span * (1 - event.offsetX / this.#scroller.clientWidth))
  }

  #drag(): void {
    let from: number | undefined
    let moved = false
    this.#canvas.addEventListener("pointerdown", (event) => {
      from = event.clientX
      moved = false
      this.#canvas.setPointerCapture(event.pointerId)
    })
    this.#canvas.addEventListener("pointermove", ({ clientX }) => {
      if (from === undefined || (!moved && Math.abs(clientX - from) < 4)) return
      moved = true
      this.#move(((from - clientX) * this.#span) / this.#scroller.clientWidth)
      from = clientX
    })
    this.#canvas.addEventListener("pointerup", (event) => {
      if (!moved) this.#pick(event.offsetX, event.offsetY)
      from = undefined
    })
    this.#canvas.addEventListener("dblclick", () => {
      if (this.#chosen !== undefined) this.wanted(this.#chosen)
    })
  }

  #pick(x: number, y: number): void {
    const now = this.#model?.at ?? 0
    const right = this.#right ?? now
    const at = right - this.#span * (1 - x / this.#scroller.clientWidth)
    const slack = (3 * this.#span) / this.#scroller.clientWidth
    const lane = Math.floor((y - AXIS + this.#scroller.scrollTop) / this.#height)
    const bar = this.#layout.lanes[lane]?.find(
      ({ end, start }) => start - slack <= at && at <= (end ?? now) + slack
    )
    if (bar !== undefined) this.#choose(bar)
  }

  #choose(bar: Bar): void {
    this.#chosen = bar
    const lane = this.#layout.laneOf.get(bar) ?? 0
    const top = lane * this.#height
    const room = this.#scroller.clientHeight - AXIS - this.#height
    if (top < this.#scroller.scrollTop) this.#scroller.scrollTop = top
    if (top > this.#scroller.scrollTop + room) this.#scroller.scrollTop = top - room
    this.chose(bar)
    this.#said()
  }

  /** The next one in sight, up or down. */
  #step(by: 1 | -1): void {
    const now = this.#model?.at ?? 0
    const right = this.#right ?? now
    const left = right - this.#span
    const from = this.#chosen === undefined ? -1 : (this.#layout.laneOf.get(this.#chosen) ?? -1)
    for (let lane = from + by; lane >= 0 && lane < this.#layout.lanes.length; lane += by) {
      const bar = this.#layout.lanes[lane]?.findLast(
        ({ end, start }) => start <= right && (end ?? now) >= left
      )
      if (bar !== undefined) return this.#choose(bar)
    }
  }

  #key(event: KeyboardEvent): void {
    const keys: Readonly<Record<string, () => void>> = {
      "+": () => this.#zoom(1 / 1.6),
      "=": () => this.#zoom(1 / 1.6),
      "-": () => this.#zoom(1.6),
      ArrowLeft: () => this.#move(-this.#span / 10),
      ArrowRight: () => this.#move(this.#span / 10),
      ArrowDown: () => this.#step(1),
      ArrowUp: () => this.#step(-1),
      End: () => this.#follow(),
      Enter: () => {
        if (this.#chosen !== undefined) this.wanted(this.#chosen)
      }
    }
    const act = keys[event.key]
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act()
  }
}

const rectIn = (
  batches: Batches,
  name: string,
  x: number,
  y: number,
  width: number,
  height: number
): void => {
  let path = batches.get(name)
  if (path === undefined) {
    path = new Path2D()
    batches.set(name, path)
  }
  path.rect(x, y, width, height)
}

const timeOf = (at: number, step: number): string => {
  const date = new Date(at)
  const two = (value: number): string => String(value).padStart(2, "0")
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return step < 1_000 ? `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}` : clock
}
