/** Programs of Debian's, for what has to talk to real ones. */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"

export const isRoot = process.getuid?.() === 0

/** Has a program of Debian's, by installing its package where this is root. */
export const ensure = (file, aptPackage) => {
  if (existsSync(file)) return true
  if (!isRoot || !existsSync("/usr/bin/apt-get")) return false
  const apt = (...args) =>
    execFileSync("apt-get", ["-qq", ...args], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    })
  try {
    apt("update")
    apt("install", "-y", "--no-install-recommends", aptPackage)
  } catch {
    return false
  }
  return existsSync(file)
}
