/** A step of the library's own in the ready queue: it resumes no coroutine. */
import type { Runnable } from "./ports.js"

/** @internal */
export class Plain implements Runnable {
  constructor(readonly run: () => void) {}
  get resumes(): boolean {
    return false
  }
}
