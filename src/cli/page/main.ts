/** The page: what it is told, and what it shows of that. */
import type { Message } from "../ui/messages.js"
import { details } from "./details.js"
import { part, write } from "./dom.js"
import { Flame } from "./Flame.js"
import { Model } from "./Model.js"
import { drawClosing, drawLoops, drawNotices, drawStatus } from "./notices.js"
import { Plots } from "./Plots.js"
import { TreeView } from "./TreeView.js"

const model = new Model()
const plots = new Plots()
const pause = part<HTMLButtonElement>("pause")
const select = part<HTMLSelectElement>("loop")
let chosen: string | undefined
let paused = false

const choose = (id: string | undefined): void => {
  chosen = id
  details(model, chosen)
}
const tree = new TreeView(choose)
const flame = new Flame(
  ({ id, row }) => {
    choose(id)
    // It may have ended: then it has no line, and what was seen of it last is all there is.
    if (!model.rows.has(id)) details(model, id, row)
  },
  ({ id }) => tree.show(id)
)

/** The difference of the two clocks: the program may be looked at from another machine. */
let ahead = 0
const now = (): number => (model.status === "live" ? Date.now() - ahead : model.at)

const draw = (): void => {
  drawStatus(model)
  drawNotices(model)
  if (paused) return
  drawLoops(model)
  drawClosing(model)
  plots.draw(model, select.value)
  tree.draw(model, select.value)
  flame.take(model, select.value)
  if (chosen !== undefined && model.rows.has(chosen)) details(model, chosen)
}

/** While it lives the timeline moves with each frame. Whoever wants less motion gets a step with all that is told. */
const calm = matchMedia("(prefers-reduced-motion: reduce)")
const frame = (): void => {
  if (!paused && (model.status === "live" || model.status === "lost") && !calm.matches) flame.draw(now())
  requestAnimationFrame(frame)
}
requestAnimationFrame(frame)

const hold = (): void => {
  paused = !paused
  pause.setAttribute("aria-pressed", String(paused))
  write(pause, paused ? "go on" : "hold still")
  draw()
}
pause.addEventListener("click", hold)
document.addEventListener("keydown", (event) => {
  const { target } = event
  if (event.key !== " " || target instanceof HTMLInputElement || target instanceof HTMLButtonElement) return
  event.preventDefault()
  hold()
})
select.addEventListener("change", draw)

const events = new EventSource("events")
events.addEventListener("message", ({ data }: MessageEvent<string>) => {
  const message = JSON.parse(data) as Message
  ahead = Date.now() - message.at
  model.take(message)
  if (message.kind === "ended") events.close()
  draw()
  if (!paused && (calm.matches || message.kind === "ended")) flame.draw(model.at)
})
// The browser tries again by itself, but not where it was refused.
events.addEventListener("error", () => {
  if (model.status === "ended") return
  model.status = "lost"
  if (events.readyState === EventSource.CLOSED)
    model.trouble = "refused: eight pages may look at once. Load this one again"
  draw()
})

/** For who measures the page. */
Object.defineProperty(window, "frames_drawn", { get: () => flame.frames })
