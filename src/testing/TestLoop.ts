/** A loop for tests: its promise code follows the test's clock, and what a test leaves on it fails the test. */

export { aio } from "./aio.js"
export type { AioTestContext, AioTester, AioTestOptions, EffectRunner } from "./aio.js"
export { autojump } from "./autojump.js"
export type { AutojumpOptions } from "./autojump.js"
export { expectClean } from "./clean.js"
export { layer } from "./layer.js"
export type { TestLoopOptions } from "./layer.js"
export { advance, settle } from "./moving.js"
export { NotCleanError } from "./NotCleanError.js"
export type { Leftover } from "../Loop/ports.js"
