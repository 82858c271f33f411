/** A script, and the shell that runs it. */

/** The program and its arguments that run a script, as Node's `shell` option has it: the system's shell, or that of a path. */
export const shellWords = (
  shell: true | string,
  script: string
): readonly [program: string, args: ReadonlyArray<string>] => {
  if (process.platform !== "win32") return [shell === true ? "/bin/sh" : shell, ["-c", script]]
  const program = shell === true ? (process.env["ComSpec"] ?? "cmd.exe") : shell
  return /^(?:.*\\)?cmd(?:\.exe)?$/i.test(program)
    ? [program, ["/d", "/s", "/c", script]]
    : [program, ["-c", script]]
}
