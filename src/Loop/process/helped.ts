/** What of a plan the helper process can carry out, and how it is told. */
import { resolve } from "node:path"
import type { HelpedEntry, Start } from "./helperProgram.js"
import type { SpawnPlan } from "./SubprocessOptions.js"

/** The child's numbers of its pipes; stderr has none of its own where it leads to where stdout does. */
export const pipesOf = ({ stderr, stdin, stdout }: SpawnPlan): ReadonlyArray<number> =>
  [stdin, stdout, stderr].flatMap((to, fd) => (to === "pipe" ? [fd] : []))

/** Where the child is to work; it may be where this process works, which may have been removed. */
const workingDirectory = (cwd: string | undefined): string | undefined => {
  try {
    return resolve(cwd ?? "")
  } catch {
    return undefined
  }
}

/**
 * What the helper is told, all included that it has from its own start otherwise; nothing for what it cannot start: a child that is
 * given something of this process's own beyond its first three descriptors. Pipes beyond the first three are not for it either:
 * its ends of them never block, and Node sees to it for the first three alone that a child's do.
 */
export const startOf = (plan: SpawnPlan): Start | undefined => {
  const { args, argv0, detached, env, fds, file, gid, stderr, stdin, stdout, uid } = plan
  const given = [stdin, stdout, stderr].some((to) => typeof to !== "string")
  if (process.platform === "win32" || fds.size > 0 || given) return undefined
  const cwd = workingDirectory(plan.cwd)
  if (cwd === undefined) return undefined
  const entry = (to: unknown, fd: number): HelpedEntry =>
    to === "pipe" ? { pipe: fd } : to === "inherit" ? to : "ignore"
  const out = entry(stdout, 1)
  return {
    file,
    args,
    stdio: [entry(stdin, 0), out, stderr !== "stdout" ? entry(stderr, 2) : out === "inherit" ? 1 : out],
    options: {
      argv0,
      cwd,
      env: env ?? { ...process.env },
      detached,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid })
    }
  }
}
