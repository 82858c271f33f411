/** Real file descriptors of every kind, made with the calls of the C library. Whatever a test opens is closed after it. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import koffi from "koffi"
import { afterEach } from "vitest"

const libc = koffi.load(null)
const call = (prototype: string) => {
  const f = libc.func(prototype)
  return (...args: Array<unknown>): number => {
    const result = f(...args) as number
    if (result < 0) throw new Error(`${prototype}: errno ${koffi.errno()}`)
    return result
  }
}

const c = {
  close: libc.func("int close(int)"),
  dup: call("int dup(int)"),
  dup2: call("int dup2(int, int)"),
  pipe2: call("int pipe2(void *, int)"),
  socketpair: call("int socketpair(int, int, int, void *)"),
  eventfd: call("int eventfd(uint32_t, int)"),
  timerfd: call("int timerfd_create(int, int)"),
  settime: call("int timerfd_settime(int, int, void *, void *)"),
  inotify: call("int inotify_init1(int)"),
  watch: call("int inotify_add_watch(int, const char *, uint32_t)"),
  syscall: call("long syscall(long, ...)"),
  epollCtl: call("int epoll_ctl(int, int, int, void *)"),
  getrlimit: call("int getrlimit(int, void *)"),
  setrlimit: call("int setrlimit(int, void *)"),
  openpt: call("int posix_openpt(int)"),
  grantpt: call("int grantpt(int)"),
  unlockpt: call("int unlockpt(int)"),
  ptsname: libc.func("int ptsname_r(int, void *, size_t)"),
  fcntl: call("int fcntl(int, int, int)"),
  mkfifo: call("int mkfifo(const char *, uint32_t)"),
  poll: libc.func("int poll(void *, uint64_t, int)"),
  shutdown: call("int shutdown(int, int)")
}

const NONBLOCK = 0o4000
const CLOEXEC = 0o2000000

const opened = new Set<number>()
const folders: Array<string> = []

/** Whatever else the process opens gets the lowest number that is free: those from here on stay a test's own. */
const APART = 500
const F_DUPFD_CLOEXEC = 1030

/** A descriptor that was opened by other means is closed after the test, too. */
export const adopt = (fd: number): number => {
  opened.add(fd)
  return fd
}

/** Under a number that nobody else gets, also after it has been closed: a test of closed numbers can rely on that. */
const own = (fd: number): number => {
  const moved = c.fcntl(fd, F_DUPFD_CLOEXEC, APART)
  c.close(fd)
  return adopt(moved)
}

/** Closes it now. A number that is not of this test, or no longer, may be anybody's: the loop's own set, for one. */
export const close = (fd: number): void => {
  if (opened.delete(fd)) c.close(fd)
}

/** Somebody else closes it, or has. */
export const disown = (fd: number): void => void opened.delete(fd)

afterEach(() => {
  for (const fd of opened) c.close(fd)
  opened.clear()
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true })
})

export const isOpen = (fd: number): boolean => {
  try {
    fs.fstatSync(fd)
    return true
  } catch {
    return false
  }
}

/** How many descriptors the process has. */
export const countFds = (): number => fs.readdirSync("/proc/self/fd").length

const twoInts = (make: (into: Int32Array) => void): readonly [number, number] => {
  const pair = new Int32Array(2)
  make(pair)
  return [own(pair[0]!), own(pair[1]!)]
}

/** Not blocking, so that a mistake does not hang the test; `blocking` asks for the default of the system. */
export const pipe = (blocking = false): readonly [read: number, write: number] =>
  twoInts((into) => c.pipe2(into, CLOEXEC | (blocking ? 0 : NONBLOCK)))

const kinds = { stream: 1, datagram: 2, seqpacket: 5 }
export const socketPair = (kind: keyof typeof kinds = "stream"): readonly [number, number] =>
  twoInts((into) => c.socketpair(1, kinds[kind] | CLOEXEC | NONBLOCK, 0, into))

export const eventFd = (count = 0): number => own(c.eventfd(count, CLOEXEC | NONBLOCK))

/** Expires after so many milliseconds. */
export const timerFd = (ms: number): number => {
  const fd = own(c.timerfd(1, CLOEXEC | NONBLOCK))
  c.settime(fd, 0, new BigInt64Array([0n, 0n, 0n, BigInt(ms) * 1_000_000n]), null)
  return fd
}

