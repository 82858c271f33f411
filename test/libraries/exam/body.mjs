/** What every answer of the exam is: longer than one packet, so that a part of it can be missing. */
export const BODY = "0123456789abcdef".repeat(4_096)
