import { Interruption } from "./RuntimeFlags.js"

export const disable = (flag: number): number => Interruption - flag
