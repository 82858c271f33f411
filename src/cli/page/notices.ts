/** What is to be said of the whole: whether it lives, what is wrong, how far its closing is. */
import { make, part, write } from "./dom.js"
import type { Model } from "./Model.js"
import { phasesOf } from "./phases.js"
import { lasting, titleOf } from "./words.js"

const words = {
  waiting: "waiting for the program",
  live: "running",
  lost: "not reached: trying again",
  ended: "ended"
} as const

export const drawStatus = ({ by, loops, next, pid, rows, status }: Model): void => {
  const closing = loops.some((loop) => phasesOf(loop, rows.values()) !== undefined)
  const chip = part("status")
  write(chip, status === "live" && closing ? "closing" : words[status])
  chip.className = `chip ${status}`
  if (pid === undefined) return
  document.title = `${status === "ended" ? "ended: " : ""}effect-aio, pid ${pid}`
  write(part("pid"), `· pid ${pid}`)
  const threads = new Set(loops.map(({ thread }) => thread)).size
  const many = `${loops.length} ${loops.length === 1 ? "loop" : "loops"}${threads > 1 ? ` in ${threads} threads` : ""}`
  write(
    part("by"),
    status === "ended" ? `${many}, as seen last` : `${many}, by ${by}, every ${lasting(next)}`
  )
}

export const drawLoops = ({ loops }: Model): void => {
  const select = part<HTMLSelectElement>("loop")
  const ids = ["", ...loops.map(({ id }) => id)]
  if (ids.join("\n") === [...select.options].map(({ value }) => value).join("\n")) return
  const { value } = select
  const options = loops.map(({ id, numbers, thread }) =>
    make("option", `${numbers.name}${thread === 0 ? "" : `, thread ${thread}`}`, { value: id })
  )
  select.replaceChildren(make("option", "all", { value: "" }), ...options)
  select.value = ids.includes(value) ? value : ""
}

export const drawNotices = ({ loops, rows, status, threads, trouble }: Model): void => {
  const notices: Array<readonly [string, boolean]> = []
  if (trouble !== undefined) notices.push([trouble, status === "ended"])
  for (const { busy, thread } of threads)
    if (busy !== undefined)
      notices.push([
        `${thread === 0 ? "the main thread" : `thread ${thread}`} is busy with\n${busy.join("\n")}`,
        true
      ])
  for (const { circles } of loops)
    for (const circle of circles) {
      const names = [...circle, ...circle.slice(0, 1)].map((id) => {
        const row = rows.get(id)
        return row === undefined ? "something" : titleOf(row)
      })
      notices.push([`they wait for each other, for ever: ${names.join(" → ")}`, true])
    }
  if (status === "live" && loops.length === 0) notices.push(["no loop is open", false])
  const place = part("notices")
  const text = notices.map(([notice]) => notice).join("\n")
  // A live region says what is put into it: nothing new is not to be said.
  if (place.dataset["text"] === text) return
  place.dataset["text"] = text
  place.replaceChildren(
    ...notices.map(([notice, bad]) => make("div", notice, { class: bad ? "notice bad" : "notice" }))
  )
}

export const drawClosing = ({ loops, rows }: Model): void => {
  const place = part("closing")
  const lists = loops.flatMap((loop) => {
    const phases = phasesOf(loop, rows.values())
    if (phases === undefined) return []
    const list = make("ol")
    for (const { left, name, state } of phases) {
      const said = state === "done" ? "✓ " : state === "now" ? "▸ " : ""
      const item = make("li", `${said}${name}${left === 0 ? "" : `: ${left} left`}`, { "data-state": state })
      if (state === "now") item.setAttribute("aria-current", "step")
      list.append(item)
    }
    return [make("h2", `${loop.numbers.name} is closing`), list]
  })
  place.hidden = lists.length === 0
  place.replaceChildren(...lists)
}
