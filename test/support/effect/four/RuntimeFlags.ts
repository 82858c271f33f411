/** Whether a fiber can be interrupted, which is all that Effect 4 has of the runtime's flags. */
export const Interruption = 1

export const interruption = (flags: number): boolean => flags === Interruption
