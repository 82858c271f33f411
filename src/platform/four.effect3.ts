// What tsconfig.json takes for four.ts, which does not compile beside Effect 3.
import type { Four } from "./Parts.js"
export declare const four: Four