export const folder = (): string => {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), "A-readers-"))
  folders.push(made)
  return made
}

/** Tells of files that are made in the folder. */
export const inotifyFd = (of: string): number => {
  const fd = own(c.inotify(CLOEXEC | NONBLOCK))
  c.watch(fd, of, 0x100)
  return fd
}

export const pidFd = (pid: number): number => own(c.syscall(434, "int", pid, "uint", 0))

export const epollFd = (): number => own(libc.func("int epoll_create1(int)")(CLOEXEC) as number)

/** Has one set watch another descriptor; gives the set. */
export const nest = (fd: number, set: number): number => {
  const event = new Int32Array([1, fd, 0, 0])
  c.epollCtl(set, 1, fd, event)
  return set
}

/** Both ends of a named pipe. */
export const fifo = (): readonly [read: number, write: number] => {
  const at = path.join(folder(), "fifo")
  c.mkfifo(at, 0o600)
  const read = own(fs.openSync(at, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK))
  return [read, own(fs.openSync(at, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK))]
}

/** The two ends of a pseudo-terminal, which hands bytes over as they are. */
export const pty = (): readonly [master: number, slave: number] => {
  const master = own(c.openpt(fs.constants.O_RDWR | fs.constants.O_NOCTTY | NONBLOCK))
  c.grantpt(master)
  c.unlockpt(master)
  const name = Buffer.alloc(64)
  c.ptsname(master, name, 64)
  const at = name.toString("latin1", 0, name.indexOf(0))
  return [master, own(fs.openSync(at, fs.constants.O_RDWR | fs.constants.O_NOCTTY | NONBLOCK))]
}

export const dup = (fd: number): number => own(c.dup(fd))

/** `fd` becomes another name of what `of` is; what it was is closed. */
export const dup2 = (of: number, fd: number): number => adopt(c.dup2(of, fd))

export const isBlocking = (fd: number): boolean => (c.fcntl(fd, 3, 0) & NONBLOCK) === 0

/** No more is sent from this end. */
export const shutdownWrite = (fd: number): void => void c.shutdown(fd, 1)

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code)

/** What is there now, at most so many bytes; "" at the end, and the code of the error otherwise. */
export const read = (fd: number, most = 65_536): string => {
  const into = Buffer.alloc(most)
  try {
    return into.toString("latin1", 0, fs.readSync(fd, into))
  } catch (error) {
    return codeOf(error)
  }
}

export const write = (fd: number, text: string): string => {
  try {
    return String(fs.writeSync(fd, text))
  } catch (error) {
    return codeOf(error)
  }
}

/** Writes until nothing more goes in; the bytes that did. */
export const fill = (fd: number): number => {
  const chunk = Buffer.alloc(65_536)
  for (let all = 0, size = chunk.length; ;) {
    try {
      all += fs.writeSync(fd, chunk, 0, size)
    } catch {
      if (size === 1) return all
      size = 1
    }
  }
}

/** One more for an eventfd. */
export const count = (fd: number): void =>
  void fs.writeSync(fd, new Uint8Array(new BigUint64Array([1n]).buffer))

/** What poll(2) says of many descriptors: whether each is ready to read or write, ends and errors being both. */
export const polled = (fds: ReadonlyArray<number>): ReadonlyArray<{ read: boolean; write: boolean }> => {
  const structs = new Int32Array(fds.length * 2)
  fds.forEach((fd, i) => {
    structs[i * 2] = fd
    structs[i * 2 + 1] = 1 | 4
  })
  c.poll(structs, fds.length, 0)
  return fds.map((_, i) => {
    const got = (structs[i * 2 + 1]! >> 16) & 0xffff
    return { read: (got & ~4) !== 0, write: (got & ~1) !== 0 }
  })
}

/** While `body` runs, the process may open no more descriptors. */
export const withoutFds = async (body: () => Promise<void>): Promise<void> => {
  const limits = new BigUint64Array(2)
  c.getrlimit(7, limits)
  const most = Math.max(...fs.readdirSync("/proc/self/fd").map(Number)) + 1
  const fillers: Array<number> = []
  c.setrlimit(7, new BigUint64Array([BigInt(most), limits[1]!]))
  try {
    for (;;) fillers.push(c.dup(0))
  } catch {
    // There is none left now.
  }
  try {
    await body()
  } finally {
    c.setrlimit(7, limits)
    for (const fd of fillers) c.close(fd)
  }
}
