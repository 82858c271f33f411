/**
 * The page in a real browser, told of programs that are none, and of one that is.
 *
 * Covers: details, dom, Flame, main, notices, Plots, TreeView
 */
import { readFileSync } from "node:fs"
import type { Page } from "playwright-core"
import { afterEach, describe, expect, it } from "vitest"
import { PageServer } from "../../../src/cli/ui/PageServer.js"
import { Sampler } from "../../../src/cli/ui/Sampler.js"
import type { ThreadDumps } from "../../../src/cli/Viewed.js"
import { noBrowser, pagesOf } from "../../support/browser.js"
import { compiled } from "../../support/compiled.js"
import { TIMEOUT } from "../../support/programs.js"
import { dumpSeen, rowSeen, threadSeen, viewedAs } from "../../support/seen.js"

const open = pagesOf()
const page = readFileSync(compiled("src/cli/page.html"), "utf8")

const servers: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of servers.splice(0)) await close()
})

/** A program that looks as `see` says, until it is ended. */
const serve = async (see: () => ReadonlyArray<ThreadDumps>, { every = 50, most = 20_000 } = {}) => {
  let lives = true
  const sampler = new Sampler({ pid: 4711, every, most, open: async () => viewedAs(see), lives: () => lives })
  const server = await PageServer.open({ host: "127.0.0.1", port: 0, page, sampler })
  servers.push(async () => {
    server.close()
    await sampler.close()
  })
  const end = async (): Promise<void> => {
    lives = false
    await sampler.ended
    await server.end()
  }
  return { url: server.url, end }
}

/** The lines of the tree that are elements. */
const linesOf = (page: Page) => page.locator("#tree [role=treeitem]").allInnerTexts()

/** How many frames of the timeline are drawn in a second, and what it says that it shows. */
const framesOf = async (page: Page): Promise<{ readonly perSecond: number; readonly text: string }> =>
  page.evaluate(`(async () => {
    const next = () => new Promise(requestAnimationFrame)
    await next()
    const [from, frames] = [performance.now(), window.frames_drawn]
    while (performance.now() - from < 2_000) await next()
    const text = document.querySelector("#timeline-text").textContent
    return { perSecond: ((window.frames_drawn - frames) * 1_000) / (performance.now() - from), text }
  })()`)

