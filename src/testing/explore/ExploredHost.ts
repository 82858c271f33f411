/** The Host of an explored loop: Node's, but for turns, time and answers, which are the World's to give. */
import { EffectFuture } from "../../Loop/fiber/Fibers.js"
import { Waiting } from "../../Loop/fiber/Wait.js"
import { NodeHost } from "../../Loop/host/NodeHost.js"
import { Job } from "../../Loop/executor/Job.js"
import { functionName } from "../../Loop/kernel/describe.js"
import { Handle } from "../../Loop/kernel/Handle.js"
import type { ReadyQueue, Runnable } from "../../Loop/kernel/ports.js"
import { Task } from "../../Loop/kernel/Task.js"
import { TimerHandle } from "../../Loop/kernel/Timers.js"
import type { Choices } from "./Choices.js"
import type { Order } from "./options.js"
import { ReadyOrder } from "./ReadyOrder.js"
import type { World } from "./World.js"

/** What the library itself has queued. */
const machinery = "the loop"

/** What runs, for people. Numbers of tasks and fibers are left out: they are others in the next run. */
export const textOfRunnable = (runnable: Runnable): string => {
  if (runnable instanceof Task)
    return `task ${runnable._name} ${runnable.waitingOn().length === 0 ? "starts" : "goes on"}`
  if (runnable instanceof EffectFuture) return `effect ${runnable.name} starts`
  if (runnable instanceof Waiting) return "a fiber is resumed"
  if (runnable instanceof TimerHandle) return `timer ${functionName(runnable._callback)}`
  if (runnable instanceof Handle) return `callback ${functionName(runnable._callback)}`
  const waiter: unknown = "_waiter" in runnable ? runnable._waiter : undefined
  return waiter instanceof Task ? `task ${waiter._name} goes on` : machinery
}

export class ExploredHost extends NodeHost {
  readonly #world: World
  readonly #choices: Choices
  readonly #order: Order

  constructor(world: World, choices: Choices, order: Order, parts: ConstructorParameters<typeof NodeHost>) {
    super(...parts)
    this.#world = world
    this.#choices = choices
    this.#order = order
  }

  override now(): number {
    return this.#world.now()
  }

  override wake(turn: () => void): void {
    this.#world.turnOfLoop(turn)
  }

  override hop(turn: () => void): void {
    this.#world.turnOfLoop(turn)
  }

  override drain(turn: () => void): void {
    this.#world.turnOfLoop(turn)
  }

  override yield(turn: () => void): void {
    this.#world.turnOfLoop(turn)
  }

  override arm(when: number, fire: () => void): void {
    this.#world.arm(when, fire)
  }

  override disarm(): void {
    this.#world.disarm()
  }

  ready(): ReadyQueue {
    const world = this.#world
    return new ReadyOrder(this.#choices, this.#order, (runnable, before) => {
      const text = world.tells ? textOfRunnable(runnable) : machinery
      world.runs(text === machinery ? undefined : text, world.tells ? before.map(textOfRunnable) : [])
    })
  }

  gives(job: object): void {
    if (job instanceof Job) this.#world.gives(job)
  }

  arrives(job: object, deliver: () => void): void {
    const name = "name" in job ? String(job.name) : "a job"
    this.#world.arrives(job, deliver, `the answer of ${name} comes`)
  }
}
