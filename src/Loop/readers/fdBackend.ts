/**
 * How file descriptors are watched on this platform. `koffi`, an optional peer, calls the C library; it is loaded
 * when the first descriptor is watched, once in a thread.
 */
import { createRequire } from "node:module"
import { isMainThread } from "node:worker_threads"
import { EpollSet } from "./epoll.js"
import type { FdBackend } from "./FdPoller.js"
import { FdPollUnavailableError } from "../errors.js"
import { koffiPoll, type KoffiPoll } from "./koffiPoll.js"
import { KqueueSet, layoutOf } from "./kqueue.js"
import { pipePoll } from "./pipePoll.js"

/** A function of the C library. */
type CFunction = (...args: ReadonlyArray<unknown>) => number

/** What is used of koffi. No named types: it may be loaded more than once in a process. */
export interface Koffi {
  readonly version?: string
  load(path: null): { func(prototype: string): CFunction }
  errno(): number
  readonly node?: { readonly poll?: KoffiPoll }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined

const loadKoffi = (load: () => unknown): Koffi => {
  try {
    return load() as Koffi
  } catch (cause) {
    const code = codeOf(cause)
    throw new FdPollUnavailableError(
      code === "ERR_DLOPEN_DISABLED"
        ? "native addons are disabled (--no-addons, or --permission without --allow-addons)"
        : code === "MODULE_NOT_FOUND"
          ? "the optional peer koffi is not installed: npm install koffi@3"
          : "the optional peer koffi could not be loaded",
      { cause }
    )
  }
}

const epoll = (koffi: Koffi): FdBackend["open"] => {
  const library = koffi.load(null)
  const calls = {
    create: library.func("int epoll_create1(int)"),
    control: library.func("int epoll_ctl(int, int, int, void *)"),
    wait: library.func("int epoll_wait(int, void *, int, int)"),
    close: library.func("int close(int)"),
    errno: () => koffi.errno()
  }
  return (fd) => new EpollSet(calls, fd)
}

const kqueue = (koffi: Koffi, platform: string): FdBackend["open"] => {
  const library = koffi.load(null)
  const calls = {
    create: library.func("int kqueue()"),
    kevent: library.func("int kevent(int, void *, int, void *, int, void *)"),
    close: library.func("int close(int)"),
    errno: () => koffi.errno()
  }
  const layout = layoutOf(platform)
  return (fd) => new KqueueSet(calls, fd, layout)
}

interface System {
  readonly open: (koffi: Koffi, platform: string) => FdBackend["open"]
  /** `F_DUPFD_CLOEXEC` */
  readonly duplicate: number
}

const systems: Readonly<Record<string, System>> = {
  linux: { open: epoll, duplicate: 1030 },
  android: { open: epoll, duplicate: 1030 },
  darwin: { open: kqueue, duplicate: 67 },
  freebsd: { open: kqueue, duplicate: 17 }
}

/** How the set is polled in this thread. */
const pollOf = (koffi: Koffi, { duplicate }: System, mainThread: boolean): FdBackend["poll"] => {
  const { poll } = koffi.node as { readonly poll: KoffiPoll }
  if (mainThread) return (fd, callback) => koffiPoll(poll, fd, callback)
  const library = koffi.load(null)
  const control = library.func("int fcntl(int, int, ...)")
  const calls = {
    pipe: library.func("int pipe(void *)"),
    duplicate: (fd: number) => control(fd, duplicate, "int", 0),
    close: library.func("int close(int)"),
    errno: () => koffi.errno()
  }
  return (fd, callback, target) => pipePoll(calls, fd, callback, target)
}

/** The backend, where there is one. Throws {@link FdPollUnavailableError} with the reason. */
export const makeBackend = (
  platform: string,
  load: () => unknown,
  mainThread: boolean = isMainThread
): FdBackend => {
  const system = systems[platform]
  if (system === undefined) {
    throw new FdPollUnavailableError(
      `there is none for the platform ${platform}; pass streams and sockets themselves`
    )
  }
  const koffi = loadKoffi(load)
  if (typeof koffi.node?.poll !== "function") {
    throw new FdPollUnavailableError(
      `koffi ${koffi.version ?? "?"} has no node.poll; install koffi 3.3.4 or later`
    )
  }
  try {
    return { open: system.open(koffi, platform), poll: pollOf(koffi, system, mainThread) }
  } catch (cause) {
    throw new FdPollUnavailableError("the C library lacks the calls for it", { cause })
  }
}

let backend: FdBackend | undefined

/** The backend of this process, made at the first call that succeeds. */
export const fdBackend = (): FdBackend =>
  (backend ??= makeBackend(process.platform, () => createRequire(import.meta.url)("koffi")))