describe.skipIf(noBrowser !== undefined)(
  `the page in Chromium${noBrowser === undefined ? "" : `: ${noBrowser}`}`,
  () => {
    it(
      "draws 10,000 tasks that come and go at 30 frames a second or more, however low their lanes are",
      async () => {
        let first = 1
        const began = performance.now()
        const see = (): ReadonlyArray<ThreadDumps> => {
          const now = performance.now() - began
          first += 50
          const rows = Array.from({ length: 10_000 }, (_, i) => {
            const key = first + i
            const state = key % 10 === 0 ? "cancelling" : "pending"
            return rowSeen({ key, name: `query ${key}`, age: Math.max(1, now - key * 10 + 100_000), state })
          })
          return [threadSeen([dumpSeen(rows, { loop: { callbacks: first } })])]
        }
        const { url } = await serve(see, { every: 500 })
        const { complaints, page } = await open(url)
        await page.locator("#tree-text", { hasText: "10,000 rows" }).waitFor()
        for (const lanes of ["18", "6", "2"]) {
          await page.locator("#lanes").selectOption(lanes)
          const { perSecond, text } = await framesOf(page)
          console.log(
            `10,000 tasks, lanes of ${lanes} pixels: ${perSecond.toFixed(1)} frames a second; ${text}`
          )
          expect(perSecond).toBeGreaterThanOrEqual(30)
        }
        expect(complaints).toEqual([])
      },
      TIMEOUT
    )

    it(
      "draws the lives of 10,000 tasks, all of them in sight, at 30 frames a second or more",
      async () => {
        let looks = 0
        const see = (): ReadonlyArray<ThreadDumps> => {
          looks++
          const rows = Array.from({ length: 100 }, (_, i) =>
            rowSeen({ key: looks * 100 + i, name: `query ${i}`, age: 1 })
          )
          return [threadSeen([dumpSeen(rows)])]
        }
        const { url } = await serve(see)
        const { complaints, page } = await open(url, { viewport: { width: 1280, height: 1_500 } })
        await page.locator("#lanes").selectOption("2")
        await page.locator("#timeline-text", { hasText: /\D1\d,\d{3} in sight/ }).waitFor()
        const { perSecond, text } = await framesOf(page)
        console.log(`${perSecond.toFixed(1)} frames a second; ${text}`)
        expect(perSecond).toBeGreaterThanOrEqual(30)
        expect(complaints).toEqual([])
      },
      TIMEOUT
    )

    it(
      "shows text of the program as text, whatever is in it, and cuts what is long",
      async () => {
        const evil = `<img src=x onerror="document.title='run'"></script><script>document.title='run'</script>`
        const rows = [
          rowSeen({ key: 1, name: evil, createdAt: evil, waitingOn: evil, annotations: { [evil]: evil } }),
          rowSeen({ key: 2, name: "x".repeat(1_000_000) })
        ]
        const { url } = await serve(() => [
          threadSeen([dumpSeen(rows, { loop: { name: evil } })], { busy: [evil] })
        ])
        const { complaints, page } = await open(url)
        await page.locator("#tree").getByText(evil, { exact: false }).first().waitFor()
        expect(await page.locator("main img, main script, header img").count()).toBe(0)
        await page.locator("#tree [role=treeitem]", { hasText: "<img" }).last().click()
        expect(await page.locator("#detail").innerText()).toContain(evil)
        expect(await page.title()).toBe("effect-aio, pid 4711")
        const longest = Math.max(...(await linesOf(page)).map((line) => line.length))
        expect(longest).toBeLessThan(2_000)
        expect(complaints).toEqual([])
      },
      TIMEOUT
    )

    it(
      "is used by keys alone: the tree is opened and shut, searched, and a life of the timeline is shown in it",
      async () => {
        const rows = [
          rowSeen({ key: 1, what: "fiber", name: "#1", state: "running", age: 50, waitsFor: [2] }),
          rowSeen({ key: 2, name: "load users", age: 40 }),
          ...Array.from({ length: 20 }, (_, i) => rowSeen({ key: 10 + i, name: "idle", age: 30 }))
        ]
        const { url } = await serve(() => [threadSeen([dumpSeen(rows)])])
        const { complaints, page } = await open(url)
        const tree = page.locator("#tree")
        await tree.getByText("20 ×").waitFor()
        const names = async () =>
          (await linesOf(page)).map((line) => line.replaceAll(/\s+/g, " ").split(",")[0])
        const closed = [
          "▾loop loop-1 running",
          "▾fiber #1 running",
          "·task load users pending",
          "▸20 × task idle pending"
        ]
        expect(await names()).toEqual(closed)
        await tree.focus()
        for (const key of ["Home", "ArrowDown", "ArrowLeft"]) await page.keyboard.press(key)
        expect(await names()).toEqual([closed[0], "▸fiber #1 running", closed[3]])
        for (const key of ["ArrowRight", "End", "Enter"]) await page.keyboard.press(key)
        // As many of them as are in sight.
        expect((await names()).slice(3, 9)).toEqual([
          "▾20 × task idle pending",
          ...Array.from({ length: 5 }, () => "·task idle pending")
        ])
        expect(await page.locator("[aria-selected=true]").getAttribute("aria-expanded")).toBe("true")
        expect(await tree.getAttribute("aria-activedescendant")).toBe("line-3")
        await page.locator("#filter").fill("users")
        expect(await names()).toEqual([closed[0], "·task load users pending"])
        await page.locator("#filter").fill("")
        await page.locator("#timeline").focus()
        for (const key of ["ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(key)
        expect(await page.locator("[aria-selected=true]").innerText()).toMatch(/load users/)
        expect(await page.locator("#detail").innerText()).toMatch(/waited for by\s+fiber #1/)
        expect(complaints).toEqual([])
      },
      TIMEOUT
    )

    it(
      "says what is wrong and how far the closing is, holds still when it is told to, and keeps what was seen last",
      async () => {
        const body = rowSeen({ key: 1, what: "effect", name: "body of loop-1", state: "interrupting" })
        const circle = [
          rowSeen({ key: 2, name: "half 0", waitsFor: [2], state: "cancelling" }),
          rowSeen({ key: 3, name: "half 1", waitsFor: [1], state: "cancelling" })
        ]
        let threads: ReadonlyArray<ThreadDumps> = []
        const { end, url } = await serve(() => threads)
        const { complaints, page } = await open(url)
        const notices = page.locator("#notices")
        await notices.getByText("no loop is open").waitFor()
        threads = [
          threadSeen([dumpSeen([body])]),
          threadSeen([dumpSeen([], { loop: { name: "loop-2" } })], { thread: 3 })
        ]
        await page.getByText("▸ program: 1 left").waitFor()
        expect(await page.locator("#loop option").allInnerTexts()).toEqual([
          "all",
          "loop-1",
          "loop-2, thread 3"
        ])
        threads = [
          threadSeen([dumpSeen(circle, { circles: [[1, 2]], loop: { state: "closing" } })], {
            busy: ["spin (a.js:1)"]
          })
        ]
        await page.getByText("▸ work: 2 left").waitFor()
        expect(await page.locator("#closing li").allInnerTexts()).toEqual([
          "✓ program",
          "✓ servers",
          "▸ work: 2 left",
          "crossings",
          "executors",
          "processes",
          "watchers"
        ])
        expect(await page.locator("#status").innerText()).toBe("closing")
        await notices
          .getByText("they wait for each other, for ever: task half 0 → task half 1 → task half 0")
          .waitFor()
        await notices.getByText("the main thread is busy with").waitFor()
        await page.keyboard.press("Space")
        threads = []
        await notices.getByText("no loop is open").waitFor()
        expect(await linesOf(page)).toHaveLength(4)
        threads = [threadSeen([dumpSeen(circle)])]
        await notices.getByText("no loop is open").waitFor({ state: "detached" })
        await page.keyboard.press("Space")
        await end()
        await notices.getByText("process 4711 has ended").waitFor()
        expect(await page.locator("#status").innerText()).toBe("ended")
        expect((await linesOf(page)).join()).toMatch(/half 0/)
        expect(complaints).toEqual([])
      },
      TIMEOUT
    )

    it(
      "tells light from dark, and does not move on for who wants less motion",
      async () => {
        const { url } = await serve(() => [threadSeen([dumpSeen([rowSeen()])])], { every: 200 })
        const colours: Array<unknown> = []
        for (const colorScheme of ["light", "dark"] as const) {
          const { complaints, page } = await open(url, { colorScheme, reducedMotion: "reduce" })
          await page.locator("#tree-text", { hasText: "1 row" }).waitFor()
          colours.push(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
          expect((await framesOf(page)).perSecond).toBeLessThan(20)
          expect(complaints).toEqual([])
          await page.close()
        }
        expect(colours).toEqual(["rgb(255, 255, 255)", "rgb(20, 23, 27)"])
      },
      TIMEOUT
    )
  }
)
