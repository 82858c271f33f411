/** Why nothing can be told, in one line, and the exit code that says so. */
export class CliError extends Error {
  constructor(
    message: string,
    /** 2 where the command is wrong, 1 where it is right and cannot be done. */
    readonly code: 1 | 2 = 1
  ) {
    super(message)
  }
}
