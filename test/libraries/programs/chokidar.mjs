import { Stream } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { watch } from "chokidar"
import { acquireAio, fromEmitter } from "effect-aio"
import { program } from "./_harness.mjs"

const folder = mkdtempSync(join(tmpdir(), "effect-aio-watched-"))

// recipe: what happens in a folder, as a Stream
const open = acquireAio({ name: "watcher", open: () => watch(folder), close: (watcher) => watcher.close() })
const changes = (watcher) => fromEmitter(watcher, { event: "all", error: "error" })
// end

program({ open, call: (watcher) => Stream.runDrain(changes(watcher)) })
