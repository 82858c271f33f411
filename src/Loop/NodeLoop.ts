/**
 * The loop with what Node lets it watch and run: file descriptors and streams, signals, child processes, other threads.
 * The methods only: each capability has a file of its own, and is made when it is first used.
 */
import type { DurationInput } from "../effect.js"
import { EffectLoop } from "./EffectLoop.js"
import { rememberSite } from "./kernel/describe.js"
import type { Future } from "./kernel/Future.js"
import type { WatchHandle } from "./kernel/WatchHandle.js"

/**
 * The event loop of an Effect program: asyncio's methods, and `effectAsFuture` and `runEffectTask` to start Effects
 * from aio code. Everything that is started on it belongs to the Scope it was opened in.
 *
 * @category models
 * @since 0.1.0
 */
export class NodeLoop extends EffectLoop {

}
